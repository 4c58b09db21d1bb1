/* Bytes of clients, and the lines they make. */
#include "worker/gateway/input.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "worker/gateway/crowd.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/line.h"
#include "worker/gateway/room.h"

#define GO_NS 50000  /* for lines of a greedy session, one after the other */
#define GO_LINES 16   /* of one that is not, or between two looks at the clock */

/* One line, without its LF. */
static void take_line(struct session *s, struct bytes line)
{
	if (line.len == 1 && line.data[0] == '\r')
		line.len = 0;
	if (line.len == 0)
		return; /* a keepalive */
	if (line.len > gateway.config->client.max_line)
		line_too_big(s, line, ERROR_TOO_LONG);
	else
		line_take(s, line);
}

/* Whether a line is under way that is not whole yet, and since when. */
static void set_unfinished(struct session *s, bool on)
{
	if (on == s->is_unfinished)
		return;
	s->is_unfinished = on;
	if (on) {
		s->begun_at = gateway.now_ms;
		TAILQ_INSERT_TAIL(&gateway.unfinished, s, unfinished_next);
	} else {
		TAILQ_REMOVE(&gateway.unfinished, s, unfinished_next);
	}
}

void input_drop(struct session *s)
{
	set_unfinished(s, false);
	buffer_fini(&s->in);
	s->lines_wait = false;
	room_count(s);
}

static void keep(struct session *s, struct bytes rest)
{
	struct buffer kept = { 0 };

	if (rest.data == buffer_bytes(&s->in).data)
		return;
	/* It may lie in s->in: it is moved, not copied over itself. */
	buffer_append_bytes(&kept, rest);
	buffer_fini(&s->in);
	s->in = kept;
}

/* The beginning of a line, without its end: kept, or where there is no room for it
 * answered, and dropped up to its end. */
static struct bytes begin_line(struct session *s, struct bytes data)
{
	enum error_code code = data.len > gateway.config->client.max_line ? ERROR_TOO_LONG :
	                       !room_for_line(data.len)                    ? ERROR_LIMIT : ERROR_NONE;

	if (!s->discarding && code == ERROR_NONE)
		return data;
	if (!s->discarding)
		line_too_big(s, data, code);
	s->discarding = true;
	return (struct bytes){ data.data + data.len, 0 };
}

/* Lines out of what stands in one piece, of which the first `scanned` bytes hold no LF, as
 * many as its go allows; the rest is kept. */
static void take_lines(struct session *s, struct bytes data, size_t scanned)
{
	uint64_t end = clock_now_ns() + GO_NS;
	unsigned lines = 0;

	s->lines_wait = false;
	while (data.len > 0 && session_may_read(s)) {
		const char *lf = memchr(data.data + scanned, '\n', data.len - scanned);
		size_t length = lf ? (size_t)(lf - data.data) : data.len;

		scanned = 0;
		if (lf == NULL) {
			data = begin_line(s, data);
			set_unfinished(s, true);
			break;
		}
		if (lines++ > 0 && lines % GO_LINES == 1 && (!crowd_is_greedy(s) || clock_now_ns() >= end)) {
			s->lines_wait = true;
			break;
		}
		crowd_count_line(s);
		if (!s->discarding)
			take_line(s, (struct bytes){ data.data, length });
		s->discarding = false;
		set_unfinished(s, false);
		data = (struct bytes){ data.data + length + 1, data.len - length - 1 };
	}
	if (s->state != SESSION_OPEN) {
		s->sends_on |= data.len > 0;
		input_drop(s);
		return;
	}
	/* Paused on the way: what is left may be whole lines. */
	s->lines_wait |= data.len > 0 && !s->is_unfinished;
	if (data.len > 0)
		keep(s, data);
	else
		buffer_fini(&s->in);
	room_count(s);
}

/* The client has closed at least its own side: it is served to the end, as after bye. */
static void on_end(struct session *s, ssize_t n)
{
	if (n == 0) {
		session_finish(s);
		input_drop(s); /* it will not be whole any more */
		return;
	}
	buffer_clear(&s->out);
	session_close(s);
}

bool input_offer(struct session *s, char *room, struct transfer *t)
{
	if (!s->readable || s->lines_wait || s->ahead.len > 0 || !session_may_read(s))
		return false;
	*t = (struct transfer){ .owner = s, .fd = s->fd, .receives = true, .data = room, .size = GATEWAY_READ };
	return true;
}

void input_came(struct session *s, const struct transfer *t)
{
	ssize_t n = t->result;

	/* Less than asked for is all there is, but for an end that the next read shows. */
	s->readable = n == GATEWAY_READ || (n > 0 && s->half_closed);
	if (n > 0) {
		gateway.counters.bytes_in += (uint64_t)n;
		s->heard_at = gateway.now_ms;
		s->ahead = (struct bytes){ t->data, (size_t)n };
	} else if (n != -EAGAIN) {
		on_end(s, n);
	}
}

void input_keep(struct session *s)
{
	struct bytes ahead = s->ahead;

	s->ahead = (struct bytes){ 0 };
	if (ahead.len == 0)
		return;
	if (s->state != SESSION_OPEN) {
		s->sends_on = true;
		return;
	}
	buffer_append_bytes(&s->in, ahead);
	s->lines_wait = true;
	room_count(s);
}

static bool is_more(const struct session *s, bool much)
{
	return s->state == SESSION_OPEN && (much || s->lines_wait);
}

bool input_read(struct session *s)
{
	size_t kept = buffer_length(&s->in);
	struct bytes data;
	struct transfer t;

	if (s->lines_wait) {
		take_lines(s, buffer_bytes(&s->in), 0);
		return is_more(s, false);
	}
	if (input_offer(s, gateway.read_buffer, &t)) {
		transfer_many(&t, 1);
		input_came(s, &t);
	}
	data = s->ahead;
	s->ahead = (struct bytes){ 0 };
	if (data.len == 0)
		return false;
	if (kept == 0) {
		take_lines(s, data, 0);
	} else {
		buffer_append_bytes(&s->in, data);
		take_lines(s, buffer_bytes(&s->in), kept);
	}
	return is_more(s, data.len == GATEWAY_READ);
}

void input_check_time(struct gateway *g, uint64_t now)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&g->unfinished)) != NULL && g->config->client.line_time > 0 &&
	       s->begun_at + g->config->client.line_time < now) {
		set_unfinished(s, false);
		session_end(s, ERROR_IDLE);
	}
}
