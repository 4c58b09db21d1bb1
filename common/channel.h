/* A channel carries control messages between the supervisor and a child over a
 * Unix SOCK_SEQPACKET socket: one packet is one message (proto/control.h), and
 * may bring a file descriptor with it. */
#ifndef COMMON_CHANNEL_H
#define COMMON_CHANNEL_H

#include <ev.h>

#include "common/bytes.h"

#define CHANNEL_MESSAGE_MAX (192u << 10) /* bytes */

struct channel;

struct channel_handlers {
	/* fd is -1 or a descriptor that the handler now owns (close-on-exec set). */
	void (*on_message)(struct channel *channel, struct bytes message, int take_fd);
	/* The peer is gone. Called once, when the loop prepares. */
	void (*on_lost)(struct channel *channel, int error);
};

struct channel_packet;

struct channel {
	struct ev_loop *loop;
	const struct channel_handlers *handlers;
	void *owner;
	int fd;
	struct ev_io reader, writer;
	struct ev_prepare closer;
	struct channel_packet *first, *last; /* packets the kernel has not taken */
	bool writing, closing;
	int error;
};

/* Makes a connected pair, both close-on-exec and nonblocking. 0 or -errno. */
int channel_pair(int ret_fds[2]);

int channel_init(struct channel *channel, struct ev_loop *loop, int take_fd,
                 const struct channel_handlers *handlers, void *owner);
void channel_fini(struct channel *channel);

/* Sends one message; message is copied, take_fd (-1: none) is consumed. Never
 * blocks: what the kernel does not take waits here. -EMSGSIZE over the limit. */
int channel_send(struct channel *channel, struct bytes message, int take_fd);

#endif
