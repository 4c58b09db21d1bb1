/* The commands of the replicated machine as bytes: msgpack arrays [format, number, …].
 * The caller pads them with zeros to what its log needs (fewer than 8 bytes). */
#ifndef SUPERVISOR_CLUSTER_MACHINE_COMMAND_H
#define SUPERVISOR_CLUSTER_MACHINE_COMMAND_H

#include "supervisor/cluster/machine.h"

#define MACHINE_FORMAT 1 /* of every command; a node refuses those it does not know */

enum machine_command_number {
	MACHINE_COMMAND_FOUND = 1, /* first entry of a cluster: its first member owns all shards, epoch 1 */
	MACHINE_COMMAND_ADD,       /* a member; the same again is accepted */
	MACHINE_COMMAND_UPDATE,    /* a member's process of this or a later incarnation says what it is now */
	MACHINE_COMMAND_RENEW,     /* a member is alive: joining or down, it comes up */
	MACHINE_COMMAND_DOWN,      /* its lease is over, if it has not renewed since */
	MACHINE_COMMAND_DRAIN,     /* wish: draining; off: up again (leaving taken back too) */
	MACHINE_COMMAND_LEAVE,     /* wish: leaving */
	MACHINE_COMMAND_MOVE,      /* shards of alive owners that do not move yet, to a member that is up */
	MACHINE_COMMAND_MOVED,     /* the owner has let go of them and `to` has all it needs */
	MACHINE_COMMAND_CANCEL,    /* the move of shards is given up: the owner keeps them, same epoch */
	MACHINE_COMMAND_REMOVE,    /* a member without shards; lost: a dead one with its own store and all in it */
	MACHINE_COMMAND_RAISE,     /* the database that all share knows higher epochs of its owner's shards */
	MACHINE_COMMAND_COUNT
};

struct machine_found {
	unsigned char cluster[MACHINE_ID_SIZE];
	unsigned char hash_key[HASH_KEY_SIZE];
	uint32_t shard_count; /* 1 … CONTROL_SHARDS_MAX */
	bool shared;
};

/* What a member says about itself. */
struct machine_node {
	uint64_t id;
	struct bytes name, address;
	uint32_t weight, oldest, newest;
};

/* One shard that its owner has let go of: as its machine said when it began to. */
struct machine_gone {
	uint32_t shard, epoch;
	uint64_t move; /* a move that was cancelled and begun again is another one */
};

/* `renew`, `move` …; "?" for a number that is none. */
const char *machine_command_name(unsigned number);

void machine_encode_found(struct buffer *out, const struct machine_found *found, const struct machine_node *first);
void machine_encode_add(struct buffer *out, const struct machine_node *node);
void machine_encode_update(struct buffer *out, const struct machine_node *node, uint64_t incarnation);
void machine_encode_renew(struct buffer *out, uint64_t id, uint64_t incarnation, uint64_t renewal);
/* Incarnation and renewal as the watchdog last heard them: compare and set. */
void machine_encode_down(struct buffer *out, uint64_t id, uint64_t incarnation, uint64_t renewal);
void machine_encode_drain(struct buffer *out, uint64_t id, bool on);
void machine_encode_leave(struct buffer *out, uint64_t id);
/* Of the shards listed, those that may move do; refused where none may. MOVED, CANCEL alike. */
void machine_encode_move(struct buffer *out, uint64_t to, const uint32_t *shards, uint32_t count);
void machine_encode_moved(struct buffer *out, uint64_t owner, const struct machine_gone *gone, uint32_t count);
void machine_encode_cancel(struct buffer *out, const uint32_t *shards, uint32_t count);
void machine_encode_remove(struct buffer *out, uint64_t id, bool lost);
/* Those that the owner still has in that epoch get the one after `move`, which here is an epoch. */
void machine_encode_raise(struct buffer *out, uint64_t owner, const struct machine_gone *seen, uint32_t count);

/* --- for the machine itself: a command as read --- */

struct machine_command {
	uint8_t number;
	struct machine_found found;
	struct machine_node node;
	uint64_t id, to, incarnation, renewal;
	bool flag; /* of DRAIN: on; of REMOVE: lost */
	struct bytes list; /* checked msgpack of MOVE, MOVED, CANCEL and RAISE */
	uint32_t count;
};

/* NULL, or what is wrong with what a member says about itself. */
const char *machine_node_fault(const struct machine_node *node);
/* Nothing is left, or fewer than 8 zeros. */
bool machine_padding(const char *at, const char *end);

/* NULL, or why it cannot be read. The bytes are borrowed. */
const char *machine_decode(struct bytes bytes, struct machine_command *ret);
/* Takes the next one off the list; all but MOVED and RAISE set the shard only. False at its end. */
bool machine_next_gone(struct machine_command *c, struct machine_gone *ret);

#endif
