/* Client connections: reading lines, writing what is owed, ending. */
#include "worker/gateway/session.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "worker/gateway/flow.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/line.h"
#include "worker/gateway/pending.h"
#include "worker/gateway/watch.h"

static const struct {
	const char *name;
	unsigned next;
} states[SESSION_STATE_COUNT] = {
	[SESSION_OPEN] = { "open", 1u << SESSION_FINISHING | 1u << SESSION_CLOSING },
	[SESSION_FINISHING] = { "finishing", 1u << SESSION_CLOSING },
	[SESSION_CLOSING] = { "closing", 0 },
};

static void set_state(struct session *s, enum session_state state)
{
	assert(states[s->state].next & 1u << state);
	s->state = state;
}

void session_watch_socket(struct session *s)
{
	int events = s->parting ? EV_READ : 0;

	if (s->state == SESSION_CLOSING)
		return;
	if (s->state == SESSION_OPEN && !s->is_paused)
		events |= EV_READ;
	if (s->is_stalled && !s->parting)
		events |= EV_WRITE;
	if (s->io.events == events && ev_is_active(&s->io))
		return;
	ev_io_stop(gateway.loop, &s->io);
	ev_io_set(&s->io, s->io.fd, events);
	if (events)
		ev_io_start(gateway.loop, &s->io);
}

void session_close(struct session *s)
{
	if (s->state == SESSION_CLOSING)
		return;
	set_state(s, SESSION_CLOSING);
	TAILQ_INSERT_TAIL(&gateway.closing, s, closing_next);
	ev_io_stop(gateway.loop, &s->io);
	/* The loop must not sleep over it. */
	ev_feed_event(gateway.loop, &gateway.acceptor, EV_CUSTOM);
}

/* --- input --- */

/* One line, without its LF. */
static void take_line(struct session *s, struct bytes line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\r' && line.len == 1)
		line.len = 0;
	if (line.len == 0)
		return; /* a keepalive */
	if (line.len > gateway.config->client.max_line)
		line_too_long(s, line);
	else
		line_take(s, line);
}

/* Lines out of what stands in one piece, of which the first `scanned` bytes hold no LF; the
 * rest is kept. A line that is too long is dropped up to its end, answered when its
 * beginning was read. */
static void take_lines(struct session *s, struct bytes data, size_t scanned)
{
	while (data.len > 0 && s->state == SESSION_OPEN && !s->is_paused) {
		const char *end = memchr(data.data + scanned, '\n', data.len - scanned);
		size_t length = end ? (size_t)(end - data.data) : data.len;

		scanned = 0;
		if (end == NULL && !s->discarding && length <= gateway.config->client.max_line)
			break;
		if (!s->discarding)
			take_line(s, (struct bytes){ data.data, length });
		s->discarding = end == NULL;
		length += end != NULL;
		data = (struct bytes){ data.data + length, data.len - length };
	}
	/* data may lie in s->in: it is moved, not copied over itself. */
	if (s->state == SESSION_OPEN && data.len > 0 && data.data != buffer_bytes(&s->in).data) {
		struct buffer rest = { 0 };

		buffer_append_bytes(&rest, data);
		buffer_fini(&s->in);
		s->in = rest;
	} else if (data.len == 0 || s->state != SESSION_OPEN) {
		buffer_fini(&s->in);
		s->sends_on |= data.len > 0;
	}
}

/* What the client has sent; at its end it is served to the end as after bye, for it may
 * have closed its own side only. */
static void read_socket(struct session *s)
{
	size_t kept = buffer_length(&s->in);
	ssize_t n = recv(s->io.fd, gateway.read_buffer, GATEWAY_READ, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0)
		session_finish(s);
	if (n < 0) {
		buffer_clear(&s->out);
		session_close(s);
	}
	if (n <= 0)
		return;
	gateway.counters.bytes_in += (uint64_t)n;
	s->heard_at = gateway.now_ms;
	if (kept == 0) {
		take_lines(s, (struct bytes){ gateway.read_buffer, (size_t)n }, 0);
	} else {
		buffer_append(&s->in, gateway.read_buffer, (size_t)n);
		take_lines(s, buffer_bytes(&s->in), kept);
	}
}

static void on_socket(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct session *s = (struct session *)((char *)io - offsetof(struct session, io));

	(void)loop;
	if (s->parting) {
		flow_discard(s);
		return;
	}
	if (events & EV_WRITE && s->state != SESSION_CLOSING)
		flow_flush(s);
	if (events & EV_READ && s->state == SESSION_OPEN && !s->is_paused)
		read_socket(s);
}

void session_pause(struct session *s)
{
	if (s->is_paused || s->state != SESSION_OPEN)
		return;
	s->is_paused = true;
	TAILQ_INSERT_TAIL(&gateway.paused, s, paused_next);
	session_watch_socket(s);
}

