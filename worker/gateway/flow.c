/* Output of sessions and its limits. */
#include "worker/gateway/flow.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/log.h"
#include "worker/gateway/crowd.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/room.h"
#include "worker/gateway/watch.h"

#define PARTING_MS 1000    /* who sends on after the farewell is listened to for so long */
#define DISCARD_AT_ONCE 16 /* reads */
#define OUTPUT_FIRST 1024  /* bytes made room for at once: as much as malloc() gives and takes without searching */

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

/* What the kernel does not take waits until the socket can be written. */
static void push(struct session *s)
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
			session_close(s);
			return;
		}
	}
	flow_set_stalled(s, buffer_length(&s->out) > 0);
}

void flow_discard(struct session *s)
{
	ssize_t n = 1;

	for (int i = 0; i < DISCARD_AT_ONCE && n > 0; i++) {
		n = recv(s->io.fd, gateway.read_buffer, GATEWAY_READ, 0);
		s->sends_on |= n > 0;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || !s->sends_on)
		session_close(s);
}

/* All is written. Bytes of the client that nobody has read would make the kernel break the
 * connection, and the farewell with it: who is still sending is given time to hear it. */
static void part(struct session *s)
{
	shutdown(s->io.fd, SHUT_WR);
	s->parting = true;
	s->sends_on |= s->discarding;
	s->progress_at = gateway.now_ms;
	flow_set_stalled(s, true);
	flow_discard(s);
	session_watch_socket(s);
}

void flow_flush(struct session *s)
{
	if (s->parting)
		return;
	push(s);
	buffer_trim(&s->out);
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
	session_watch_socket(s);
	if (!session_is_slow(s) && !TAILQ_EMPTY(&s->behind))
		watch_catch_up(s);
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
	buffer_fini(&s->out);
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
	if (before == 0)
		buffer_reserve(&s->out, OUTPUT_FIRST);
	client_format(line, &s->out);
	wrote(s, before);
}

void session_send_tail(struct session *s, struct bytes id, struct bytes tail)
{
	size_t before = buffer_length(&s->out);
	char *at;

	if (s->state == SESSION_CLOSING || s->muted)
		return;
	at = buffer_reserve(&s->out, id.len + tail.len);
	memcpy(at, id.data, id.len);
	memcpy(at + id.len, tail.data, tail.len);
	buffer_commit(&s->out, id.len + tail.len);
	wrote(s, before);
}

void session_check_time(struct gateway *g, uint64_t now)
{
	struct session *s;
	uint64_t idle = g->config->client.idle;

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
