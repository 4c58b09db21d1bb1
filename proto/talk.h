/* What the supervisors of two nodes say to each other over a connection of kind
 * CLUSTER_JOIN (proto/cluster.h), which whoever has something to say dials: frames of a
 * common/link.h, each a msgpack array whose first element is its type. A type or an
 * element more than a version knows ends the connection; elements are only ever added
 * with a new CLUSTER_VERSION.
 *
 * A member PROPOSEs commands of the replicated state machine to the leader. That the leader
 * has taken one says nothing: it counts when the proposer's own machine applies it. An
 * instance that wants to become a member says JOIN. */
#ifndef PROTO_TALK_H
#define PROTO_TALK_H

#include <stdint.h>

#include "common/buffer.h"

enum talk_type { TALK_PROPOSE = 1, TALK_TAKEN, TALK_JOIN, TALK_WELCOME };

enum talk_code {
	TALK_DONE,
	TALK_NOT_LEADER, /* `leader` is who is, where it is known */
	TALK_REFUSED,    /* it will not do; `code` and `text` say why */
	TALK_NOT_NOW,    /* try again: no leader, or the outcome is not known */
	TALK_CODE_COUNT
};

/* PROPOSE: answered by TAKEN with the same rid. */
struct talk_propose {
	uint64_t rid;
	struct bytes command; /* supervisor/cluster/machine.h */
};

struct talk_taken {
	uint64_t rid;
	enum talk_code code;
	struct bytes leader; /* address */
};

/* JOIN: who dials is in the hello. shared: its store is one for all nodes. */
struct talk_join {
	uint32_t weight, oldest, newest; /* versions of CLUSTER_VERSION that it talks */
	bool shared;
};

/* WELCOME: with TALK_DONE the cluster it is a member of from now on. */
struct talk_welcome {
	enum talk_code code;
	struct bytes leader;  /* address, with TALK_NOT_LEADER */
	struct bytes reason;  /* a word, with TALK_REFUSED: `name-taken` … */
	struct bytes text;    /* for people */
	struct bytes cluster; /* CLUSTER_ID_SIZE bytes */
	struct bytes key;     /* HASH_KEY_SIZE bytes: the address hash */
	uint32_t shards;
};

/* 0 where it is none. Decoded slices point into the body. */
unsigned talk_type(struct bytes body);
bool talk_decode_propose(struct bytes body, struct talk_propose *ret);
bool talk_decode_taken(struct bytes body, struct talk_taken *ret);
bool talk_decode_join(struct bytes body, struct talk_join *ret);
bool talk_decode_welcome(struct bytes body, struct talk_welcome *ret);

void talk_encode_propose(struct buffer *out, const struct talk_propose *m);
void talk_encode_taken(struct buffer *out, const struct talk_taken *m);
void talk_encode_join(struct buffer *out, const struct talk_join *m);
void talk_encode_welcome(struct buffer *out, const struct talk_welcome *m);

#endif
