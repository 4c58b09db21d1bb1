/* Owns the cluster listener and the connections that nobody has authenticated yet. */
#include "worker/tunnel/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/tunnel/stream_socket.h"

#define BATCH 16       /* accepted per turn of the loop */
#define PAUSE 0.1      /* seconds */
#define REMEMBERED UINT64_C(3600000) /* ms */

struct visitor {
	struct visitor *previous, *next;
	struct door *door;
	struct greeting *greeting;
	char host[48];
};

static void write_host(const struct sockaddr_storage *a, char *out, size_t room)
{
	const struct sockaddr_in6 *six = (const void *)a;
	const struct sockaddr_in *four = (const void *)a;

	if (a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], out, (socklen_t)room);
	else if (a->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, out, (socklen_t)room);
	else if (a->ss_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, out, (socklen_t)room);
	else
		snprintf(out, room, "?");
}

/* --- who is not let in ------------------------------------------------------------ */

/* Once per peer is enough: whoever may connect must not fill the log. */
static void log_refused(struct door *door, const char *host, const char *text)
{
	uint64_t now = clock_now_ms();
	struct stranger *s = NULL;

	door->refused++;
	for (uint32_t i = 0; i < DOOR_STRANGERS && s == NULL; i++) {
		if (strcmp(door->strangers[i].host, host) == 0)
			s = &door->strangers[i];
	}
	if (s != NULL && now - s->logged_at < REMEMBERED)
		return;
	if (s == NULL)
		s = &door->strangers[door->next_stranger++ % DOOR_STRANGERS];
	snprintf(s->host, sizeof(s->host), "%s", host);
	s->logged_at = now;
	log_info("a connection was not let in", F_TEXT("peer", host), F_TEXT("why", text));
}

static void visitor_free(struct visitor *v)
{
	struct door *door = v->door;

	*(v->previous ? &v->previous->next : &door->oldest) = v->next;
	*(v->next ? &v->next->previous : &door->newest) = v->previous;
	door->count--;
	greeting_free(v->greeting);
	free(v);
}

static void on_greeted(struct greeting *g, const struct greeting_result *result)
{
	struct visitor *v = g->owner;
	struct door *door = v->door;

	if (result->code == CONTROL_DIAL_OK)
		door->on_arrived(door, result, greeting_take_stream(g));
	else
		log_refused(door, v->host, result->text);
	visitor_free(v);
}

/* --- who comes -------------------------------------------------------------------- */

static void receive(struct door *door, int take_fd, const struct sockaddr_storage *from)
{
	struct visitor *v;

	if (door->count == DOOR_MOST) {
		log_refused(door, door->oldest->host, "too many have not said who they are, and it came first of them");
		visitor_free(door->oldest);
	}
	stream_socket_set(take_fd, 0);
	v = memory_new(sizeof(*v));
	v->door = door;
	write_host(from, v->host, sizeof(v->host));
	v->greeting = greeting_new(door->loop, door->self, take_fd, true, 0, (struct bytes){ 0 }, on_greeted, v);
	if (v->greeting == NULL) {
		free(v);
		return;
	}
	v->previous = door->newest;
	*(v->previous ? &v->previous->next : &door->oldest) = v;
	door->newest = v;
	door->count++;
}

/* A listener that can be accepted from, and no descriptor to do it with, would keep the
 * loop spinning. */
static void rest(struct door *door, int error)
{
	if (!door->short_of)
		log_warn("other nodes must wait", error);
	door->short_of = true;
	ev_io_stop(door->loop, &door->io);
	ev_timer_set(&door->pause, PAUSE, 0.);
	ev_timer_start(door->loop, &door->pause);
}

static void on_ring(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct door *door = w->data;

	(void)loop, (void)events;
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t size = sizeof(from);
		int fd = accept4(door->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			door->short_of = false;
			receive(door, fd, &from);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			rest(door, errno);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void on_pause_over(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct door *door = w->data;

	(void)events;
	ev_io_start(loop, &door->io);
}

/* --- life ------------------------------------------------------------------------- */

void door_init(struct door *door, struct ev_loop *loop, const struct greeting_self *self, void *owner)
{
	*door = (struct door){ .loop = loop, .self = self, .fd = -1, .owner = owner };
	ev_init(&door->io, on_ring);
	ev_init(&door->pause, on_pause_over);
	door->io.data = door->pause.data = door;
}

static void close_listener(struct door *door)
{
	ev_io_stop(door->loop, &door->io);
	ev_timer_stop(door->loop, &door->pause);
	if (door->fd >= 0)
		close(door->fd);
	door->fd = -1;
}

void door_open(struct door *door, int take_fd)
{
	close_listener(door);
	door->fd = take_fd;
	ev_io_set(&door->io, take_fd, EV_READ);
	ev_io_start(door->loop, &door->io);
}

void door_fini(struct door *door)
{
	if (door->loop == NULL)
		return;
	close_listener(door);
	while (door->oldest)
		visitor_free(door->oldest);
}
