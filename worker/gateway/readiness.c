/* The epoll set of clients' sockets. */
#include "worker/gateway/readiness.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "worker/gateway/gateway.h"

#define AT_ONCE 256 /* sockets looked at in one loop turn; the loop comes again for others */

static void on_ready(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct epoll_event found[AT_ONCE];
	int count = epoll_wait(io->fd, found, AT_ONCE, 0);

	(void)loop, (void)events;
	for (int i = 0; i < count; i++) {
		struct session *s = found[i].data.ptr;
		uint32_t what = found[i].events;

		/* The end of a connection shows when all before it is read. */
		s->half_closed |= (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
		s->readable |= (what & EPOLLIN) != 0 || s->half_closed;
		s->writable |= (what & EPOLLOUT) != 0 || s->half_closed;
		session_on_ready(s);
	}
}

int readiness_init(struct gateway *g)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	ev_io_init(&g->readiness, on_ready, fd, EV_READ);
	ev_io_start(g->loop, &g->readiness);
	return 0;
}

void readiness_fini(struct gateway *g)
{
	ev_io_stop(g->loop, &g->readiness);
	close(g->readiness.fd);
}

bool readiness_add(struct gateway *g, struct session *s)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = s };

	return epoll_ctl(g->readiness.fd, EPOLL_CTL_ADD, s->fd, &event) == 0;
}
