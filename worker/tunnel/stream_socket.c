/* Owns the options of TCP sockets between nodes. */
#include "worker/tunnel/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "proto/cluster.h"

#define GONE 1500   /* ms: a healed partition must not wait for TCP's own patience */
#define SLOW 15000  /* ms: a window that stays shut counts as silence, whoever holds it shut */

static const unsigned patience[CLUSTER_KIND_COUNT] = {
	[0] = GONE, [CLUSTER_JOIN] = GONE, [CLUSTER_ENGINE] = GONE, [CLUSTER_DATA] = SLOW, [CLUSTER_ROWS] = SLOW,
};

void stream_socket_set(int fd, uint32_t kind)
{
	static const int on = 1, idle = 1, interval = 1, probes = 2;
	const unsigned limit = patience[kind < CLUSTER_KIND_COUNT ? kind : 0];

	/* What is refused here only makes the connection slower to notice an end. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof(limit));
}
