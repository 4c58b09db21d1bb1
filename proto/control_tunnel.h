/* The control messages (proto/control.h) between the supervisor and its tunnel, which
 * holds the connections to other nodes. Hellos are those of proto/cluster.h. */
#ifndef PROTO_CONTROL_TUNNEL_H
#define PROTO_CONTROL_TUNNEL_H

#include "proto/cluster.h"
#include "proto/control.h"

/* IDENTITY: what this node says of itself in every hello from now on. */
struct control_identity {
	struct bytes cluster; /* CLUSTER_ID_SIZE bytes, or empty */
	uint64_t node;
	struct bytes name, address;
};

struct control_dial {
	uint64_t tag; /* the supervisor's; comes back in DIALED */
	uint32_t kind; /* enum cluster_kind */
	struct bytes address; /* `host`, `host:port`, `[v6]:port` */
	struct bytes argument;
};

enum control_dial_code {
	CONTROL_DIAL_OK,
	CONTROL_DIAL_UNREACHABLE, /* no connection, or no greeting in time */
	CONTROL_DIAL_DENIED,      /* its secret is another one */
	CONTROL_DIAL_VERSION,     /* no version is common */
	CONTROL_DIAL_REFUSED,     /* hello.code says why */
	CONTROL_DIAL_CODE_COUNT
};

/* DIALED: answers each DIAL once, unless the tunnel ends first. With CONTROL_DIAL_OK it brings the plain descriptor of
 * a stream, nonblocking: what is written there goes to the peer, and the other way round. */
struct control_dialed {
	uint64_t tag;
	enum control_dial_code code;
	struct bytes text;  /* for people, empty where it is fine */
	uint32_t version;   /* agreed, 0 where not */
	bool greeted;       /* hello is there */
	struct cluster_hello hello; /* the peer's */
};

/* ARRIVED: another node has dialled this one; brings the plain descriptor. */
struct control_arrived {
	uint32_t version; /* agreed */
	struct cluster_hello hello; /* the peer's */
};

/* `ok`, `unreachable`, `denied`, `version`, `refused`. */
const char *control_dial_code_name(enum control_dial_code code);

bool control_decode_identity(struct bytes message, struct control_identity *ret);
bool control_decode_dial(struct bytes message, struct control_dial *ret);
bool control_decode_dialed(struct bytes message, struct control_dialed *ret);
bool control_decode_arrived(struct bytes message, struct control_arrived *ret);

/* Fields are within the bounds of proto/cluster.h. */
void control_encode_identity(struct buffer *out, const struct control_identity *m);
void control_encode_dial(struct buffer *out, const struct control_dial *m);
void control_encode_dialed(struct buffer *out, const struct control_dialed *m);
void control_encode_arrived(struct buffer *out, const struct control_arrived *m);

#endif
