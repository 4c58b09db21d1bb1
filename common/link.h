/* A link carries frames between two processes of a node over a nonblocking
 * Unix stream socket: u32 little-endian body length, then the body (proto/ipc.h).
 * Frames written during a loop turn leave in one write when the loop prepares. */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include <ev.h>

#include <stdint.h>

#include "common/buffer.h"

#define LINK_FRAME_MAX (64u << 20) /* bytes of one body; a longer one ends the link */

#define LINK_AHEAD 32 /* frames that are told of before they are delivered */

struct link;

struct link_handlers {
	/* One whole frame body, borrowed for the call. May write frames and call
	 * link_close(). */
	void (*on_frame)(struct link *link, struct bytes body);
	/* Optional: these frames follow next, count <= LINK_AHEAD. For who fetches memory early. */
	void (*on_ahead)(struct link *link, const struct bytes *bodies, unsigned count);
	/* The peer is gone or broke the framing (error: -errno, 0 at end of stream).
	 * Called once, when the loop prepares, never from inside link_* calls. The
	 * frames never handed to the kernel are still in link->out. */
	void (*on_lost)(struct link *link, int error);
	/* Optional: output fell back to half of the pause mark. */
	void (*on_drained)(struct link *link);
};

struct link {
	struct ev_loop *loop;
	const struct link_handlers *handlers;
	void *owner; /* the embedding object, for the handlers */
	int fd;
	struct ev_io reader, writer;
	struct ev_prepare flusher;
	struct buffer in, out;
	size_t frame_at;     /* where the frame being written begins, relative to out */
	size_t pause_mark;   /* bytes of output above which link_full() says so */
	size_t read_most;    /* bytes read at once; 256 KiB unless changed */
	uint64_t read_ns;    /* reading goes on for so long in one loop turn; 0: read once */
	uint64_t sent_bytes; /* handed to the kernel since link_init() */
	uint64_t taken_bytes; /* of frames from the peer that have been handled, as the peer sent them */
	bool writing, was_full, paused, closing;
	bool deaf; /* the peer reads no more; what it has written is read to the end */
	int error;
};

/* Takes fd (also on failure). Starts reading at once. 0 or -errno. */
int link_init(struct link *link, struct ev_loop *loop, int take_fd,
              const struct link_handlers *handlers, void *owner);

/* Stops watching, closes, frees buffers. Accepts zeroed memory. Not from inside
 * one of the link's own handlers except on_lost: there use link_close(). */
void link_fini(struct link *link);

/* Keeps little on its way: the kernel holds about 64 KiB of what this side writes, so that
 * little is before what comes next. It is read in small pieces, a few in a loop turn if they
 * are quickly dealt with. */
void link_keep_short(struct link *link);

/* Begins a frame: write its body into the returned buffer, then link_end(). */
struct buffer *link_begin(struct link *link);
void link_end(struct link *link);

/* Hands what is buffered to the kernel now, as far as it takes it. */
void link_flush(struct link *link);

/* More output is waiting than the pause mark (1 MiB unless changed): the owner
 * stops taking the input that would add to it. */
bool link_full(const struct link *link);

/* Stops and resumes reading from the peer. Never pause a gateway's reading from
 * an actor worker: two sides that wait for each other never end. */
void link_pause(struct link *link);
void link_resume(struct link *link);

/* Ends the link from this side: on_lost follows with error 0. */
void link_close(struct link *link);

#endif
