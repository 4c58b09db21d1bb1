/* Owns the cluster listener and the connections that nobody has authenticated yet. */
#include "worker/tunnel/door.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/tunnel/stream_socket.h"

#define BATCH 16       /* accepted per turn of the loop */
#define PAUSE 0.1      /* seconds */

struct visitor {
	struct visitor *previous, *next;
	struct door *door;
	struct door_row *row;
	struct greeting *greeting;
	char host[GUARD_HOST_MAX];
};

/* --- who is not let in ------------------------------------------------------------ */

/* Once per host is enough: whoever may connect must not fill the log. */
static void log_refused(struct door *door, const char *host, const char *text)
{
	door->refused++;
	if (guard_logs(&door->guard, host, clock_now_ms()))
		log_info("a connection was not let in", F_TEXT("peer", host), F_TEXT("why", text));
}

static void fail(struct door *door, const char *host, const char *text)
{
	guard_failed(&door->guard, host, clock_now_ms());
	log_refused(door, host, text);
}

static void visitor_free(struct visitor *v)
{
	struct door_row *row = v->row;

	*(v->previous ? &v->previous->next : &row->oldest) = v->next;
	*(v->next ? &v->next->previous : &row->newest) = v->previous;
	row->count--;
	greeting_free(v->greeting);
	free(v);
}

static void on_greeted(struct greeting *g, const struct greeting_result *result)
{
	struct visitor *v = g->owner;
	struct door *door = v->door;

	if (result->greeted)
		guard_knows(&door->guard, v->host, clock_now_ms());
	if (result->code == CONTROL_DIAL_OK)
		door->on_arrived(door, result, greeting_take_stream(g));
	else if (result->greeted)
		log_refused(door, v->host, result->text);
	else
		fail(door, v->host, result->text);
	visitor_free(v);
}

static uint32_t count_of(const struct door_row *row, const char *host)
{
	uint32_t n = 0;

	for (const struct visitor *v = row->oldest; v; v = v->next)
		n += strcmp(v->host, host) == 0;
	return n;
}

static void make_room(struct door *door, struct door_row *row)
{
	struct visitor *gone = NULL;
	uint32_t most = 0;

	if (row->count < door->most)
		return;
	for (struct visitor *v = row->oldest; v; v = v->next) {
		uint32_t n = count_of(row, v->host);

		if (n > most) {
			most = n;
			gone = v;
		}
	}
	fail(door, gone->host, "too many have not said who they are, and most of them are of its host");
	visitor_free(gone);
}

/* --- who comes -------------------------------------------------------------------- */

static void receive(struct door *door, int take_fd, const struct sockaddr_storage *from)
{
	char host[GUARD_HOST_MAX];
	enum guard_verdict verdict;
	struct visitor *v;

	guard_host(from, host);
	verdict = guard_ask(&door->guard, host, clock_now_ms());
	if (verdict != GUARD_KNOWS && verdict != GUARD_ENTERS) {
		log_refused(door, host, guard_text(verdict));
		close(take_fd);
		return;
	}
	stream_socket_set(take_fd, 0);
	v = memory_new(sizeof(*v));
	v->door = door;
	v->row = verdict == GUARD_KNOWS ? &door->known : &door->strangers;
	memcpy(v->host, host, sizeof(host));
	make_room(door, v->row);
	v->greeting = greeting_new(door->loop, door->self, take_fd, true, 0, (struct bytes){ 0 }, on_greeted, v);
	if (v->greeting == NULL) {
		free(v);
		return;
	}
	v->previous = v->row->newest;
	*(v->previous ? &v->previous->next : &v->row->oldest) = v;
	v->row->newest = v;
	v->row->count++;
}

void door_knows(struct door *door, int fd)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t size = sizeof(peer);
	char host[GUARD_HOST_MAX];

	if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0)
		return;
	guard_host(&peer, host);
	guard_knows(&door->guard, host, clock_now_ms());
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

void door_limit(struct door *door, uint32_t most, struct guard_limits limits)
{
	door->most = most;
	door->guard.limits = limits;
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
	while (door->known.oldest)
		visitor_free(door->known.oldest);
	while (door->strangers.oldest)
		visitor_free(door->strangers.oldest);
}
