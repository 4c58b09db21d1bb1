/* Control messages between the supervisor and a child (gateway, actor worker,
 * store, tunnel): one packet of a common/channel.h each, msgpack objects, some with a
 * descriptor. The supervisor speaks first.
 *
 * Life of a child:  HELLO -> (settings) SCOREBOARD? QUARANTINE* CLASSES? SHARDS PEER*
 * IDENTITY? LISTENER? -> READY -> PING/PONG, SHARDS/RELEASED, PEER, QUERY/ROWS … -> DRAIN -> exit 0.
 * A child whose channel closes exits: it never outlives its supervisor. */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include <stdint.h>

#include "common/buffer.h"

#define CONTROL_VERSION 4
#define CONTROL_FD 3 /* where a child finds its channel */
#define CONTROL_CLUSTER_SIZE 16 /* bytes of a cluster's id; CLUSTER_ID_SIZE */

enum control_role { CONTROL_SUPERVISOR, CONTROL_GATEWAY, CONTROL_ACTOR, CONTROL_STORE, CONTROL_TUNNEL, CONTROL_ROLE_COUNT };

const char *control_role_name(enum control_role role);

enum control_type {
	CONTROL_HELLO = 1, /* supervisor -> child, first */
	CONTROL_SHARDS,    /* supervisor -> child: the whole shard map */
	CONTROL_PEER,      /* supervisor -> child: one end of a link, with descriptor */
	CONTROL_LISTENER,  /* supervisor -> gateway, tunnel: its listener, with descriptor */
	CONTROL_CLASSES,   /* supervisor -> actor worker: class files, with a sealed memfd */
	CONTROL_READY,     /* child -> supervisor: serves */
	CONTROL_FAILED,    /* child -> supervisor: cannot serve; it exits then */
	CONTROL_PING, CONTROL_PONG,
	CONTROL_DRAIN,     /* supervisor -> child: finish what is accepted, then exit 0 */
	CONTROL_QUERY,     /* supervisor -> child: an admin's question */
	CONTROL_ROWS,      /* child -> supervisor: rows of the answer; last ends it */
	CONTROL_ALARM,     /* child -> supervisor: a lasting condition begins or ends */
	CONTROL_RELEASED,  /* actor worker -> supervisor: shards it has let go of */
	CONTROL_SCOREBOARD, /* supervisor -> actor worker: its scoreboard (proto/scoreboard.h), a memfd */
	CONTROL_QUARANTINE, /* supervisor -> actor worker: a message or an actor is held back, or freed */
	CONTROL_IDENTITY,  /* supervisor -> tunnel: this and the next three see proto/control_tunnel.h */
	CONTROL_DIAL,      /* supervisor -> tunnel: connect to another node */
	CONTROL_DIALED,    /* tunnel -> supervisor: what came of it, with descriptor where it is good */
	CONTROL_ARRIVED,   /* tunnel -> supervisor: another node has connected, with descriptor */
	CONTROL_NODE_STATE, /* supervisor -> gateway: another node; this and the next: control_cluster.h */
	CONTROL_PEER_LOST,  /* gateway -> supervisor: a link that it asked another node by has ended */
	CONTROL_LEASE,      /* supervisor -> actor worker: until when it may act, a memfd */
	CONTROL_TRANSFER,   /* supervisor -> store: send or receive the records of shards, with a link */
	CONTROL_TRANSFERRED, /* store -> supervisor */
	CONTROL_DROP,       /* supervisor -> store: shards whose records are another node's by now */
	CONTROL_RETIRE,     /* supervisor -> gateway: accept nobody until the next LISTENER, tell who is there */
	CONTROL_OUTDONE,    /* store -> supervisor: its claims of shards were in vain; see control_cluster.h */
	CONTROL_FOREIGN,    /* store -> supervisor: the database is another cluster's; FAILED follows */
	CONTROL_TYPE_COUNT
};

struct control_hello {
	uint32_t version;     /* CONTROL_VERSION */
	uint32_t ipc_version; /* IPC_VERSION */
	enum control_role role;
	uint32_t index;
	uint32_t incarnation; /* counts the starts of this slot */
	struct bytes cluster;  /* CONTROL_CLUSTER_SIZE bytes: which cluster this is */
	struct bytes hash_key; /* HASH_KEY_SIZE bytes: the cluster's address hash */
	struct bytes settings; /* msgpack map: `section.key` -> text, the rows of config_rows that it may know */
	uint32_t gateways, actors; /* how many of each the node runs */
};

/* SHARDS: shard i belongs to worker[i] in epoch[i]; shard = hash mod count. A worker is one
 * of this node, or another node by its slot. CONTROL_NO_WORKER: nobody at present (senders
 * hold their requests). `leaving` then names the former owner while it lets go: it takes
 * nothing new, but may commit what it has begun, for the epoch is still its own. The next
 * owner comes with the next epoch.
 *
 * An epoch's upper half counts the nodes that have owned the shard, its lower half what
 * happened to it inside the present one: restarts of its owner, moves between workers. Both
 * grow. Of another node's shard the lower half is 0 here. */
