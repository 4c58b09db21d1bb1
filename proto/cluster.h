/* How two nodes greet each other: inside TLS, before anything else, one hello each way.
 * A hello is u32 LE length, then a msgpack map; the dialler speaks first. Keys that are
 * not known are skipped and missing ones are empty, so that any two versions understand
 * each other's `version`, `oldest` and `code`. */
#ifndef PROTO_CLUSTER_H
#define PROTO_CLUSTER_H

#include <stdint.h>

#include "common/buffer.h"

#define CLUSTER_PORT 51464     /* of a node's address that names none */
#define CLUSTER_ID_SIZE 16     /* bytes */
#define CLUSTER_NAME_MAX 255   /* bytes */
#define CLUSTER_ADDRESS_MAX 262 /* bytes: a host name, a colon, a port */
#define CLUSTER_ARGUMENT_MAX 3072 /* bytes: a bit for each of CONTROL_SHARDS_MAX shards, and more */
#define CLUSTER_HELLO_MAX 4096 /* bytes of a hello's map */
#define CLUSTER_HEAD 4         /* bytes of its length */

/* What a connection is for. Numbers of newer versions pass the decoder. */
enum cluster_kind {
	CLUSTER_JOIN = 1, /* supervisor <-> supervisor: a dialogue; the one kind between different clusters */
	CLUSTER_ENGINE,   /* the replicated log */
	CLUSTER_DATA,     /* gateway -> gateway; argument: the gateway's index */
	CLUSTER_ROWS,     /* store -> store; argument: the shards */
	CLUSTER_KIND_COUNT
};

/* The responder's answer. */
enum cluster_code {
	CLUSTER_FINE,
	CLUSTER_NO_VERSION,    /* no version is common */
	CLUSTER_NO_KIND,       /* it does not know the kind */
	CLUSTER_OTHER_CLUSTER, /* it belongs to another one */
	CLUSTER_ITSELF,        /* the dialler has dialled itself */
	CLUSTER_CODE_COUNT
};

struct cluster_hello {
	uint32_t version, oldest; /* what it talks, and the oldest that it can talk */
	uint32_t kind;            /* enum cluster_kind; the responder repeats it */
	uint32_t code;            /* enum cluster_code; 0 from a dialler */
	struct bytes cluster;     /* CLUSTER_ID_SIZE bytes, or empty: of none, nor was it ever */
	uint64_t node;            /* random, of the state directory; 0: it has none */
	struct bytes name;        /* for people */
	struct bytes address;     /* where the others shall dial it: `host:port`, may be empty */
	struct bytes argument;    /* see enum cluster_kind */
};

/* `join`, `engine`, `data`, `rows`; `unknown`. */
const char *cluster_kind_name(uint32_t kind);
/* A sentence's second half for people: `no version is common` … */
const char *cluster_code_text(uint32_t code);

/* What this program talks; proto/version.c, so that a test can link another one. */
uint32_t cluster_version(void);
uint32_t cluster_oldest(void);

/* The newest version that both can talk; 0 where there is none. Both ends find the same. */
uint32_t cluster_agree(uint32_t version, uint32_t oldest, uint32_t peer_version, uint32_t peer_oldest);

/* Appends the map without its length. -EMSGSIZE where a field is over its bound: nothing
 * is appended. */
int cluster_encode_hello(struct buffer *out, const struct cluster_hello *m);
/* The same with its length before it: as it goes over a connection. */
int cluster_frame_hello(struct buffer *out, const struct cluster_hello *m);

/* The map, without its length. Slices point into it. False where it is none. */
bool cluster_decode_hello(struct bytes map, struct cluster_hello *ret);

/* Finds the first frame of a stream. 1 with its map, 0 where more bytes must come, -EMSGSIZE
 * where its length is impossible. */
int cluster_next_hello(struct bytes stream, struct bytes *ret_map);

#endif
