/* The crowd: sessions that wait for their go. */
#include "worker/gateway/crowd.h"

#include "common/clock.h"
#include "worker/gateway/flow.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/input.h"

#define AT_ONCE_NS 200000 /* for those who are no crowd, in a loop turn; who comes later queues */
#define CROWD_NS 50000    /* for the crowd, while others are there to be served before it … */
#define ALONE_NS 1000000  /* … and where nobody else was for ALONE_MS */
#define ALONE_MS 100
#define CROWD_MANY 64         /* greedy sessions from which on they together have … */
#define CROWD_SHARE_NS 150000 /* … so much of each millisecond, while others are there */
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

/* What waits for it is written; then it is heard, if it may be. Who is greedy is asked until
 * there is nothing; its socket is not watched meanwhile. */
static void serve(struct session *s)
{
	bool greedy = crowd_is_greedy(s);
	enum input input = INPUT_NONE;

	s->owed = false;
	if (buffer_length(&s->out) > 0 || s->muted)
		flow_flush(s);
	if (session_may_read(s))
		input = input_read(s);
	if (input == INPUT_MORE)
		crowd_admit(s);
	s->ready = input == INPUT_MORE || (input == INPUT_SOME && greedy);
	s->ready = s->ready && session_may_read(s);
}

/* Into the queue that is its. */
static void queue_up(struct session *s)
{
	if (s->queue == SESSION_NOWHERE)
		session_put(s, crowd_is_greedy(s) ? SESSION_CROWD : SESSION_LINE);
	session_watch_socket(s);
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
	uint64_t began;

	if (crowd_is_greedy(s) || s->queue == SESSION_LINE || gateway.at_once_ns >= AT_ONCE_NS) {
		if (s->queue == SESSION_PAUSED)
			flow_flush(s);
		else
			crowd_call(s);
		return;
	}
	began = clock_now_ns();
	gateway.others_at = gateway.now_ms;
	serve(s);
	gateway.at_once_ns += clock_now_ns() - began;
	if (s->ready)
		queue_up(s);
	else
		session_watch_socket(s);
}

/* True: not everyone had a go. */
static bool serve_queue(struct session_list *queue, uint64_t time)
{
	uint64_t end = clock_now_ns() + time;
	struct session *s;

	while ((s = TAILQ_FIRST(queue)) != NULL) {
		serve(s);
		if (s->queue != SESSION_PAUSED && s->queue != SESSION_LEAVING)
			session_put(s, s->ready ? SESSION_CROWD : SESSION_NOWHERE);
		session_watch_socket(s);
		if (clock_now_ns() >= end)
			break;
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
	more = serve_queue(&g->queues[SESSION_CROWD], time);
	g->crowded = false;
	g->crowd_ns += clock_now_ns() - began;
	return more;
}

bool crowd_serve(struct gateway *g)
{
	bool alone = g->others_at + ALONE_MS < g->now_ms && TAILQ_EMPTY(&g->queues[SESSION_LINE]);
	bool more = serve_queue(&g->queues[SESSION_LINE], AT_ONCE_NS);

	g->at_once_ns = 0;
	if (alone)
		return serve_crowd(g, ALONE_NS) || more;
	return (has_share(g) && serve_crowd(g, CROWD_NS)) || more;
}
