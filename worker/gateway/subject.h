/* A subject: one watched actor as a gateway sees it, and who watches it. Conflation,
 * min=, slow readers and resumption are one mechanism: the subject knows the number of
 * the version that last changed each member, a watch knows the version it has seen, and
 * what it is owed is the members changed after that. Pure: no sockets, no clock.
 *
 * A subject holds what one peer has said, its source, with nothing left out: the source
 * owned the shard in `epoch`, answered a watch request then, and every change since has come
 * over the same link. What others say is not taken in, though it be newer: what lies between
 * would be missed. The owner of a later epoch is asked for all changes since `version`
 * (until it answers: a renewal), and until then a former source's next changes of the same
 * numbering count, but nothing that does not go on from what is held. No watch and no relay
 * begins with an answer that the subject is not at: it is asked anew, behind that question.
 * So no state follows a newer one, every watch has seen the subject's numbering or is to
 * renew, and who is at the subject's version lacks nothing. */
#ifndef WORKER_GATEWAY_SUBJECT_H
#define WORKER_GATEWAY_SUBJECT_H

#include <sys/queue.h>

#include "common/timer.h"
#include "proto/address.h"
#include "proto/ipc.h"

struct pending;
struct session;

struct member {
	struct bytes name;  /* owned */
	struct bytes value; /* msgpack, owned; empty: removed */
	uint64_t changed;   /* number of the version that last changed it, as far as we know */
};

struct watch {
	TAILQ_ENTRY(watch) of_subject;
	TAILQ_ENTRY(watch) behind_next; /* in its session's list, while it is behind */
	struct subject *subject;
	struct session *session;
	struct bytes id;      /* owned */
	struct bytes members; /* msgpack array of names, owned; empty: all */
	struct version seen;
	uint64_t min_ms;      /* at most one event in so many */
	uint64_t sent_at;     /* of the last event */
	struct timer timer;   /* set while min= keeps an event back */
	uint64_t folded;      /* events since seen that concern it */
	bool behind;          /* in its session's list: owed, and not sent yet */
	bool renew;           /* owed a snapshot of everything instead */
};

TAILQ_HEAD(watch_list, watch);
TAILQ_HEAD(pending_list, pending);

#define SUBJECT_NO_SOURCE UINT32_MAX

struct subject {
	struct bytes address; /* owned */
	uint32_t shard;
	uint32_t source;      /* peer whose events are taken in, or SUBJECT_NO_SOURCE */
	uint64_t epoch;       /* of the shard, when its source answered; 0: its owner is to be asked */
	struct pending *renewal; /* its owner is being asked again; NULL: it is not */
	struct pending_list kept; /* answers that wait for that (kept.h) */
	struct version version; /* epoch 0: nothing is held yet */
	struct member *list;
	size_t count;
	struct watch_list watches;
	uint64_t relays[8];   /* bits of peers that watch through this gateway (peer.h) */
	unsigned asking;      /* watch requests under way */
};

struct subject *subject_new(struct bytes address, uint32_t shard);
void subject_free(struct subject *s);

/* Nobody watches and nobody is about to. */
bool subject_unused(const struct subject *s);

void subject_set_relay(struct subject *s, uint32_t bit, bool on);
bool subject_has_relay(const struct subject *s, uint32_t bit);

void subject_follow(struct subject *s, uint32_t source, uint64_t epoch);
void subject_part(struct subject *s); /* with its source: the owner is to be asked */
/* Its source is that peer, in that epoch, and nobody is being asked. */
bool subject_follows(const struct subject *s, uint32_t peer, uint64_t epoch);
void subject_reset(struct subject *s); /* there is nothing to hold any more */

enum subject_word {
	SUBJECT_PAST,  /* its source has included it, or will */
	SUBJECT_NEXT, SUBJECT_ANEW, SUBJECT_OVER,
	SUBJECT_APART, /* its source's, but not to be joined to what is held: that is its source no more */
};

/* What an event is to it; `present`: the epoch of the shard by now. */
enum subject_word subject_word(const struct subject *s, uint32_t from, uint64_t present,
                               enum ipc_event_kind kind, struct version v);

/* Takes members that a version changed (msgpack map of name to value) and removed (array
 * of names, or empty) in. */
void subject_change(struct subject *s, struct version v, struct bytes changed, struct bytes removed);
/* The members are these and no others from this version on. */
void subject_replace(struct subject *s, struct version v, struct bytes all);
/* It holds a later state of the same numbering. */
bool subject_is_past(const struct subject *s, struct version v);
/* These are the values at a version: what is new to us counts as changed by it. */
void subject_learn(struct subject *s, struct version v, struct bytes values);

/* Whether anything in the map or the array concerns the watch. */
bool watch_concerned(const struct watch *w, struct bytes changed, struct bytes removed);

/* Whether it has not seen the subject's version, or needs everything anew. */
bool watch_is_owed(const struct watch *w);

/* Appends what the watch is owed: the JSON object of the members it names that changed
 * after `seen`, or (renew) of all it names; and `a,b` of those removed. */
void watch_owed(const struct watch *w, struct buffer *json, struct buffer *removed);

/* When the watch may be sent its next event by min=: now or later. */
uint64_t watch_due(const struct watch *w, uint64_t now);

/* It has been sent what it was owed. */
void watch_sent(struct watch *w, uint64_t now);

#endif
