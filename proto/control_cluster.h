/* Control messages about the other nodes of a cluster; see proto/control.h. */
#ifndef PROTO_CONTROL_CLUSTER_H
#define PROTO_CONTROL_CLUSTER_H

#include <stdatomic.h>

#include "proto/control.h"

/* LEASE: what the descriptor maps. A worker begins nothing after the end of its node's
 * lease: another node may own its shards by then. */
struct control_lease {
	_Atomic uint64_t until_ns; /* CLOCK_BOOTTIME; UINT64_MAX: no other node can own them */
};

/* NODE_STATE: another member of the cluster. Not member: its slot is free. Not up: its
 * lease is over, and what only it could do is `unreachable`. */
struct control_node {
	uint32_t slot;
	uint64_t id;
	bool member, up;
	struct bytes name;
};

/* PEER_LOST: index and incarnation are those of its PEER. */
struct control_peer_lost {
	uint32_t index, incarnation;
};

/* TRANSFER: sending, the store writes every record of these shards to the link and is done
 * when the other side has acknowledged them all; receiving, it replaces what it has of them
 * by what comes. Nobody commits to these shards meanwhile. */
struct control_transfer {
	uint64_t transfer; /* the supervisor's number for it */
	bool sending;
	struct bytes shards; /* a list, see below */
};

/* TRANSFERRED: error empty: all records are on stable storage at the receiver. */
struct control_transferred {
	uint64_t transfer, records, bytes;
	struct bytes error;
};

/* OUTDONE: the database that all nodes share has the shard in an epoch that is not below the one it
 * was claimed in, and has an owner there. Cells one behind the other. */
struct control_outdone {
	uint32_t shard;
	bool own; /* that owner has this node's name */
	uint64_t epoch, above; /* as claimed; the database's */
};

#define CONTROL_OUTDONE_SIZE 19 /* bytes of a cell: u16, u8, u64, u64, little-endian */
#define CONTROL_OUTDONE_MOST 1024 /* cells of a message */

void control_outdone_add(struct buffer *cells, const struct control_outdone *one);
uint32_t control_outdone_count(struct bytes cells);
struct control_outdone control_outdone_at(struct bytes cells, uint32_t i);

/* FOREIGN: what the database says of the cluster that it is of. */
struct control_foreign {
	struct bytes cluster; /* CONTROL_CLUSTER_SIZE bytes */
	struct bytes key;     /* HASH_KEY_SIZE bytes, or empty: not known */
	uint32_t shards;
};

/* Lists of shards: u16 each, little-endian. */
uint32_t control_list_count(struct bytes shards);
uint32_t control_list_at(struct bytes shards, uint32_t i);
void control_list_add(struct buffer *shards, uint32_t shard);

/* Decoded slices point into the message. */
bool control_decode_node(struct bytes message, struct control_node *ret);
bool control_decode_peer_lost(struct bytes message, struct control_peer_lost *ret);
bool control_decode_transfer(struct bytes message, struct control_transfer *ret);
bool control_decode_transferred(struct bytes message, struct control_transferred *ret);
bool control_decode_drop(struct bytes message, struct bytes *ret_shards);
bool control_decode_foreign(struct bytes message, struct control_foreign *ret);
bool control_decode_outdone(struct bytes message, struct bytes *ret_cells);

void control_encode_node(struct buffer *out, const struct control_node *m);
void control_encode_peer_lost(struct buffer *out, const struct control_peer_lost *m);
void control_encode_transfer(struct buffer *out, const struct control_transfer *m);
void control_encode_transferred(struct buffer *out, const struct control_transferred *m);
void control_encode_drop(struct buffer *out, struct bytes shards);
void control_encode_foreign(struct buffer *out, const struct control_foreign *m);
void control_encode_outdone(struct buffer *out, struct bytes cells);

#endif
