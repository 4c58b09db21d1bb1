/* Frames between the gateways, actor workers and the store of one node.
 *
 * A frame's body is one msgpack array whose first element is its type. Fields of
 * fixed position and plain kind come first, payloads (msgpack values) last. All
 * decoded slices point into the body. A change of any frame bumps IPC_VERSION,
 * which the processes compare when they start (proto/control.h).
 *
 * Promises of a link: frames arrive in order; every REQUEST gets exactly one REPLY
 * with its rid, TELL and UNWATCH none; EVENTs of an actor up to version X are on the
 * link before the REPLY that shows X. */
#ifndef PROTO_IPC_H
#define PROTO_IPC_H

#include <stdint.h>

#include "proto/address.h"
#include "proto/error.h"

#define IPC_VERSION 4
#define IPC_CHAIN_MAX 32 /* actors in one call chain; a longer one is refused with `limit` */

enum ipc_type {
	IPC_REQUEST = 1, /* gateway -> actor worker, and back: an actor's message to another's worker */
	IPC_REPLY,       /* answers one REQUEST */
	IPC_CANCEL,      /* gives a REQUEST up; it still gets its REPLY */
	IPC_EVENT,       /* actor worker -> gateway that watches */
	IPC_UNWATCH,     /* gateway -> actor worker: the last watch of this gateway on an actor ended */
	IPC_LOAD,        /* actor worker -> store */
	IPC_LOADED,
	IPC_BATCH,       /* actor worker -> store: changed actors of one loop turn */
	IPC_COMMITTED,   /* in order of the batches */
	IPC_RESET,       /* actor worker -> store: the failure of batch seq is dealt with, go on */
	IPC_MAP,         /* gateway -> actor worker: what follows is routed by this shard map or a later one */
	IPC_BYE,         /* who is asked -> gateway: it ends, and has looked at so many bytes of this link */
	IPC_SYNC,        /* actor worker -> gateway, with its map's serial; and back once what came before it for
	                  * that worker's own shards has gone on */
	IPC_FENCE,       /* gateway -> actor worker, and back: what came before it is taken or handed back */
};

enum ipc_verb { IPC_GET, IPC_SET, IPC_CALL, IPC_TELL, IPC_WATCH };

/* REQUEST. An actor worker sends its actors' messages for other workers to the
 * gateway (shard modulo gateways, so that one sender's messages stay in order),
 * which routes them like a client's. */
struct ipc_request {
	uint32_t rid;          /* the sender's number for it on this link */
	uint32_t shard;
	uint64_t epoch;        /* as routed; the owner answers ERROR_MOVED to another epoch */
	enum ipc_verb verb;
	uint64_t deadline;     /* CLOCK_MONOTONIC ms; 0: none */
	struct bytes address;
	struct bytes caller;   /* the sending actor's address, or `` for a client session */
	struct bytes chain;    /* msgpack array of the waiting actors' addresses, outermost first; empty: none */
	bool forwarded;        /* TELL: has been sent on by a node that was not the owner any more */
	bool bulk;             /* of a client that asks for much at once: others' go first */
	bool conditional;      /* if_version holds */
	struct version if_version;
	bool resume;           /* WATCH with v= */
	struct version base;
	struct bytes members;  /* GET, WATCH: msgpack array of names, nil for `*`; SET: nil; CALL, TELL: the method as str */
	struct bytes payload;  /* SET: map of name to value; CALL, TELL: array of arguments; else nil */
};

/* REPLY. payload: GET of one name: its value (flag bare); of several: a map; WATCH:
 * a map, with resumed set only what changed since base; CALL: the returned value; SET: nil; an error:
 * map of details or nil. */
struct ipc_reply {
	uint32_t rid;
	enum error_code code;
	bool versioned;          /* version holds */
	struct version version;  /* after the request */
	bool resumed;            /* WATCH: base is continued */
	struct bytes payload;
};

enum ipc_event_kind { IPC_EVENT_CHANGE, IPC_EVENT_SNAPSHOT, IPC_EVENT_END };

/* EVENT: all public properties that changed with this version; of epoch 0: what was told may be
 * untrue, ask again. SNAPSHOT replaces all held (a class was reloaded); END: code says why (ERROR_GONE). */
