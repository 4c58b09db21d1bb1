/* Client connections: reading lines, writing what is owed, ending. */
#include "worker/gateway/session.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
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

static void watch_socket(struct session *s)
{
	int events = 0;

	if (s->state == SESSION_OPEN && !s->is_paused)
		events |= EV_READ;
	if (s->is_stalled)
		events |= EV_WRITE;
	if (s->io.events == events && ev_is_active(&s->io))
		return;
	ev_io_stop(gateway.loop, &s->io);
	ev_io_set(&s->io, s->io.fd, events);
	if (events)
		ev_io_start(gateway.loop, &s->io);
}

/* --- output --- */

bool session_is_slow(const struct session *s)
{
	return buffer_length(&s->out) > gateway.config->client.conflate;
}

static void mark_dirty(struct session *s)
{
	if (s->is_dirty || s->state == SESSION_CLOSING)
		return;
	s->is_dirty = true;
	TAILQ_INSERT_TAIL(&gateway.dirty, s, dirty_next);
}

static void close_later(struct session *s)
{
	if (s->state == SESSION_CLOSING)
		return;
	set_state(s, SESSION_CLOSING);
	TAILQ_INSERT_TAIL(&gateway.closing, s, closing_next);
	ev_io_stop(gateway.loop, &s->io);
	/* The loop must not sleep over it. */
	ev_feed_event(gateway.loop, &gateway.acceptor, EV_CUSTOM);
}

/* The reader is too slow to be served. What it has not been sent is dropped, but for the
 * line it is in the middle of, and the reason; it may still take those. */
static void mute(struct session *s)
{
	struct bytes rest = buffer_bytes(&s->out);
	const char *end = memchr(rest.data, '\n', rest.len);

	log_info("slow client disconnected", F_TEXT("peer", s->peer), F_UINT("unread", rest.len));
	s->out.tail = s->out.head + (size_t)(end + 1 - rest.data);
	client_format(&(struct client_line){ .word = "bye", .code = ERROR_SLOW }, &s->out);
	s->muted = true;
	if (s->state == SESSION_OPEN)
		session_finish(s);
}

/* What is written is counted, and bounded. */
static void wrote(struct session *s, size_t before)
{
	gateway.counters.bytes_out += buffer_length(&s->out) - before;
	if (before == 0)
		s->progress_at = gateway.now_ms;
	mark_dirty(s);
	if (buffer_length(&s->out) > gateway.config->client.output)
		mute(s);
}

void session_send(struct session *s, const struct client_line *line)
{
	size_t before = buffer_length(&s->out);

	if (s->state == SESSION_CLOSING || s->muted)
		return;
	if (line->code != ERROR_NONE)
		gateway.counters.errors[line->code]++;
	client_format(line, &s->out);
	wrote(s, before);
}

void session_send_tail(struct session *s, struct bytes id, struct bytes tail)
{
	size_t before = buffer_length(&s->out);

	if (s->state == SESSION_CLOSING || s->muted)
		return;
	buffer_append_bytes(&s->out, id);
	buffer_append_bytes(&s->out, tail);
	wrote(s, before);
}

static void set_stalled(struct session *s, bool on)
{
	if (on == s->is_stalled)
		return;
	s->is_stalled = on;
	if (on)
		TAILQ_INSERT_TAIL(&gateway.stalled, s, stalled_next);
	else
		TAILQ_REMOVE(&gateway.stalled, s, stalled_next);
}

