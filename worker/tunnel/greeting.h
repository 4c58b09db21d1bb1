/* A greeting brings a connected socket to an authenticated stream: TLS, then one hello
 * each way (proto/cluster.h), within the limit that the node sets. */
#ifndef WORKER_TUNNEL_GREETING_H
#define WORKER_TUNNEL_GREETING_H

#include <ev.h>

#include "proto/control_tunnel.h"
#include "worker/tunnel/tls.h"

/* What a node says of itself; zeroed memory says nothing. */
struct greeting_self {
	struct tls *tls;
	struct buffer cluster, name, address;
	uint64_t node;
	double limit; /* seconds that a greeting may take */
};

struct greeting_result {
	enum control_dial_code code;
	const char *text;       /* half a sentence for people; lives as long as the program */
	uint32_t version;       /* agreed, 0 where not */
	bool greeted;           /* hello is there */
	struct cluster_hello hello; /* the peer's; lives until greeting_free() */
};

struct greeting {
	struct ev_loop *loop;
	const struct greeting_self *self;
	struct tls_stream *stream;
	bool server;
	uint32_t kind; /* the dialler's */
	enum { GREETING_HANDSHAKE, GREETING_SPEAK, GREETING_LISTEN, GREETING_OVER } state;
	struct greeting_result result;
	struct buffer out, in; /* hellos */
	struct ev_io io;
	struct ev_timer limit;
	/* Called once, last of all in a callback of the loop: the owner may free it there. */
	void (*on_done)(struct greeting *g, const struct greeting_result *result);
	void *owner;
};

/* The dialler's kind and argument; both zero where the peer has dialled. take_fd is
 * nonblocking and connected. */
struct greeting *greeting_new(struct ev_loop *loop, const struct greeting_self *self, int take_fd, bool server,
                              uint32_t kind, struct bytes argument,
                              void (*on_done)(struct greeting *, const struct greeting_result *), void *owner);
/* Ends it at any time, without a call. NULL is fine. */
void greeting_free(struct greeting *g);

/* After CONTROL_DIAL_OK: the stream, now the caller's. */
struct tls_stream *greeting_take_stream(struct greeting *g);

#endif
