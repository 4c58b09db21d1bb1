/* Owns the bytes between TLS connections and the plain sockets of this node. */
#include "worker/tunnel/pump.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/memory.h"

#define SLICE PUMP_ROOM /* bytes of one direction per visit */
#define LOOK_EVERY 1.0  /* seconds: has the plain end been closed as a whole? */

/* One direction. ended: nothing more comes in; finished: that has been passed on;
 * broken: nothing more can go out, what comes is dropped. */
struct flow {
	char *data;
	size_t at, end;
	bool ended, finished, broken;
};

struct pump {
	struct pumps *pumps;
	struct pump *next, **back; /* of all */
	struct pump *queued_after;
	bool queued, urgent, draining;
	struct tls_stream *stream;
	int fd;
	struct flow out, in; /* plain to TLS, and back */
	bool wants_write;    /* TLS waits until its descriptor takes more */
	double lingers_until;
	struct ev_io stream_io, plain_io;
	struct ev_timer look;
};

/* --- queues ----------------------------------------------------------------------- */

static void enqueue(struct pump *p)
{
	struct pump_queue *q = p->urgent ? &p->pumps->urgent : &p->pumps->patient;

	if (p->queued)
		return;
	p->queued = true;
	p->queued_after = NULL;
	if (q->first == NULL)
		q->first = p;
	else
		q->last->queued_after = p;
	q->last = p;
}

static struct pump *dequeue(struct pump_queue *q)
{
	struct pump *p = q->first;

	if (p != NULL) {
		q->first = p->queued_after;
		p->queued = false;
	}
	return p;
}

/* --- flows ------------------------------------------------------------------------ */

static size_t waiting(const struct flow *f)
{
	return f->end - f->at;
}

static void forget(struct flow *f)
{
	free(f->data);
	f->data = NULL;
	f->at = f->end = 0;
}

static void took(struct flow *f, size_t n)
{
	f->at += n;
	if (f->at == f->end)
		f->at = f->end = 0;
}

static char *room(struct flow *f)
{
	if (f->data == NULL)
		f->data = memory_grow(NULL, 1, PUMP_ROOM);
	return f->data;
}

/* The connection is over: what it has brought is still handed over, nothing is sent. */
static void lose(struct pump *p)
{
	p->in.ended = p->out.broken = true;
	p->wants_write = false;
	forget(&p->out);
}

/* A result of TLS that is no progress. */
static void note(struct pump *p, enum tls_result result)
{
	if (result == TLS_WRITE)
		p->wants_write = true;
	else if (result == TLS_ENDED)
		p->in.ended = true;
	else if (result == TLS_LOST)
		lose(p);
}

/* --- plain to TLS ----------------------------------------------------------------- */

static void fill_out(struct pump *p)
{
	struct flow *f = &p->out;
	ssize_t n;

	if (f->ended || f->broken || waiting(f) > 0)
		return;
	n = read(p->fd, room(f), PUMP_ROOM);
	if (n > 0)
		f->end = (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR) || p->draining)
		f->ended = true;
}

/* Bytes moved. */
static size_t move_out(struct pump *p)
{
	struct flow *f = &p->out;
	enum tls_result result = TLS_DONE;
	size_t moved = 0, n;

	fill_out(p);
	while (waiting(f) > 0 && result == TLS_DONE) {
		result = tls_write(p->stream, f->data + f->at, waiting(f), &n);
		if (result == TLS_DONE) {
			took(f, n);
			moved += n;
		}
	}
	if (result == TLS_DONE && f->ended && !f->finished && !f->broken && waiting(f) == 0) {
		result = tls_end(p->stream);
		f->finished = result == TLS_DONE;
	}
	if (result != TLS_DONE)
		note(p, result);
	p->pumps->sent += moved;
	return moved;
}

/* --- TLS to plain ----------------------------------------------------------------- */

static void fill_in(struct pump *p)
{
	struct flow *f = &p->in;
	enum tls_result result = TLS_DONE;
	size_t n;

	while (!f->ended && result == TLS_DONE && f->end < PUMP_ROOM) {
		result = tls_read(p->stream, room(f) + f->end, PUMP_ROOM - f->end, &n);
		if (result == TLS_DONE)
			f->end += n;
	}
	if (result != TLS_DONE)
		note(p, result);
}

