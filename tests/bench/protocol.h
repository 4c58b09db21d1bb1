/* What the generator needs of a protocol: operations to bytes, bytes to replies. Pure. */
#ifndef BENCH_PROTOCOL_H
#define BENCH_PROTOCOL_H

#include <stdint.h>
#include <sys/types.h>

#include "common/buffer.h"
#include "common/bytes.h"
#include "tests/bench/operation.h"
#include "tests/bench/settings.h"

enum reply_kind {
	REPLY_OK,       /* the answer to a request */
	REPLY_ERROR,    /* the same, and it says no */
	REPLY_EVENT,    /* of a live watch */
	REPLY_END,      /* of a live watch, the last there is */
	REPLY_GREETING, /* the connection may be used from here on */
	REPLY_PING,     /* wants an empty line */
	REPLY_BYE,      /* the server closes; code says why */
	REPLY_NOTICE,   /* of no interest here */
};

enum value_kind { VALUE_NONE, VALUE_INTEGER, VALUE_TEXT, VALUE_OBJECT, VALUE_OTHER };

/* Everything points into the bytes it was read from. */
struct reply {
	enum reply_kind kind;
	bool has_id; /* false: it answers the oldest request in flight */
	uint64_t id;
	struct bytes code; /* of errors, ends and byes */
	enum value_kind value;
	int64_t integer;
	struct bytes text; /* a text's content; an object as it stands */
	uint64_t depth;    /* greeting: most requests in flight; 0: not said */
};

struct protocol {
	const char *name, *help;
	uint16_t port;
	bool greets;  /* the server speaks first */
	bool watches; /* it has VERB_WATCH and VERB_UNWATCH */
	bool events;  /* it has VERB_WATCH at least */
	bool objects; /* what is said of a watched key is an object that names the property */
	bool sets_only; /* beside that it has VERB_SET and nothing else */

	/* Appends the request. */
	void (*request)(const struct settings *s, const struct operation *op, struct buffer *out);

	/* Reads one reply from the front: the bytes it takes, 0 where it is not all there
	 * yet, -EPROTO where this is no such protocol. */
	ssize_t (*reply)(const struct settings *s, struct bytes unread, struct reply *ret);
};

extern const struct protocol protocol_stage, protocol_redis, protocol_redis_hash, protocol_redis_pubsub;

/* NULL where none has this name; row i of all of them, NULL after the last. */
const struct protocol *protocol_find(const char *name);
const struct protocol *protocol_row(unsigned i);

/* The text of settings.value_size bytes that stands for a value; looks random, so that
 * compression does not flatter anybody. Letters and digits only. */
struct bytes protocol_text(const struct settings *s, int64_t value);

/* Appends a decimal number; requests are written so often that printf would show. */
void protocol_number(struct buffer *out, uint64_t number);

/* Whether s is a whole decimal integer that fits. */
bool protocol_integer(struct bytes s, int64_t *ret);

#endif
