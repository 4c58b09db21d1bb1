/* Output of sessions and its limits. */
#include "worker/gateway/flow.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/pool.h"
#include "worker/gateway/crowd.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/room.h"
#include "worker/gateway/watch.h"

#define FAREWELL_MS 1000   /* who is told that the server stops has so long to close its side */
#define PARTING_MS 1000    /* who sends on after that is listened to for so long */
#define DISCARD_AT_ONCE 16 /* reads */
#define OUTPUT_FIRST 1024  /* bytes of the block that output begins with; the pool has it ready */

bool session_is_slow(const struct session *s)
{
	return buffer_length(&s->out) > gateway.config->client.conflate || room_crowded(s);
}

void flow_mark(struct session *s)
{
	if (s->is_dirty || s->state == SESSION_CLOSING)
		return;
	s->is_dirty = true;
	TAILQ_INSERT_TAIL(&gateway.dirty, s, dirty_next);
}

void flow_set_stalled(struct session *s, bool on)
{
	if (on == s->is_stalled)
		return;
	s->is_stalled = on;
	if (on)
		TAILQ_INSERT_TAIL(&gateway.stalled, s, stalled_next);
	else
		TAILQ_REMOVE(&gateway.stalled, s, stalled_next);
}

bool flow_offer(struct session *s, struct transfer *t)
{
	struct bytes rest = buffer_bytes(&s->out);

	if (!s->writable || s->parting || s->state == SESSION_CLOSING || rest.len == 0)
		return false;
	*t = (struct transfer){ .owner = s, .fd = s->fd, .data = (char *)rest.data, .size = rest.len };
	return true;
}

void flow_took(struct session *s, ssize_t n)
{
	if (n > 0) {
		buffer_consume(&s->out, (size_t)n);
		s->progress_at = gateway.now_ms;
	} else if (n == -EAGAIN) {
		s->writable = false;
	} else if (n < 0) {
		buffer_clear(&s->out);
		session_close(s);
	}
}

/* What the kernel does not take waits until the socket can be written. */
static void push(struct session *s)
{
	struct transfer t;

	while (flow_offer(s, &t)) {
		transfer_many(&t, 1);
		flow_took(s, t.result);
	}
	if (s->state != SESSION_CLOSING)
		flow_set_stalled(s, buffer_length(&s->out) > 0);
}

static void first_block(struct session *s)
{
	char *block = s->out.data ? NULL : pool_take(OUTPUT_FIRST);

	if (block)
		s->out = (struct buffer){ .data = block, .capacity = OUTPUT_FIRST };
}

void flow_drop(struct session *s)
{
	if (s->out.capacity == OUTPUT_FIRST)
		pool_give(s->out.data, OUTPUT_FIRST);
	else
		buffer_fini(&s->out);
	s->out = (struct buffer){ 0 };
}

void flow_discard(struct session *s)
{
	ssize_t n = 1;

	for (int i = 0; i < DISCARD_AT_ONCE && n > 0; i++) {
		n = recv(s->fd, gateway.read_buffer, GATEWAY_READ, 0);
		s->sends_on |= n > 0;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || !s->sends_on)
		session_close(s);
}

/* In the middle of a line, or not silent since the farewell. */
static bool seems_to_send(const struct session *s)
{
	return s->discarding || s->is_unfinished || (s->farewell_at != 0 && s->heard_at >= s->farewell_at);
}

/* All is written. Bytes of the client that nobody has read would make the kernel break the
 * connection, and the farewell with it: who is still sending is given time to hear it. */
static void part(struct session *s)
{
	shutdown(s->fd, SHUT_WR);
	s->parting = true;
	s->sends_on |= seems_to_send(s);
	s->progress_at = gateway.now_ms;
	flow_set_stalled(s, true);
	flow_discard(s);
}

void flow_flush(struct session *s)
{
	if (s->parting)
		return;
	push(s);
	if (buffer_length(&s->out) == 0)
		flow_drop(s);
	room_count(s);
	if (s->state == SESSION_CLOSING)
		return;
	if (s->brims && !room_brims(s)) {
		s->brims = false;
		crowd_call(s);
	}
	if (s->muted && !s->is_stalled) {
		part(s);
		return;
	}
	if (!session_is_slow(s) && !TAILQ_EMPTY(&s->behind))
		watch_catch_up(s);
}