#define CONTROL_WORKERS_MAX 256
#define CONTROL_NODES_MAX 255 /* other nodes; their slots count from 0 */
#define CONTROL_NODE(slot) (CONTROL_WORKERS_MAX + (slot))
#define CONTROL_IS_NODE(worker) ((worker) >= CONTROL_WORKERS_MAX && (worker) < CONTROL_NODE(CONTROL_NODES_MAX))
#define CONTROL_NO_WORKER 0xffff
#define CONTROL_SHARDS_MAX 16384
#define CONTROL_EPOCH(cluster, local) ((uint64_t)(cluster) << 32 | (uint32_t)(local))
#define CONTROL_EPOCH_CLUSTER(epoch) ((uint32_t)((epoch) >> 32))

struct control_shard {
	uint16_t worker;
	uint16_t leaving; /* holds where worker is CONTROL_NO_WORKER, which here means: nobody */
	uint64_t epoch;
};

struct control_shards {
	uint64_t serial; /* grows */
	uint32_t count;
	struct bytes cells; /* count packed cells; see control_shard_at() */
};

/* PEER: one end of a link. Between nodes a gateway has one link to ask each other node by
 * (role GATEWAY, index CONTROL_NODE(slot)), and one from each gateway of another node that
 * asks here (index: the node's slot, incoming). incarnation tells links of one kind apart. */
struct control_peer {
	enum control_role role;
	uint32_t index, incarnation;
	bool incoming;
};

/* CLASSES: the memfd holds a msgpack map: path relative to the class directory ->
 * source bytes. check: compile only, answer with ROWS of problems to `query`. Not
 * check: compile and use; problems are rows too, and nothing changes if there are any. */
struct control_classes {
	uint32_t serial; /* version of the bundle */
	uint32_t query;  /* number for the ROWS that answer; 0: start-up, answer READY or FAILED */
	bool check;
};

struct control_failed {
	int exit_status;   /* sysexits: 78 configuration, 77 another cluster's store, 74 storage, 70 internal */
	struct bytes text;
};

struct control_query {
	uint32_t query;
	struct bytes verb; /* status, actors, inspect … */
	struct bytes argument; /* pattern or address; may be empty */
};

/* rows: msgpack array of maps, small enough for one packet; the last one sets `last`
 * and, on a negative answer, error. */
struct control_rows {
	uint32_t query;
	bool last;
	struct bytes error; /* empty: none */
	struct bytes rows;
};

struct control_alarm {
	bool raised;
	struct bytes name; /* `store-full`, `store-failed` */
	struct bytes text;
};

/* QUARANTINE: what is held after crashes. not held: everything of that address is free. */
struct control_quarantine {
	bool held;
	bool whole;           /* the actor itself, not one message to it */
	uint64_t fingerprint; /* of the message, see proto/scoreboard.h */
	struct bytes address;
};

/* RELEASED: of these shards, which the map `serial` or an earlier one has taken away, the
 * worker has nothing in memory and nothing under way, and will get nothing any more. */
struct control_released {
	uint64_t serial;
	struct bytes cells; /* see control_released_count() and control_released_at() */
};

/* Decoded slices point into the message. 0 where it is none. */
unsigned control_type(struct bytes message);
bool control_decode_hello(struct bytes message, struct control_hello *ret);
bool control_decode_shards(struct bytes message, struct control_shards *ret);
struct control_shard control_shard_at(const struct control_shards *m, uint32_t shard);
bool control_decode_peer(struct bytes message, struct control_peer *ret);
bool control_decode_classes(struct bytes message, struct control_classes *ret);
bool control_decode_failed(struct bytes message, struct control_failed *ret);
bool control_decode_query(struct bytes message, struct control_query *ret);
bool control_decode_rows(struct bytes message, struct control_rows *ret);
bool control_decode_alarm(struct bytes message, struct control_alarm *ret);
bool control_decode_quarantine(struct bytes message, struct control_quarantine *ret);
bool control_decode_released(struct bytes message, struct control_released *ret);
uint32_t control_released_count(const struct control_released *m);
uint32_t control_released_at(const struct control_released *m, uint32_t i);

void control_encode_hello(struct buffer *out, const struct control_hello *m);
void control_encode_shards(struct buffer *out, uint64_t serial, const struct control_shard *shards, uint32_t count);
void control_encode_peer(struct buffer *out, const struct control_peer *m);
void control_encode_classes(struct buffer *out, const struct control_classes *m);
void control_encode_failed(struct buffer *out, const struct control_failed *m);
void control_encode_query(struct buffer *out, const struct control_query *m);
void control_encode_rows(struct buffer *out, const struct control_rows *m);
void control_encode_alarm(struct buffer *out, const struct control_alarm *m);
void control_encode_quarantine(struct buffer *out, const struct control_quarantine *m);
void control_encode_released(struct buffer *out, uint64_t serial, const uint16_t *shards, uint32_t count);
/* LISTENER, SCOREBOARD, READY, PING, PONG and DRAIN carry nothing but their type. */
void control_encode_plain(struct buffer *out, enum control_type type);

#endif
