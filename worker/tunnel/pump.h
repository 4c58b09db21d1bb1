/* Pumps: each moves bytes between an authenticated connection and a plain socket, one end
 * of a pair whose other end somebody in this node holds. Memory is bounded: who does not
 * read stops who writes. An end of sending is passed on by itself, the other direction
 * goes on; once both directions have ended, or their ends are gone, the pump is.
 *
 * Bytes are moved when the loop prepares, a bounded amount per turn of it, and first those
 * of pumps that carry heartbeats: these never wait behind a crowd of data. */
#ifndef WORKER_TUNNEL_PUMP_H
#define WORKER_TUNNEL_PUMP_H

#include <ev.h>
#include <stdint.h>

#include "worker/tunnel/tls.h"

#define PUMP_ROOM (64u << 10)  /* bytes held per direction */
#define PUMP_TURN (256u << 10) /* bytes moved per turn of the loop by all that are not first */
#define PUMP_LINGER 1.0        /* seconds that a peer may take to hear that nobody listens */

struct pump;

struct pump_queue {
	struct pump *first, *last;
};

struct pumps {
	struct ev_loop *loop;
	struct ev_prepare runner;
	struct ev_idle restless; /* while somebody has more to move */
	struct pump_queue urgent, patient;
	struct pump *all;
	uint32_t count;
	uint64_t sent, received; /* plain bytes */
	void (*on_empty)(struct pumps *pumps); /* the last pump is gone; may be NULL */
	void *owner;
};

void pumps_init(struct pumps *pumps, struct ev_loop *loop, void *owner);
/* Ends all pumps at once. */
void pumps_fini(struct pumps *pumps);

/* The handshake is done. Both are consumed; take_fd is nonblocking. */
void pump_start(struct pumps *pumps, struct tls_stream *take_stream, int take_fd, bool urgent);

/* What has been written into the plain ends by now is sent, then all pumps end. */
void pumps_drain(struct pumps *pumps);

#endif
