/* Control messages with descriptors over a packet socket. */
#include "common/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/memory.h"

#define CHANNEL_BUFFER (4 * CHANNEL_MESSAGE_MAX) /* of the kernel, for the largest messages */
#define CHANNEL_DESCRIPTORS_MAX 8 /* taken off a packet; all but the first are closed */

struct channel_packet {
	struct channel_packet *next;
	int fd;
	size_t len;
	char data[];
};

union control {
	char bytes[CMSG_SPACE(CHANNEL_DESCRIPTORS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int channel_pair(int ret_fds[2])
{
	int size = CHANNEL_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		if (setsockopt(ret_fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0) {
			int error = -errno;

			close(ret_fds[0]);
			close(ret_fds[1]);
			return error;
		}
	return 0;
}

static void end(struct channel *channel, int error)
{
	if (channel->closing)
		return;
	channel->closing = true;
	channel->error = error;
	ev_io_stop(channel->loop, &channel->reader);
	ev_io_stop(channel->loop, &channel->writer);
	ev_feed_event(channel->loop, &channel->reader, EV_CUSTOM);
}

/* The first descriptor of a packet, -1 without one; others are closed. */
static int take_descriptor(struct msghdr *m)
{
	int first = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (first < 0)
				first = fd;
			else
				close(fd);
		}
	}
	return first;
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int events)
{
	static char data[CHANNEL_MESSAGE_MAX];
	struct channel *channel = (struct channel *)((char *)w - offsetof(struct channel, reader));
	union control control;
	struct iovec part = { data, sizeof(data) };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	(void)loop;
	if (!(events & EV_READ) || channel->closing)
		return;
	n = recvmsg(channel->fd, &m, MSG_CMSG_CLOEXEC);
	if (n > 0)
		channel->handlers->on_message(channel, (struct bytes){ data, (size_t)n }, take_descriptor(&m));
	else if (n == 0)
		end(channel, 0);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
		end(channel, -errno); /* reset: it exited with our packets unread; its own last ones come now */
}

static int send_packet(struct channel *channel, struct bytes message, int fd)
{
	union control control = { 0 };
	struct iovec part = { (void *)message.data, message.len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c = &control.align;

		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(fd));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(channel->fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* What it said before it went is still to be read; its end is found there. */
static bool peer_gone(int error)
{
	return error == -EPIPE || error == -ECONNRESET;
}

static void packet_free(struct channel_packet *packet)
{
	if (packet->fd >= 0)
		close(packet->fd);
	free(packet);
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct channel *channel = (struct channel *)((char *)w - offsetof(struct channel, writer));

	(void)loop, (void)events;
	while (channel->first) {
		struct channel_packet *packet = channel->first;
		int r = send_packet(channel, (struct bytes){ packet->data, packet->len }, packet->fd);

		if (r == -EAGAIN || r == -EINTR)
			return;
		if (r < 0 && !peer_gone(r)) {
			end(channel, r);
			return;
		}
		channel->first = packet->next;
		packet_free(packet);
	}
	channel->last = NULL;
	channel->writing = false;
	ev_io_stop(channel->loop, &channel->writer);
}

static void on_prepare(struct ev_loop *loop, struct ev_prepare *w, int events)
{
	struct channel *channel = (struct channel *)((char *)w - offsetof(struct channel, closer));

	(void)loop, (void)events;
	if (!channel->closing)
		return;
	ev_prepare_stop(channel->loop, &channel->closer);
	channel->handlers->on_lost(channel, channel->error);
}

int channel_init(struct channel *channel, struct ev_loop *loop, int take_fd,
                 const struct channel_handlers *handlers, void *owner)
{
	int flags = fcntl(take_fd, F_GETFL);

	*channel = (struct channel){ .fd = -1 };
	if (flags < 0 || fcntl(take_fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(take_fd, F_SETFD, FD_CLOEXEC) < 0) {
		int error = -errno;

		close(take_fd);
		return error;
	}
	*channel = (struct channel){ .loop = loop, .handlers = handlers, .owner = owner, .fd = take_fd };
	ev_io_init(&channel->reader, on_readable, take_fd, EV_READ);
	ev_io_init(&channel->writer, on_writable, take_fd, EV_WRITE);
	ev_prepare_init(&channel->closer, on_prepare);
	ev_io_start(loop, &channel->reader);
	ev_prepare_start(loop, &channel->closer);
	return 0;
}

void channel_fini(struct channel *channel)
{
	if (channel->handlers == NULL)
		return;
	ev_io_stop(channel->loop, &channel->reader);
	ev_io_stop(channel->loop, &channel->writer);
	ev_prepare_stop(channel->loop, &channel->closer);
	while (channel->first) {
		struct channel_packet *packet = channel->first;

		channel->first = packet->next;
		packet_free(packet);
	}
	close(channel->fd);
	*channel = (struct channel){ .fd = -1 };
}

int channel_send(struct channel *channel, struct bytes message, int take_fd)
{
	struct channel_packet *packet;
	int r = -EAGAIN;

	if (message.len > CHANNEL_MESSAGE_MAX) {
		if (take_fd >= 0)
			close(take_fd);
		return -EMSGSIZE;
	}
	if (channel->first == NULL && !channel->closing)
		r = send_packet(channel, message, take_fd);
	if (r != -EAGAIN) {
		if (take_fd >= 0)
			close(take_fd);
		if (r < 0 && !peer_gone(r))
			end(channel, r);
		return r;
	}
	packet = memory_new(sizeof(*packet) + message.len);
	packet->fd = take_fd;
	packet->len = message.len;
	memcpy(packet->data, message.data, message.len);
	if (channel->last)
		channel->last->next = packet;
	else
		channel->first = packet;
	channel->last = packet;
	if (!channel->writing && !channel->closing) {
		channel->writing = true;
		ev_io_start(channel->loop, &channel->writer);
	}
	return 0;
}
