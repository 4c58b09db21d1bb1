/* Owns connections to other nodes while they are being made. */
#include "worker/tunnel/dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/memory.h"
#include "worker/tunnel/resolve.h"
#include "worker/tunnel/stream_socket.h"

struct dial {
	struct dial *next, **back;
	struct ev_loop *loop;
	const struct greeting_self *self;
	uint64_t tag;
	uint32_t kind;
	char *address;
	struct buffer argument;
	struct resolve *resolve;
	struct addrinfo *found, *at; /* at: being tried */
	int fd;                      /* connecting, -1: none */
	struct greeting *greeting;
	struct greeting_result result;
	const char *why; /* the last attempt failed; NULL: none has */
	struct ev_io io;
	struct ev_timer attempt, limit;
	dial_done *on_done;
	void *owner;
};

static struct dial *dials;

/* --- its end ---------------------------------------------------------------------- */

static void leave_attempt(struct dial *d)
{
	ev_io_stop(d->loop, &d->io);
	ev_timer_stop(d->loop, &d->attempt);
	greeting_free(d->greeting);
	d->greeting = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

static void dial_free(struct dial *d)
{
	leave_attempt(d);
	ev_timer_stop(d->loop, &d->limit);
	resolve_cancel(d->resolve);
	if (d->found)
		freeaddrinfo(d->found);
	*d->back = d->next;
	if (d->next)
		d->next->back = d->back;
	buffer_fini(&d->argument);
	free(d->address);
	free(d);
}

/* The last that is done with d. */
static void finish(struct dial *d, const struct greeting_result *result, struct tls_stream *take_stream)
{
	char text[CLUSTER_ADDRESS_MAX + 160] = "";

	if (result->code != CONTROL_DIAL_OK)
		snprintf(text, sizeof(text), "%s: %s", d->address, result->text);
	d->on_done(d->owner, d->tag, result, text, take_stream);
	dial_free(d);
}

static void fail(struct dial *d, const char *why)
{
	const struct greeting_result result = { .code = CONTROL_DIAL_UNREACHABLE, .text = why };

	finish(d, &result, NULL);
}

/* --- one address after the other -------------------------------------------------- */

static void try_next(struct dial *d);

static void attempt_failed(struct dial *d, const char *why)
{
	leave_attempt(d);
	d->why = why;
	d->at = d->at->ai_next;
	try_next(d);
}

static void on_greeted(struct greeting *g, const struct greeting_result *result)
{
	struct dial *d = g->owner;

	if (result->code == CONTROL_DIAL_UNREACHABLE)
		attempt_failed(d, result->text);
	else
		finish(d, result, result->code == CONTROL_DIAL_OK ? greeting_take_stream(g) : NULL);
}

static void on_connected(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct dial *d = w->data;
	int error = 0, fd = d->fd;
	socklen_t size = sizeof(error);

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error != 0) {
		attempt_failed(d, strerrordesc_np(error));
		return;
	}
	ev_io_stop(loop, w);
	d->fd = -1;
	d->greeting = greeting_new(loop, d->self, fd, false, d->kind, buffer_bytes(&d->argument), on_greeted, d);
	if (d->greeting == NULL)
		attempt_failed(d, "there is no memory for it");
}

static void on_attempt_over(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop, (void)events;
	attempt_failed(w->data, "it does not answer in time");
}

/* Each address has an equal share of the time that is left. */
static double share(const struct dial *d)
{
	unsigned left = 0;

	for (const struct addrinfo *a = d->at; a; a = a->ai_next)
		left++;
	return ev_timer_remaining(d->loop, (struct ev_timer *)(uintptr_t)&d->limit) / left;
}

static void try_next(struct dial *d)
{
	int fd;

	for (; d->at != NULL; d->at = d->at->ai_next) {
		fd = socket(d->at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0) {
			stream_socket_set(fd, 0);
			if (connect(fd, d->at->ai_addr, d->at->ai_addrlen) == 0 || errno == EINPROGRESS)
				break;
		}
		d->why = strerrordesc_np(errno);
		if (fd >= 0)
			close(fd);
	}
	if (d->at == NULL) {
		fail(d, d->why != NULL ? d->why : "it has no address");
		return;
	}
	d->fd = fd;
	ev_io_set(&d->io, fd, EV_WRITE);
	ev_io_start(d->loop, &d->io);
	ev_timer_set(&d->attempt, share(d), 0.);
	ev_timer_start(d->loop, &d->attempt);
}

static void on_resolved(void *owner, struct addrinfo *take_found, const char *error)
{
	struct dial *d = owner;

	d->resolve = NULL;
	d->found = d->at = take_found;
	if (take_found == NULL)
		fail(d, error);
	else
		try_next(d);
}

static void on_limit(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct dial *d = w->data;

	(void)loop, (void)events;
	fail(d, d->resolve ? "its name is not found in time" : d->why ? d->why : "it does not answer in time");
}

/* --- its beginning ---------------------------------------------------------------- */

/* What cannot even begin is told by the loop as well. */
static void on_hopeless(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct dial *d = w->data;

	(void)loop, (void)events;
	fail(d, d->why);
}

void dial_start(struct ev_loop *loop, const struct greeting_self *self, const struct control_dial *m,
                dial_done *on_done, void *owner)
{
	struct dial *d = memory_new(sizeof(*d));
	char host[256], port[8];

	*d = (struct dial){ .loop = loop, .self = self, .tag = m->tag, .kind = m->kind, .fd = -1,
	                    .address = memory_copy(m->address.data, m->address.len), .on_done = on_done, .owner = owner };
	buffer_append_bytes(&d->argument, m->argument);
	d->next = dials;
	d->back = &dials;
	if (d->next)
		d->next->back = &d->next;
	dials = d;
	ev_init(&d->io, on_connected);
	ev_timer_init(&d->limit, on_limit, DIAL_LIMIT, 0.);
	ev_init(&d->attempt, on_attempt_over);
	d->io.data = d->limit.data = d->attempt.data = d;
	if (!resolve_split(m->address, host, port))
		d->why = "this is no address of a node";
	else if ((d->resolve = resolve_start(host, port, on_resolved, d)) == NULL)
		d->why = "too many names are being looked up";
	if (d->why != NULL)
		ev_timer_init(&d->limit, on_hopeless, 0., 0.);
	ev_timer_start(loop, &d->limit);
}

void dial_cancel_all(void)
{
	while (dials)
		dial_free(dials);
}

uint32_t dial_count(void)
{
	uint32_t n = 0;

	for (const struct dial *d = dials; d; d = d->next)
		n++;
	return n;
}
