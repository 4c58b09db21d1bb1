/* The crowd: sessions that wait for their go. */
#include "worker/gateway/crowd.h"

#include "common/clock.h"
#include "worker/gateway/flow.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/input.h"

#define LINE_NS 400000    /* for those who are no crowd, in a loop turn */
#define CROWD_NS 50000    /* for the crowd, while others are there to be served before it … */
#define ALONE_NS 1000000  /* … and where nobody else was for ALONE_MS */
#define ALONE_MS 100
#define CROWD_MANY 64         /* greedy sessions from which on they together have … */
#define CROWD_SHARE_NS 150000 /* … so much of each millisecond, while others are there */
#define TRANSFER_NS 10000 /* that a session's transfers take, about */
#define GREEDY_MS 1000    /* whoever was greedy is taken for it so long */
#define LINES_MS 128      /* who sends more than … */
#define LINES_MOST 32     /* … so many lines in such a time is greedy too */

bool crowd_is_greedy(const struct session *s)
{
	return s->queue == SESSION_CROWD || s->is_unfinished || s->greedy_until > gateway.now_ms;
}

void crowd_admit(struct session *s)
{
	s->greedy_until = gateway.now_ms + GREEDY_MS;
}

void crowd_count_line(struct session *s)
{
	unsigned now = (unsigned)(gateway.now_ms / LINES_MS);

	if (s->lines_since != now) {
		s->lines_since = now;
		s->lines = 0;
	}
	if (++s->lines > LINES_MOST)
		crowd_admit(s);
}

/* What waits for it is written; then it is heard, if it may be. */
static void serve(struct session *s)
{
	s->owed = false;
	if (buffer_length(&s->out) > 0 || s->muted)
		flow_flush(s);
	if (session_may_read(s) && input_read(s))
		crowd_admit(s);
	s->ready = (s->readable || s->lines_wait) && session_may_read(s);
}

/* Into the queue that is its. */
static void queue_up(struct session *s)
{
	if (s->queue == SESSION_NOWHERE)
		session_put(s, crowd_is_greedy(s) ? SESSION_CROWD : SESSION_LINE);
}

void crowd_call(struct session *s)
{
	s->ready = true;
	queue_up(s);
}

bool crowd_takes_output(struct session *s)
{
	if (!crowd_is_greedy(s) || s->queue == SESSION_PAUSED || s->state != SESSION_OPEN)
		return false;
	s->owed = true;
	queue_up(s);
	return true;
}

void crowd_take(struct session *s)
{
	if (s->queue == SESSION_PAUSED) {
		flow_flush(s);
		return;
	}
	if (!crowd_is_greedy(s))
		gateway.others_at = gateway.now_ms;
	crowd_call(s);
}

/* The first of a queue, as many as the time is enough for: what waits for them is written,
 * and they are read. How many. */
static unsigned transfer_ahead(const struct session_list *queue, uint64_t time, struct session *first[CROWD_BATCH])
{
	unsigned most = time / TRANSFER_NS < CROWD_BATCH ? (unsigned)(time / TRANSFER_NS) + 1 : CROWD_BATCH;
	struct transfer list[2 * CROWD_BATCH];
	unsigned count = 0, n = 0;
	struct session *s;

	TAILQ_FOREACH (s, queue, queue_next) {
		if (count == most)
			break;
		first[count++] = s;
		n += flow_offer(s, &list[n]);
	}
	for (unsigned i = 0; i < count; i++)
		n += input_offer(first[i], gateway.read_ahead + i * CROWD_STRIDE, &list[n]);
	transfer_many(list, n);
	for (unsigned i = 0; i < n; i++) {
		if (list[i].receives) {
			input_came(list[i].owner, &list[i]);
			continue;
		}
		flow_took(list[i].owner, list[i].result);
		flow_flush(list[i].owner);
	}
	return count;
}

/* True: not everyone had a go. */
static bool serve_queue(enum session_queue which, uint64_t time)
{
	struct session_list *queue = &gateway.queues[which];
	struct session *first[CROWD_BATCH];
	uint64_t now, end;

	if (TAILQ_EMPTY(queue))
		return false;
	now = clock_now_ns();
	end = now + time;
	while (!TAILQ_EMPTY(queue) && now < end) {
		unsigned count = transfer_ahead(queue, end - now, first);

		for (unsigned i = 0; i < count && now < end; i++) {
			struct session *s = first[i];

			if (s->queue != which)
				continue; /* it has left meanwhile */
			serve(s);
			if (s->queue == which)
				session_put(s, s->ready ? SESSION_CROWD : SESSION_NOWHERE);
			now = clock_now_ns();
		}
		for (unsigned i = 0; i < count; i++)
			input_keep(first[i]);
	}
	return !TAILQ_EMPTY(queue);
}

static void on_wait_over(struct timer *timer)
{
	(void)timer; /* that the loop turns is all */
}

/* A crowd has a share of each millisecond while others are there: a processor that it kept
 * busy all the time would make them wait for the processor, too. False: it is used up. */
static bool has_share(struct gateway *g)
{
	uint64_t now = clock_now_ms();

	if (g->crowd_ms != now) {
		g->crowd_ms = now;
		g->crowd_ns = 0;
	}
	if (g->crowd_count < CROWD_MANY || g->crowd_ns < CROWD_SHARE_NS)
		return true;
	timer_set(&g->timers, &g->crowd_wait, now + 1, on_wait_over);
	return false;
}

static bool serve_crowd(struct gateway *g, uint64_t time)
{
	uint64_t began = clock_now_ns();
	bool more;

	g->crowded = true;
	more = serve_queue(SESSION_CROWD, time);
	g->crowded = false;
	g->crowd_ns += clock_now_ns() - began;
	return more;
}

bool crowd_serve(struct gateway *g)
{
	bool alone = g->others_at + ALONE_MS < g->now_ms && TAILQ_EMPTY(&g->queues[SESSION_LINE]);
	bool more = serve_queue(SESSION_LINE, LINE_NS);

	if (alone)
		return serve_crowd(g, ALONE_NS) || more;
	return (has_share(g) && serve_crowd(g, CROWD_NS)) || more;
}
