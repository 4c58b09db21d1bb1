/* Client connections: their states, and what each has to come to an end. */
#include "worker/gateway/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "worker/gateway/crowd.h"
#include "worker/gateway/flow.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/input.h"
#include "worker/gateway/pending.h"
#include "worker/gateway/readiness.h"
#include "worker/gateway/room.h"
#include "worker/gateway/watch.h"

#define REAP_AT_ONCE 64 /* sessions freed in one loop turn */
#define LAST_READS 4    /* of who is still sending when the server stops */

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

void session_put(struct session *s, enum session_queue queue)
{
	if (s->queue != SESSION_NOWHERE)
		TAILQ_REMOVE(&gateway.queues[s->queue], s, queue_next);
	gateway.crowd_count += (queue == SESSION_CROWD) - (uint64_t)(s->queue == SESSION_CROWD);
	s->queue = queue;
	if (queue != SESSION_NOWHERE)
		TAILQ_INSERT_TAIL(&gateway.queues[queue], s, queue_next);
}

void session_close(struct session *s)
{
	if (s->state == SESSION_CLOSING)
		return;
	set_state(s, SESSION_CLOSING);
	session_put(s, SESSION_LEAVING);
	/* The loop must not sleep over it. */
	ev_feed_event(gateway.loop, &gateway.acceptor, EV_CUSTOM);
}

/* --- input --- */

void session_on_ready(struct session *s)
{
	bool heard = s->readable && s->state == SESSION_OPEN && s->queue != SESSION_PAUSED && !s->brims;

	if (s->state == SESSION_CLOSING)
		return;
	if (s->parting)
		flow_discard(s);
	else if ((heard || (s->is_stalled && s->writable)) && !s->ready)
		crowd_take(s); /* who is ready waits for its go */
}

bool session_may_read(struct session *s)
{
	if (s->state != SESSION_OPEN || s->queue == SESSION_PAUSED)
		return false;
	s->brims = room_brims(s);
	return !s->brims;
}

void session_pause(struct session *s)
{
	if (s->queue == SESSION_PAUSED || s->state != SESSION_OPEN)
		return;
	session_put(s, SESSION_PAUSED);
}

static void resume(struct session *s)
{
	if (s->queue != SESSION_PAUSED)
		return;
	session_put(s, SESSION_NOWHERE);
	crowd_call(s);
}

void session_resume_all(struct gateway *g)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&g->queues[SESSION_PAUSED])) != NULL)
		resume(s);
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
	s->fd = take_fd;
	s->writable = true;
	TAILQ_INSERT_TAIL(&gateway.sessions, s, all);
	gateway.session_count++;
	crowd_admit(s);
	greet(s);
	if (!readiness_add(&gateway, s))
		session_close(s);
}

/* Once, for whichever reason was the first. */
static void say_farewell(struct session *s, enum error_code code)
{
	if (s->farewell_at != 0)
		return;
	s->farewell_at = gateway.now_ms;
	session_send(s, &(struct client_line){ .word = "bye", .code = code });
}

void session_end(struct session *s, enum error_code code)
{
	if (s->state == SESSION_CLOSING || s->muted)
		return;
	say_farewell(s, code);
	if (s->state != SESSION_CLOSING)
		flow_mute(s);
}

void session_drain(struct session *s)
{
	session_send(s, &(struct client_line){ .word = "drain" });
	resume(s);
	flow_mark(s);
}

/* Everything in flight is answered: it may end. Who is told so by a server that stops may
 * have asked something meanwhile; it hears that this came too late, until it closes its side
 * or its time is over (flow.c). */
static void end_if_done(struct session *s)
{
	if (s->muted || !TAILQ_EMPTY(&s->pendings))
		return;
	if (gateway.draining && s->farewell_at == 0) {
		s->readable = true;
		for (int i = 0; i < LAST_READS && s->state == SESSION_OPEN && input_read(s); i++)
			;
		say_farewell(s, ERROR_SHUTDOWN);
		if (s->state == SESSION_OPEN && (s->readable || s->lines_wait))
			crowd_call(s);
	}
	if (s->state == SESSION_FINISHING)
		flow_mute(s);
}

void session_finish(struct session *s)
{
	if (s->state != SESSION_OPEN)
		return;
	set_state(s, SESSION_FINISHING);
	if (s->queue == SESSION_PAUSED)
		session_put(s, SESSION_NOWHERE);
	s->ready = false;
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
	session_put(s, SESSION_NOWHERE);
	if (s->is_dirty)
		TAILQ_REMOVE(&gateway.dirty, s, dirty_next);
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
	close(s->fd);
	input_drop(s);
	room_forget(s);
	flow_drop(s);
	free(s->client);
	free(s);
}

void session_flush_all(struct gateway *g)
{
	struct session *s, *found[TRANSFER_MOST];
	unsigned count;

	do {
		count = 0;
		while (count < TRANSFER_MOST && (s = TAILQ_FIRST(&g->dirty)) != NULL) {
			end_if_done(s); /* what that writes goes with the rest */
			TAILQ_REMOVE(&g->dirty, s, dirty_next);
			s->is_dirty = false;
			if (s->state != SESSION_CLOSING && !s->is_stalled && !crowd_takes_output(s))
				found[count++] = s;
		}
		flow_flush_many(found, count);
	} while (count > 0);
}

bool session_reap_all(struct gateway *g)
{
	struct session_list *leaving = &g->queues[SESSION_LEAVING];

	for (int i = 0; i < REAP_AT_ONCE && !TAILQ_EMPTY(leaving); i++)
		reap(TAILQ_FIRST(leaving));
	return !TAILQ_EMPTY(leaving);
}