/* Hands the kernel what it takes. */
static void flush(struct session *s)
{
	while (buffer_length(&s->out) > 0) {
		struct bytes rest = buffer_bytes(&s->out);
		ssize_t n = send(s->io.fd, rest.data, rest.len, MSG_NOSIGNAL);

		if (n > 0) {
			buffer_consume(&s->out, (size_t)n);
			s->progress_at = gateway.now_ms;
		} else if (n < 0 && errno == EAGAIN) {
			break;
		} else if (n < 0 && errno != EINTR) {
			buffer_clear(&s->out);
			close_later(s);
			return;
		}
	}
	buffer_trim(&s->out);
	set_stalled(s, buffer_length(&s->out) > 0);
	if (s->muted && !s->is_stalled) {
		close_later(s);
		return;
	}
	watch_socket(s);
	if (!session_is_slow(s) && !TAILQ_EMPTY(&s->behind))
		watch_catch_up(s);
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

/* Lines out of what stands in one piece; the rest is kept. A line that is too long is
 * dropped up to its end, answered when its beginning was read. */
static void take_lines(struct session *s, struct bytes data)
{
	while (data.len > 0 && s->state == SESSION_OPEN && !s->is_paused) {
		const char *end = memchr(data.data, '\n', data.len);
		size_t length = end ? (size_t)(end - data.data) : data.len;

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
	}
}

static void on_readable(struct session *s)
{
	size_t kept = buffer_length(&s->in);
	ssize_t n = recv(s->io.fd, gateway.read_buffer, GATEWAY_READ, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		buffer_clear(&s->out);
		close_later(s);
		return;
	}
	gateway.counters.bytes_in += (uint64_t)n;
	s->heard_at = gateway.now_ms;
	if (kept == 0) {
		take_lines(s, (struct bytes){ gateway.read_buffer, (size_t)n });
	} else {
		buffer_append(&s->in, gateway.read_buffer, (size_t)n);
		take_lines(s, buffer_bytes(&s->in));
	}
}

/* A full link: its clients are read no further until it has drained. */
static void pause_if_full(struct session *s)
{
	for (uint32_t i = 0; i < gateway.worker_count; i++)
		if (gateway.workers[i].link && link_full(gateway.workers[i].link)) {
			s->is_paused = true;
			TAILQ_INSERT_TAIL(&gateway.paused, s, paused_next);
			watch_socket(s);
			return;
		}
}

static void on_socket(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct session *s = (struct session *)((char *)io - offsetof(struct session, io));

	(void)loop;
	if (events & EV_WRITE && s->state != SESSION_CLOSING)
		flush(s);
	if (!(events & EV_READ) || s->state != SESSION_OPEN)
		return;
	pause_if_full(s);
	if (!s->is_paused)
		on_readable(s);
}

void session_resume_all(struct gateway *g)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&g->paused)) != NULL) {
		TAILQ_REMOVE(&g->paused, s, paused_next);
		s->is_paused = false;
		if (s->state == SESSION_OPEN && buffer_length(&s->in) > 0)
			take_lines(s, buffer_bytes(&s->in));
		if (s->state != SESSION_CLOSING)
			watch_socket(s);
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
	if (s->state == SESSION_CLOSING)
		return;
	session_send(s, &(struct client_line){ .word = "bye", .code = code });
	if (s->state == SESSION_CLOSING)
		return;
	flush(s);
	if (s->state != SESSION_CLOSING)
		close_later(s);
}

static void end_if_finished(struct session *s)
{
	if (s->state != SESSION_FINISHING || s->muted || !TAILQ_EMPTY(&s->pendings))
		return;
	if (gateway.draining)
		session_end(s, ERROR_SHUTDOWN);
	else if (buffer_length(&s->out) == 0)
		close_later(s);
	else
		flush(s);
	if (s->state == SESSION_FINISHING && buffer_length(&s->out) == 0)
		close_later(s);
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
	watch_socket(s);
	mark_dirty(s);
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
	if (s->state == SESSION_FINISHING)
		mark_dirty(s);
}

/* It leaves every list it is in. */
static void reap(struct session *s)
{
	TAILQ_REMOVE(&gateway.closing, s, closing_next);
	if (s->is_dirty)
		TAILQ_REMOVE(&gateway.dirty, s, dirty_next);
	if (s->is_paused)
		TAILQ_REMOVE(&gateway.paused, s, paused_next);
	set_stalled(s, false);
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
		if (s->state != SESSION_CLOSING && !s->is_stalled)
			flush(s);
		if (s->state == SESSION_FINISHING)
			end_if_finished(s);
	}
	while ((s = TAILQ_FIRST(&g->closing)) != NULL)
		reap(s);
}

void session_check_time(struct gateway *g, uint64_t now)
{
	struct session *s;
	uint64_t idle = g->config->client.idle;

	TAILQ_FOREACH (s, &g->stalled, stalled_next)
		if (s->state != SESSION_CLOSING && s->progress_at + g->config->client.stall < now) {
			if (!s->muted)
				mute(s);
			close_later(s);
		}
	if (idle == 0)
		return;
	TAILQ_FOREACH (s, &g->sessions, all)
		if (s->state == SESSION_OPEN && s->heard_at + idle < now && TAILQ_EMPTY(&s->pendings))
			session_end(s, ERROR_IDLE);
}