static size_t move_in(struct pump *p)
{
	struct flow *f = &p->in;
	size_t moved;
	ssize_t n = 0;

	if (waiting(f) == 0)
		fill_in(p);
	moved = waiting(f);
	if (moved > 0 && !f->broken)
		n = send(p->fd, f->data + f->at, moved, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		f->broken = true;
	if (f->broken)
		n = (ssize_t)moved; /* nobody wants it */
	moved = n > 0 ? (size_t)n : 0;
	took(f, moved);
	if (f->ended && !f->finished && waiting(f) == 0) {
		(void)shutdown(p->fd, SHUT_WR);
		f->finished = true;
	}
	p->pumps->received += moved;
	return moved;
}

/* --- one pump --------------------------------------------------------------------- */

static void watch(struct ev_loop *loop, struct ev_io *w, int fd, int events)
{
	if ((w->events & (EV_READ | EV_WRITE)) == events && ev_is_active(w) == (events != 0))
		return;
	ev_io_stop(loop, w);
	ev_io_set(w, fd, events);
	if (events != 0)
		ev_io_start(loop, w);
}

static void watch_both(struct pump *p)
{
	bool sends = !p->out.broken && (waiting(&p->out) > 0 || (p->out.ended && !p->out.finished));
	int stream = (!p->in.ended && waiting(&p->in) == 0 ? EV_READ : 0) | (sends || p->wants_write ? EV_WRITE : 0);
	int plain = (!p->out.ended && !p->out.broken && waiting(&p->out) == 0 ? EV_READ : 0) |
	            (waiting(&p->in) > 0 ? EV_WRITE : 0);

	watch(p->pumps->loop, &p->stream_io, tls_stream_fd(p->stream), stream);
	watch(p->pumps->loop, &p->plain_io, p->fd, plain);
}

/* Its holder has closed it, and not only ended what it sends. */
static bool hung_up(int fd)
{
	struct pollfd at = { .fd = fd };

	return poll(&at, 1, 0) > 0 && at.revents & (POLLHUP | POLLERR);
}

static bool is_over(struct pump *p)
{
	bool sent = p->out.finished || p->out.broken;

	if (!sent)
		return false;
	if (p->in.finished)
		return true;
	if (!p->in.broken)
		return false;
	/* Closing now, with bytes of the peer unread, would reset the connection, and what
	 * was sent last would be lost with it. */
	if (p->lingers_until == 0)
		p->lingers_until = ev_now(p->pumps->loop) + PUMP_LINGER;
	return ev_now(p->pumps->loop) >= p->lingers_until;
}

static void pump_free(struct pump *p)
{
	struct ev_loop *loop = p->pumps->loop;

	ev_io_stop(loop, &p->stream_io);
	ev_io_stop(loop, &p->plain_io);
	ev_timer_stop(loop, &p->look);
	*p->back = p->next;
	if (p->next)
		p->next->back = p->back;
	p->pumps->count--;
	tls_stream_free(p->stream);
	close(p->fd);
	forget(&p->out);
	forget(&p->in);
	free(p);
}

/* Bytes moved; the pump may be gone afterwards. */
static size_t run(struct pump *p)
{
	size_t out, in;

	p->wants_write = false;
	out = move_out(p);
	in = move_in(p);
	if (p->out.ended && !p->in.broken && (p->draining || hung_up(p->fd)))
		p->in.broken = true;
	if (is_over(p)) {
		pump_free(p);
		return out + in;
	}
	if (out + in > 0) {
		enqueue(p); /* there may be more, in TLS's own memory too */
	} else { /* idle ones hold no memory */
		if (waiting(&p->out) == 0)
			forget(&p->out);
		if (waiting(&p->in) == 0)
			forget(&p->in);
	}
	watch_both(p);
	if (p->out.ended && !ev_is_active(&p->look))
		ev_timer_start(p->pumps->loop, &p->look);
	return out + in;
}

static void on_stream(struct ev_loop *loop, struct ev_io *w, int events)
{
	(void)loop, (void)events;
	enqueue(w->data);
}

static void on_look(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop, (void)events;
	enqueue(w->data);
}

void pump_start(struct pumps *pumps, struct tls_stream *take_stream, int take_fd, bool urgent)
{
	struct pump *p = memory_new(sizeof(*p));

	*p = (struct pump){ .pumps = pumps, .stream = take_stream, .fd = take_fd, .urgent = urgent };
	p->next = pumps->all;
	p->back = &pumps->all;
	if (p->next)
		p->next->back = &p->next;
	pumps->all = p;
	pumps->count++;
	ev_init(&p->stream_io, on_stream);
	ev_init(&p->plain_io, on_stream);
	ev_timer_init(&p->look, on_look, LOOK_EVERY, LOOK_EVERY);
	p->stream_io.data = p->plain_io.data = p->look.data = p;
	enqueue(p);
}

/* --- all of them ------------------------------------------------------------------ */

/* Each urgent one once, then the others in turn until this turn's share is used up. */
static void on_prepare(struct ev_loop *loop, struct ev_prepare *w, int events)
{
	struct pumps *pumps = w->data;
	struct pump_queue urgent = pumps->urgent;
	bool had_some = pumps->count > 0;
	size_t moved = 0;
	struct pump *p;

	(void)events;
	pumps->urgent.first = NULL;
	while ((p = dequeue(&urgent)) != NULL)
		run(p);
	while (moved < PUMP_TURN && (p = dequeue(&pumps->patient)) != NULL)
		moved += run(p);
	if (pumps->urgent.first != NULL || pumps->patient.first != NULL)
		ev_idle_start(loop, &pumps->restless);
	else
		ev_idle_stop(loop, &pumps->restless);
	if (had_some && pumps->count == 0 && pumps->on_empty)
		pumps->on_empty(pumps);
}

static void on_idle(struct ev_loop *loop, struct ev_idle *w, int events)
{
	(void)loop, (void)w, (void)events; /* that it is active keeps the loop from waiting */
}

void pumps_init(struct pumps *pumps, struct ev_loop *loop, void *owner)
{
	*pumps = (struct pumps){ .loop = loop, .owner = owner };
	ev_prepare_init(&pumps->runner, on_prepare);
	pumps->runner.data = pumps;
	ev_prepare_start(loop, &pumps->runner);
	ev_idle_init(&pumps->restless, on_idle);
}

void pumps_drain(struct pumps *pumps)
{
	for (struct pump *p = pumps->all; p; p = p->next) {
		p->draining = true;
		enqueue(p);
	}
}

void pumps_fini(struct pumps *pumps)
{
	if (pumps->loop == NULL)
		return;
	while (pumps->all)
		pump_free(pumps->all);
	ev_prepare_stop(pumps->loop, &pumps->runner);
	ev_idle_stop(pumps->loop, &pumps->restless);
}
