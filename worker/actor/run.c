/* Turns from start to end. */
#include "worker/actor/run.h"

#include <assert.h>

#include "common/clock.h"
#include "common/pool.h"
#include "proto/msgpack.h"
#include "worker/actor/call.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/outbox.h"
#include "worker/actor/schedule.h"
#include "worker/actor/step.h"
#include "worker/actor/verb.h"
#include "worker/actor/wake.h"
#include "worker/actor/worker.h"

static const struct {
	const char *name;
	unsigned next;
} states[TURN_STATE_COUNT] = {
	[TURN_RUNNING] = { "running", 1u << TURN_PREEMPTED | 1u << TURN_WAITING },
	[TURN_PREEMPTED] = { "preempted", 1u << TURN_RUNNING },
	[TURN_WAITING] = { "waiting", 1u << TURN_RUNNING | 1u << TURN_ANSWERED },
	[TURN_ANSWERED] = { "answered", 1u << TURN_RUNNING },
};

static void set_state(struct turn_private *t, enum turn_state state)
{
	assert(states[t->state].next & 1u << state);
	t->state = state;
}

static bool is_waking(const struct turn_private *t)
{
	return t->phase != TURN_METHOD && t->phase != TURN_CHECK;
}

static struct bytes method_of(const struct turn_private *t)
{
	static const char *const phases[] = {
		[TURN_MIGRATE] = "migrate", [TURN_CREATE] = "create", [TURN_ACTIVATE] = "activate",
	};

	return is_waking(t) ? bytes_of(phases[t->phase]) : message_method(&t->turn.message->request);
}

/* What runs from here on, for whoever finds the worker dead. */
static void show(struct worker *w, const struct turn_private *t, uint64_t began)
{
	struct scoreboard_entry entry = {
		.kind = SCOREBOARD_WAKING, .began_ns = began, .ran_ns = t->turn.ran_ns,
		.class_name = bytes_of(t->turn.class->name), .address = turn_address(&t->turn),
		.method = method_of(t),
	};

	if (!is_waking(t)) {
		entry.kind = SCOREBOARD_MESSAGE;
		entry.fingerprint = quarantine_fingerprint(&w->hash_key, entry.method, t->turn.message->request.payload);
	}
	scoreboard_begin(w->board, &entry);
}

static void hide(struct worker *w, enum host_status status)
{
	if (status == HOST_PREEMPTED)
		scoreboard_set_aside(w->board);
	else
		scoreboard_end(w->board);
}

static struct turn_private *turn_of(struct timer *timer, size_t offset)
{
	return (struct turn_private *)((char *)timer - offset);
}

static void on_deadline(struct timer *timer)
{
	struct turn_private *t = turn_of(timer, offsetof(struct turn_private, deadline));

	/* The work goes on; only its requester stops waiting. */
	outbox_fail(worker_self, t->turn.actor, t->turn.message, ERROR_TIMEOUT, NULL, BYTES_LITERAL(""));
}

void run_begin(struct worker *w, struct actor *a, enum turn_phase phase, struct message *take_message)
{
	struct turn_private *t = pool_new(sizeof(*t));

	t->turn = (struct turn){
		.actor = a, .class = class_ref(a->class), .message = take_message, .private = t,
	};
	t->phase = phase;
	t->state = TURN_RUNNING;
	assert(a->running == NULL);
	a->running = t;
	a->turn_count++;
	TAILQ_INSERT_TAIL(&a->turns, t, of_actor);
	w->turns_under_way++;
	w->counters.turns++;
	if (is_waking(t))
		wake_enter(w, t);
	else
		verb_enter(w, t);
}

/* The next turn of the actor that an answer has reached meanwhile. */
static void run_answered(struct worker *w, struct actor *a)
{
	struct turn_private *t;

	if (a->running)
		return;
	TAILQ_FOREACH (t, &a->turns, of_actor)
		if (t->state == TURN_ANSWERED)
			break;
	if (t) {
		struct buffer payload = t->answer;
		struct host_answer answer = { t->answer_code, buffer_bytes(&payload) };

		t->answer = (struct buffer){ 0 };
		run_answer(w, t, &answer);
		buffer_fini(&payload);
	}
}

