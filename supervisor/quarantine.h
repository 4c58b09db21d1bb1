/* The quarantine: which messages have killed actor workers, how often, and what is held
 * back for it until an operator releases it. Pure: no files, no clock.
 *
 * A message is known by its actor's address, method and arguments, so that the same
 * request, sent anew, is the same message. Deaths of one actor add up: where many
 * different messages to it have killed, or its activation has, the actor itself is held. */
#ifndef SUPERVISOR_QUARANTINE_H
#define SUPERVISOR_QUARANTINE_H

#include "common/buffer.h"
#include "proto/address.h"

#define QUARANTINE_MAX 1024        /* entries; beyond it the oldest that is not held is forgotten */
#define QUARANTINE_CAUSE_MAX 96    /* bytes */
#define QUARANTINE_FILE_MAX (1u << 20)

struct quarantine_limits {
	uint64_t message; /* deaths after which a message is held; 0: never */
	uint64_t actor;   /* deaths of whichever messages after which their actor is; 0: never */
	uint64_t period;  /* milliseconds after which a death that led to nothing is forgotten */
};

struct quarantine_entry {
	char address[ADDRESS_MAX + 1];
	char method[NAME_MAX_LENGTH + 1];   /* the last that killed */
	char cause[QUARANTINE_CAUSE_MAX];   /* of the last death */
	uint64_t fingerprint; /* proto/scoreboard.h; 0 where whole */
	bool whole;           /* the actor itself */
	bool held;
	uint32_t times;       /* deaths */
	uint64_t first, last; /* CLOCK_REALTIME ms */
};

/* Zeroed memory is an empty quarantine. */
struct quarantine {
	struct quarantine_entry *entries;
	uint32_t count;
};

struct quarantine_blame {
	struct bytes address, method, cause;
	uint64_t fingerprint;
	bool waking; /* not one message, but the activation before any */
};

enum quarantine_verdict {
	QUARANTINE_NOTED, /* and nothing follows yet */
	QUARANTINE_HELD,  /* something of this address is held from now on */
	QUARANTINE_FULL,  /* no room is left: everything known is held */
};

void quarantine_fini(struct quarantine *q);

enum quarantine_verdict quarantine_blame(struct quarantine *q, const struct quarantine_limits *limits,
                                         const struct quarantine_blame *blame, uint64_t now);

/* Forgets everything of an address; how many entries were held. */
uint32_t quarantine_release(struct quarantine *q, struct bytes address);

/* As a file's text, and back: -EINVAL with a sentence in error, then nothing is changed. */
void quarantine_format(const struct quarantine *q, struct buffer *out);
int quarantine_parse(struct quarantine *ret, struct bytes text, struct buffer *error);

#endif