void flow_flush_many(struct session *const *sessions, unsigned count)
{
	struct transfer batch[TRANSFER_MOST];
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += flow_offer(sessions[i], &batch[n]);
	transfer_many(batch, n);
	for (unsigned i = 0; i < n; i++)
		flow_took(batch[i].owner, batch[i].result);
	for (unsigned i = 0; i < count; i++)
		flow_flush(sessions[i]); /* the rest of it, if the kernel takes that */
}

void flow_mute(struct session *s)
{
	s->muted = true;
	session_finish(s);
	flow_mark(s);
}

/* The reader is too slow to be served. What it has not been sent is dropped, but for the
 * line it is in the middle of, and the reason; it may still take those. */
static void give_up(struct session *s)
{
	struct bytes rest = buffer_bytes(&s->out);
	const char *end = memchr(rest.data, '\n', rest.len);
	struct buffer last = { 0 };

	log_info("slow client disconnected", F_TEXT("peer", s->peer), F_UINT("unread", rest.len));
	buffer_append(&last, rest.data, (size_t)(end + 1 - rest.data));
	client_format(&(struct client_line){ .word = "bye", .code = ERROR_SLOW }, &last);
	flow_drop(s);
	s->out = last;
	room_count(s);
	gateway.counters.errors[ERROR_SLOW]++;
	flow_mute(s);
}

/* What is written is counted, and bounded. */
static void wrote(struct session *s, size_t before)
{
	gateway.counters.bytes_out += buffer_length(&s->out) - before;
	room_count(s);
	if (before == 0)
		s->progress_at = gateway.now_ms;
	flow_mark(s);
	if (buffer_length(&s->out) <= gateway.config->client.output)
		return;
	/* Much at once is not slowness yet. */
	if (!s->is_stalled)
		push(s);
	if (s->state != SESSION_CLOSING && buffer_length(&s->out) > gateway.config->client.output)
		give_up(s);
}

static struct session *greediest(void)
{
	struct session *s, *found = NULL;

	TAILQ_FOREACH (s, &gateway.stalled, stalled_next)
		if (s->state != SESSION_CLOSING && s->counted_out > (found ? found->counted_out : 0))
			found = s;
	return found;
}

void flow_make_room(void)
{
	struct session *s;

	while (room_is_over() && (s = greediest()) != NULL) {
		if (!s->muted)
			give_up(s);
		else
			session_close(s);
	}
}

void session_send(struct session *s, const struct client_line *line)
{
	size_t before = buffer_length(&s->out);

	if (s->state == SESSION_CLOSING || s->muted)
		return;
	if (line->code != ERROR_NONE)
		gateway.counters.errors[line->code]++;
	first_block(s);
	client_format(line, &s->out);
	wrote(s, before);
}

void session_send_tail(struct session *s, struct bytes id, struct bytes tail)
{
	size_t before = buffer_length(&s->out);
	char *at;

	if (s->state == SESSION_CLOSING || s->muted)
		return;
	first_block(s);
	at = buffer_reserve(&s->out, id.len + tail.len);
	memcpy(at, id.data, id.len);
	memcpy(at + id.len, tail.data, tail.len);
	buffer_commit(&s->out, id.len + tail.len);
	wrote(s, before);
}

/* The server stops, and waits for nobody who does not close. */
static void end_farewells(struct gateway *g, uint64_t now)
{
	struct session *s;

	TAILQ_FOREACH (s, &g->sessions, all)
		if (s->state == SESSION_OPEN && s->farewell_at != 0 && s->farewell_at + FAREWELL_MS < now)
			flow_mute(s);
}

void flow_check_time(struct gateway *g, uint64_t now)
{
	struct session *s;
	uint64_t idle = g->config->client.idle;

	if (g->draining)
		end_farewells(g, now);
	TAILQ_FOREACH (s, &g->stalled, stalled_next) {
		uint64_t patience = s->parting ? PARTING_MS : g->config->client.stall;

		if (s->state == SESSION_CLOSING || s->progress_at + patience >= now)
			continue;
		if (!s->muted)
			give_up(s);
		session_close(s);
	}
	if (idle == 0)
		return;
	TAILQ_FOREACH (s, &g->sessions, all)
		if (s->state == SESSION_OPEN && s->heard_at + idle < now && TAILQ_EMPTY(&s->pendings))
			session_end(s, ERROR_IDLE);
}