struct ipc_event {
	enum ipc_event_kind kind;
	struct bytes address;
	struct version version;
	enum error_code code;
	struct bytes changed; /* map of name to value */
	struct bytes removed; /* array of names or nil */
};

struct ipc_unwatch {
	uint32_t shard;
	struct bytes address;
};

/* LOAD: an actor's record; answered after every batch that the store accepted
 * before it, from whichever worker. */
struct ipc_load {
	uint32_t rid;
	uint32_t shard;
	uint64_t epoch;
	struct bytes address;
};

struct ipc_loaded {
	uint32_t rid;
	enum error_code code;  /* ERROR_MOVED: not the current epoch; ERROR_INTERNAL: see text */
	bool found;
	struct bytes record;
	struct bytes text;
};

/* BATCH: applied all or none. ERROR_MOVED where any shard's epoch is not current. */
struct ipc_batch_head {
	uint64_t seq; /* 1, 2, 3 … on this link */
	uint32_t count;
};

struct ipc_batch_entry {
	uint32_t shard;
	uint64_t epoch;
	bool remove;
	struct bytes address;
	struct bytes record;
};

/* COMMITTED. After a code other than ERROR_NONE the store answers every batch of
 * this link in the same way until it has read RESET with the failed seq. */
struct ipc_committed {
	uint64_t seq;
	enum error_code code; /* ERROR_NONE: on stable storage */
	struct bytes text;    /* why not, for log and client */
};

/* Type of a body, 0 where it is none. Decoders: false where the body is malformed. */
unsigned ipc_type(struct bytes body);
bool ipc_peek_address(struct bytes body, struct bytes *ret); /* of a request, and no more of it */
bool ipc_decode_request(struct bytes body, struct ipc_request *ret);
bool ipc_decode_reply(struct bytes body, struct ipc_reply *ret);
bool ipc_decode_cancel(struct bytes body, uint32_t *ret_rid);
bool ipc_decode_event(struct bytes body, struct ipc_event *ret);
bool ipc_decode_unwatch(struct bytes body, struct ipc_unwatch *ret);
bool ipc_decode_load(struct bytes body, struct ipc_load *ret);
bool ipc_decode_loaded(struct bytes body, struct ipc_loaded *ret);
/* Entries: what ipc_next_entry() reads. It is false at their end, and where they are malformed. */
bool ipc_decode_batch(struct bytes body, struct ipc_batch_head *ret, struct bytes *ret_entries);
bool ipc_next_entry(struct bytes *entries, struct ipc_batch_entry *ret);
bool ipc_decode_committed(struct bytes body, struct ipc_committed *ret);
bool ipc_decode_reset(struct bytes body, uint64_t *ret_seq);
bool ipc_decode_map(struct bytes body, uint64_t *ret_serial);
bool ipc_decode_bye(struct bytes body, uint64_t *ret_bytes);
bool ipc_decode_sync(struct bytes body, uint64_t *ret_number);
bool ipc_decode_fence(struct bytes body, uint64_t *ret_number);

/* Encoders append one body; wrap them in link_begin() and link_end(). */
void ipc_encode_request(struct buffer *out, const struct ipc_request *m);
void ipc_encode_reply(struct buffer *out, const struct ipc_reply *m);
void ipc_encode_cancel(struct buffer *out, uint32_t rid);
void ipc_encode_event(struct buffer *out, const struct ipc_event *m);
void ipc_encode_unwatch(struct buffer *out, const struct ipc_unwatch *m);
void ipc_encode_load(struct buffer *out, const struct ipc_load *m);
void ipc_encode_loaded(struct buffer *out, const struct ipc_loaded *m);
void ipc_encode_batch(struct buffer *out, const struct ipc_batch_head *m);
void ipc_encode_entry(struct buffer *out, const struct ipc_batch_entry *m);
void ipc_encode_committed(struct buffer *out, const struct ipc_committed *m);
void ipc_encode_reset(struct buffer *out, uint64_t seq);
void ipc_encode_map(struct buffer *out, uint64_t serial);
void ipc_encode_bye(struct buffer *out, uint64_t bytes);
void ipc_encode_sync(struct buffer *out, uint64_t number);
void ipc_encode_fence(struct buffer *out, uint64_t number);

#endif
