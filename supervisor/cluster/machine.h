/* The state that all nodes of a cluster agree on: its members, and who owns which shard.
 * Pure: the same commands in the same order make the same state on every node. */
#ifndef SUPERVISOR_CLUSTER_MACHINE_H
#define SUPERVISOR_CLUSTER_MACHINE_H

#include <stdint.h>

#include "common/buffer.h"
#include "common/hash.h"
#include "proto/control.h"

#define MACHINE_ID_SIZE      16
#define MACHINE_MEMBERS_MAX  255
#define MACHINE_NAME_MAX     64
#define MACHINE_ADDRESS_MAX  261 /* host of 255, a colon, port */
#define MACHINE_WEIGHT_MAX   65535
#define MACHINE_REMOVED_MAX  1024 /* former members remembered; the oldest are forgotten */
#define MACHINE_EPOCH_MAX    INT32_MAX /* an owner a second for 68 years */
#define MACHINE_NOBODY       0   /* no member has this id */

enum machine_state {
	MACHINE_JOINING,  /* added, has never renewed */
	MACHINE_UP,
	MACHINE_DOWN,     /* its lease was declared over */
	MACHINE_DRAINING, /* up; gets no shards and gives all away */
	MACHINE_LEAVING,  /* the same, and is then removed */
	MACHINE_STATE_COUNT
};

struct machine_member {
	uint64_t id;
	char name[MACHINE_NAME_MAX + 1], address[MACHINE_ADDRESS_MAX + 1]; /* host:port */
	uint32_t weight; /* 1 … MACHINE_WEIGHT_MAX */
	enum machine_state state;
	enum machine_state wish; /* UP, DRAINING or LEAVING: its state whenever it is alive */
	uint64_t incarnation;    /* of its process: later ones are higher; 0: never renewed */
	uint64_t renewal;        /* the last one of this incarnation, which count from 1 */
	uint32_t oldest, newest; /* versions of the protocol between nodes that it can talk */
	uint64_t since;          /* `applied` when its state last changed */
};

struct machine_shard {
	uint64_t owner; /* MACHINE_NOBODY: none */
	uint64_t to;    /* it is being moved there; MACHINE_NOBODY: it is not */
	uint64_t move;  /* `applied` when the move began: tells one move from the next; 0: none */
	uint32_t epoch; /* at least 1; grows with each new owner, and where the store knows higher ones */
};

/* Zeroed memory is a machine that nobody has founded. */
struct machine {
	unsigned char cluster[MACHINE_ID_SIZE];
	unsigned char hash_key[HASH_KEY_SIZE];
	bool shared;      /* one store for all nodes: the shards of a dead one go to others */
	uint64_t applied; /* commands that changed something */
	uint32_t shard_count, member_count; /* no shards: not founded */
	struct machine_shard *shards;
	struct machine_member *members; /* in order of id */
	uint64_t *removed; /* ids that never come back, in order of their removal */
	uint32_t removed_count;
};

enum machine_code {
	MACHINE_DONE,
	MACHINE_UNCHANGED, /* accepted; it was so before */
	MACHINE_REFUSED,
};

struct machine_result {
	enum machine_code code;
	const char *reason; /* a literal for operators where refused, else NULL */
	uint8_t command;    /* what it was (machine_command.h); 0 where that could not be read */
	uint64_t member;    /* whom it named (of RENEW, DOWN …), or MACHINE_NOBODY */
	uint64_t incarnation, renewal; /* of a RENEW and a DOWN */
};

void machine_fini(struct machine *m);

/* Applies the bytes of one command, up to 7 bytes of zero padding behind it included.
 * What is malformed, of an unknown format or does not fit is refused and changes nothing.
 * Pointers to members are valid until the next call. */
void machine_apply(struct machine *m, struct bytes command, struct machine_result *ret);

/* The whole state as bytes; equal states give equal bytes. */
void machine_snapshot(const struct machine *m, struct buffer *out);
/* Replaces the state (padding as with machine_apply()); false, and unchanged, where the
 * bytes are no snapshot of a state that machine_check() accepts. */
bool machine_restore(struct machine *m, struct bytes snapshot);

/* Every invariant of one state; where one is broken, `why` says which. */
bool machine_check(const struct machine *m, struct buffer *why);

const char *machine_state_name(enum machine_state state); /* for operators: `joining` … */
bool machine_state_follows(enum machine_state from, enum machine_state to);

/* NULL where there is none. */
const struct machine_member *machine_member(const struct machine *m, uint64_t id);
bool machine_was_removed(const struct machine *m, uint64_t id);
int machine_index(const struct machine *m, uint64_t id); /* in members; -1: none */
const struct machine_member *machine_member_named(const struct machine *m, struct bytes name);

/* up, draining or leaving. */
bool machine_alive(const struct machine_member *member);
bool machine_is_up(const struct machine *m, uint64_t id);
bool machine_is_alive(const struct machine *m, uint64_t id);

uint64_t machine_owner(const struct machine *m, uint32_t shard); /* MACHINE_NOBODY: none */
uint32_t machine_shares(const struct machine *m, uint64_t id);   /* shards that it owns */
uint32_t machine_incoming(const struct machine *m, uint64_t id); /* that move to it */
uint32_t machine_outgoing(const struct machine *m, uint64_t id); /* that move away from it */
uint32_t machine_moving(const struct machine *m);                /* that move at all */

/* How many shards each member will own when all moves have ended, one number per member. */
void machine_future(const struct machine *m, uint32_t *ret);

/* How many shards each member should own, one number per member: even by weight among
 * those that are up, largest remainder first, ties towards who has more. Shards of a dead
 * owner with a store of its own are its own and not counted. All 0 where nobody is up. */
void machine_targets(const struct machine *m, uint32_t *ret);

#endif