static void resume(struct session *s)
{
	if (!s->is_paused)
		return;
	s->is_paused = false;
	TAILQ_REMOVE(&gateway.paused, s, paused_next);
	if (s->state == SESSION_OPEN && buffer_length(&s->in) > 0)
		take_lines(s, buffer_bytes(&s->in), 0);
	if (s->state != SESSION_CLOSING)
		session_watch_socket(s);
}

void session_resume_all(struct gateway *g)
{
	/* Who is paused again on the way has had its turn. */
	struct session *s, *last = TAILQ_LAST(&g->paused, session_list);
	bool more = last != NULL;

	while (more) {
		s = TAILQ_FIRST(&g->paused);
		more = s != last;
		resume(s);
	}
}

/* --- life --- */

static void greet(struct session *s)
{
	const struct config *c = gateway.config;
	struct buffer json = { 0 };

	buffer_printf(&json, "{\"line\":%llu,\"inflight\":%llu,\"watches\":%llu,\"t\":%llu,\"tmax\":%llu}",
	              (unsigned long long)c->client.max_line, (unsigned long long)c->client.inflight,
	              (unsigned long long)c->client.watches, (unsigned long long)c->client.timeout,
	              (unsigned long long)c->client.max_timeout);
	session_send(s, &(struct client_line){ .word = "stage 1", .json = buffer_bytes(&json) });
	buffer_fini(&json);
}

void session_begin(int take_fd, const char *peer)
{
	struct session *s = memory_new(sizeof(*s));

	s->number = ++gateway.counters.accepted;
	s->since_ms = clock_real_ms();
	s->heard_at = s->progress_at = clock_now_ms();
	strncpy(s->peer, peer, sizeof(s->peer) - 1);
	TAILQ_INIT(&s->pendings);
	TAILQ_INIT(&s->behind);
	ev_io_init(&s->io, on_socket, take_fd, EV_READ);
	TAILQ_INSERT_TAIL(&gateway.sessions, s, all);
	gateway.session_count++;
	greet(s);
	if (s->state == SESSION_OPEN)
		ev_io_start(gateway.loop, &s->io);
}

void session_end(struct session *s, enum error_code code)
{
	if (s->state == SESSION_CLOSING || s->muted)
		return;
	session_send(s, &(struct client_line){ .word = "bye", .code = code });
	if (s->state != SESSION_CLOSING)
		flow_mute(s);
}

void session_drain(struct session *s)
{
	session_send(s, &(struct client_line){ .word = "drain" });
	resume(s);
	flow_mark(s);
}

/* Everything in flight is answered: it may end. */
static void end_if_done(struct session *s)
{
	if (s->muted || !TAILQ_EMPTY(&s->pendings))
		return;
	if (gateway.draining) {
		/* What came too late hears that it did. */
		if (s->state == SESSION_OPEN)
			read_socket(s);
		session_end(s, ERROR_SHUTDOWN);
	} else if (s->state == SESSION_FINISHING) {
		flow_mute(s);
	}
}

void session_finish(struct session *s)
{
	if (s->state != SESSION_OPEN)
		return;
	set_state(s, SESSION_FINISHING);
	if (s->is_paused) {
		TAILQ_REMOVE(&gateway.paused, s, paused_next);
		s->is_paused = false;
	}
	session_watch_socket(s);
	flow_mark(s);
}

void session_settled(struct session *s)
{
	while (s->first_barrier && !pending_before(s, s->first_barrier->after)) {
		struct barrier *b = s->first_barrier;

		s->first_barrier = b->next;
		if (s->first_barrier == NULL)
			s->last_barrier = NULL;
		s->barriers--;
		session_send(s, &(struct client_line){ .id = { b->id, b->id_length }, .word = "ok" });
		free(b);
	}
	if (s->state == SESSION_FINISHING || gateway.draining)
		flow_mark(s);
}

/* It leaves every list it is in. */
static void reap(struct session *s)
{
	TAILQ_REMOVE(&gateway.closing, s, closing_next);
	if (s->is_dirty)
		TAILQ_REMOVE(&gateway.dirty, s, dirty_next);
	if (s->is_paused)
		TAILQ_REMOVE(&gateway.paused, s, paused_next);
	flow_set_stalled(s, false);
	pending_forget_session(s);
	watch_end_all(s);
	while (s->first_barrier) {
		struct barrier *b = s->first_barrier;

		s->first_barrier = b->next;
		free(b);
	}
	TAILQ_REMOVE(&gateway.sessions, s, all);
	gateway.session_count--;
	close(s->io.fd);
	buffer_fini(&s->in);
	buffer_fini(&s->out);
	free(s->client);
	free(s);
}

void session_flush_all(struct gateway *g)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&g->dirty)) != NULL) {
		TAILQ_REMOVE(&g->dirty, s, dirty_next);
		s->is_dirty = false;
		end_if_done(s);
		if (s->state != SESSION_CLOSING && !s->is_stalled)
			flow_flush(s);
	}
	while ((s = TAILQ_FIRST(&g->closing)) != NULL)
		reap(s);
}