void run_end(struct worker *w, struct turn_private *t)
{
	struct actor *a = t->turn.actor;

	timer_clear(&w->timers, &t->timer);
	timer_clear(&w->timers, &t->deadline);
	if (t->call)
		call_forget(w, t->call);
	if (t->state == TURN_PREEMPTED) {
		TAILQ_REMOVE(&w->preempted, t, preempted);
		scoreboard_end(w->board); /* it does not go on */
	}
	TAILQ_REMOVE(&a->turns, t, of_actor);
	a->turn_count--;
	w->turns_under_way--;
	if (a->running == t)
		a->running = NULL;
	mailbox_done(w, t->turn.message);
	class_unref(t->turn.class);
	buffer_fini(&t->answer);
	pool_give(t, sizeof(*t));
}

/* What follows the end of a turn that its actor survives. */
static void go_on(struct worker *w, struct actor *a)
{
	if (a->condemned && a->turn_count == 0)
		wake_destroy(w, a);
	run_answered(w, a);
	mailbox_wake(w, a);
	actor_release(w, a);
}

static void report(struct turn_private *t, const struct host_outcome *outcome)
{
	struct bytes method = method_of(t);

	if (outcome->report.len == 0)
		return;
	log_errorx("a turn failed", F_BYTES("address", turn_address(&t->turn)),
	           F_TEXT("class", t->turn.class->name), F_BYTES("method", method),
	           F_BYTES("error", outcome->report));
	actor_add_fault(t->turn.actor, method, outcome->report);
}

static void on_failed(struct worker *w, struct turn_private *t, const struct host_outcome *outcome)
{
	struct actor *a = t->turn.actor;
	struct ipc_reply reply = { .code = outcome->code, .payload = outcome->details };

	w->counters.failures++;
	report(t, outcome);
	a->condemned = false;
	step_rollback(w, a);
	if (is_waking(t)) {
		wake_failed(w, t, &reply);
		return;
	}
	outbox_reply(w, a, t->turn.message, &reply);
	run_end(w, t);
	go_on(w, a);
}

static void on_done(struct worker *w, struct turn_private *t, const struct host_outcome *outcome)
{
	struct actor *a = t->turn.actor;

	if (!is_waking(t)) {
		if (verb_done(w, t, outcome->result))
			go_on(w, a);
	} else {
		wake_done(w, t);
	}
}

static void over_limit(struct worker *w, struct turn_private *t)
{
	struct actor *a = t->turn.actor;
	bool waking = is_waking(t);
	struct bytes method = method_of(t);

	w->counters.timeouts++;
	log_warnx("a turn ran over turn_limit and was rolled back", F_BYTES("address", turn_address(&t->turn)),
	          F_TEXT("class", t->turn.class->name), F_BYTES("method", method),
	          F_UINT("ran_ms", t->turn.ran_ns / 1000000));
	actor_add_fault(a, method, BYTES_LITERAL("over turn_limit"));
	if (waking) {
		t->turn.class->ops->abort(&t->turn);
		step_rollback(w, a);
		wake_failed(w, t, &(struct ipc_reply){ .code = ERROR_TIMEOUT });
	} else {
		run_abort(w, t, ERROR_TIMEOUT, "limit", BYTES_LITERAL("turn_limit"));
		go_on(w, a);
	}
}

static void on_preempted(struct worker *w, struct turn_private *t)
{
	struct message *m = t->turn.message;

	w->counters.slices++;
	set_state(t, TURN_PREEMPTED);
	TAILQ_INSERT_TAIL(&w->preempted, t, preempted);
	if (t->turn.ran_ns > w->config->actors.turn_limit * 1000000)
		over_limit(w, t);
	else if (m && m->request.deadline && m->peer != PEER_NOBODY && !t->deadline.place)
		timer_set(&w->timers, &t->deadline, m->request.deadline, on_deadline);
}

