/* The client listener. */
#include "worker/gateway/accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/gateway/gateway.h"

#define ACCEPT_AT_ONCE 16    /* in one loop turn: the others have theirs */
#define RECEIVE_BYTES 32768  /* the kernel keeps about so much that has not been read … */
#define UNSENT_BYTES 131072  /* … and so much that has not been sent, of one client */

static void format_peer(const struct sockaddr_storage *address, char out[SESSION_PEER])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(out, SESSION_PEER, "%.45s:%u", host, ntohs(in->sin_port));
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)address;

		inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
		snprintf(out, SESSION_PEER, "[%.43s]:%u", host, ntohs(in->sin6_port));
	} else {
		snprintf(out, SESSION_PEER, "local");
	}
}

/* Says why, as far as the kernel takes it at once. */
static void refuse(int take_fd, const char *limit)
{
	char line[96];
	int n = snprintf(line, sizeof(line), "* err limit {\"limit\":\"%s\"}\n", limit);

	gateway.counters.refused++;
	if (send(take_fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		/* It will see the end of the connection. */
	}
	shutdown(take_fd, SHUT_WR);
	close(take_fd);
}

/* No descriptor is left: the spare one is given up for a moment, to refuse whoever waits
 * rather than let them hang. */
static void refuse_without_descriptors(void)
{
	int fd;

	close(gateway.spare_fd);
	fd = accept4(gateway.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		refuse(fd, "descriptors");
	gateway.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void take(int take_fd, const struct sockaddr_storage *address)
{
	char peer[SESSION_PEER];

	if (gateway.session_count >= gateway.session_limit) {
		refuse(take_fd, "sessions");
		return;
	}
	format_peer(address, peer);
	session_begin(take_fd, peer);
}

static void on_acceptable(struct ev_loop *loop, struct ev_io *io, int events)
{
	(void)loop, (void)io;
	if (!(events & EV_READ))
		return;
	for (int i = 0; i < ACCEPT_AT_ONCE && !gateway.draining; i++) {
		struct sockaddr_storage address = { 0 };
		socklen_t length = sizeof(address);
		int fd = accept4(gateway.listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take(fd, &address);
		} else if (errno == EMFILE || errno == ENFILE) {
			refuse_without_descriptors();
		} else {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				log_warn("a connection could not be accepted", errno);
			return;
		}
	}
}

/* Connections take these over from their listener. What a client sends and is not read fills
 * its own sockets, not the server's memory. */
static void set_options(int fd)
{
	int one = 1, receive = RECEIVE_BYTES, unsent = UNSENT_BYTES;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

void accept_begin(int take_fd)
{
	accept_stop();
	gateway.listener = take_fd;
	set_options(take_fd);
	fcntl(take_fd, F_SETFL, fcntl(take_fd, F_GETFL) | O_NONBLOCK);
	ev_io_init(&gateway.acceptor, on_acceptable, take_fd, EV_READ);
	ev_io_start(gateway.loop, &gateway.acceptor);
}

void accept_stop(void)
{
	if (gateway.listener < 0)
		return;
	ev_io_stop(gateway.loop, &gateway.acceptor);
	close(gateway.listener);
	gateway.listener = -1;
}