static void on_waiting(struct worker *w, struct turn_private *t)
{
	struct actor *a = t->turn.actor;
	struct message *m = t->turn.message;

	set_state(t, TURN_WAITING);
	step_commit(w, a, false);
	if (m)
		m->stepped = true;
	a->running = NULL;
	if (m && m->request.deadline && m->peer != PEER_NOBODY && !t->deadline.place)
		timer_set(&w->timers, &t->deadline, m->request.deadline, on_deadline);
	run_answered(w, a);
	mailbox_wake(w, a);
}

static void settle(struct worker *w, struct turn_private *t, enum host_status status,
                   const struct host_outcome *outcome)
{
	switch (status) {
	case HOST_DONE:
		on_done(w, t, outcome);
		break;
	case HOST_FAILED:
		on_failed(w, t, outcome);
		break;
	case HOST_WAITING:
		on_waiting(w, t);
		break;
	case HOST_PREEMPTED:
		on_preempted(w, t);
		break;
	}
}

void run_enter(struct worker *w, struct turn_private *t, enum host_entry entry, struct bytes name,
               struct bytes arguments)
{
	struct host_outcome outcome = { 0 };
	uint64_t began = w->now_ns; /* the message has just been taken */
	enum host_status status;

	t->state = TURN_RUNNING;
	show(w, t, began);
	status = t->turn.class->ops->start(&t->turn, entry, name, arguments, &outcome);
	hide(w, status);
	/* Most turns end at once, and nobody asks how long they ran. */
	if (status != HOST_DONE)
		t->turn.ran_ns += clock_now_ns() - began;
	t->turn.actor->is_slow = t->turn.ran_ns > SCHEDULE_SLOW_NS;
	settle(w, t, status, &outcome);
}

static void resume(struct worker *w, struct turn_private *t, const struct host_answer *answer)
{
	struct host_outcome outcome = { 0 };
	uint64_t began = clock_now_ns();
	enum host_status status;

	set_state(t, TURN_RUNNING);
	t->turn.actor->running = t;
	show(w, t, began);
	status = t->turn.class->ops->resume(&t->turn, answer, &outcome);
	hide(w, status);
	t->turn.ran_ns += clock_now_ns() - began;
	settle(w, t, status, &outcome);
}

void run_answer(struct worker *w, struct turn_private *t, const struct host_answer *answer)
{
	t->call = 0;
	if (t->turn.actor->running == NULL) {
		resume(w, t, answer);
		return;
	}
	set_state(t, TURN_ANSWERED);
	t->answer_code = answer->code;
	buffer_clear(&t->answer);
	buffer_append_bytes(&t->answer, answer->payload);
}

void run_slice(struct worker *w, struct turn_private *t)
{
	TAILQ_REMOVE(&w->preempted, t, preempted);
	resume(w, t, NULL);
}

void run_abort(struct worker *w, struct turn_private *t, enum error_code code, const char *key,
               struct bytes text)
{
	struct actor *a = t->turn.actor;

	t->turn.class->ops->abort(&t->turn);
	if (a->running == t)
		step_rollback(w, a);
	outbox_fail(w, a, t->turn.message, code, key, text);
	run_end(w, t);
}

void run_abandon_waiting(struct worker *w)
{
	size_t at = 0;
	void *value;

	while (map_next(&w->actors, &at, NULL, &value)) {
		struct actor *a = value;
		struct turn_private *t, *next;

		for (t = TAILQ_FIRST(&a->turns); t; t = next) {
			next = TAILQ_NEXT(t, of_actor);
			if (t->state == TURN_WAITING)
				run_abort(w, t, ERROR_DRAINING, NULL, (struct bytes){ NULL, 0 });
		}
	}
}
