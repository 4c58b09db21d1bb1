/* Owns a child's process and channel, and carries out what the policy decides. */
#include "supervisor/child.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/attribution.h"
#include "supervisor/child_message.h"
#include "supervisor/node.h"
#include "supervisor/spawn.h"

#define START_LIMIT 120000 /* ms: a store that recovers a large log is silent for long */
#define EXIT_LIMIT 3000    /* ms to exit by itself after it said that it fails */
#define LINGER_LIMIT 500   /* ms for the last messages of a process that is gone */
#define HURRY_LIMIT 5000   /* ms the store keeps in a hurried stop */

/* How long a drain may take. A gateway waits for the replies of requests in flight, then two
 * seconds for what crosses its farewell; the store commits and closes. */
static const uint64_t drain_limits[CONTROL_ROLE_COUNT] = {
	[CONTROL_GATEWAY] = 12000, [CONTROL_ACTOR] = 10000, [CONTROL_STORE] = 20000,
	[CONTROL_TUNNEL] = 5000,
};

static void on_message(struct channel *channel, struct bytes message, int take_fd);
static void on_lost(struct channel *channel, int error);

static const struct channel_handlers handlers = { on_message, on_lost };

static void arm(struct child *c, uint64_t delay_ms)
{
	ev_timer_stop(c->node->loop, &c->timer);
	ev_timer_set(&c->timer, (double)delay_ms / 1000, 0.);
	ev_timer_start(c->node->loop, &c->timer);
}

/* --- what the policy may ask for -------------------------------------------------- */

static void do_spawn(struct child *c, uint64_t delay)
{
	char title[48];
	int fds[2], error = channel_pair(fds);

	(void)delay;
	snprintf(title, sizeof(title), "%s/%u", spawn_program_name(c->role), c->index);
	if (error == 0) {
		error = spawn_start(c->node->programs[c->role], title, fds[1], &c->pid);
		close(fds[1]);
		if (error < 0)
			close(fds[0]);
	}
	if (error == 0) {
		ev_child_set(&c->watcher, c->pid, 0);
		ev_child_start(c->node->loop, &c->watcher);
		error = channel_init(&c->channel, c->node->loop, fds[0], &handlers, c);
		c->connected = error == 0;
		if (error < 0)
			kill(c->pid, SIGKILL);
	}
	if (error < 0 && c->pid == 0) { /* no process to wait for: as if it had ended at once */
		log_error("child cannot be started", -error, F_TEXT("child", c->name));
		child_event(c, POLICY_EXITED);
		return;
	}
	c->incarnation++;
	c->started_at = clock_now_ms();
	log_debug("child started", F_TEXT("child", c->name), F_INT("pid", c->pid),
	          F_UINT("incarnation", c->incarnation));
	node_on_spawned(c->node, c);
}

static void do_serve(struct child *c, uint64_t delay)
{
	(void)delay;
	log_info("child ready", F_TEXT("child", c->name), F_INT("pid", c->pid),
	         F_UINT("ms", clock_now_ms() - c->started_at));
	node_on_serves(c->node, c);
}

bool child_asked_to_end(const struct child *c)
{
	return c->policy.state == POLICY_DRAINING || c->policy.state == POLICY_RECYCLING;
}

static void do_await(struct child *c, uint64_t delay)
{
	(void)delay;
	arm(c, EXIT_LIMIT);
}

static void do_kill(struct child *c, uint64_t delay)
{
	(void)delay;
	if (c->policy.state == POLICY_DRAINING)
		c->overdue = true;
	if (c->cause == NULL)
		c->cause = child_asked_to_end(c) ? "did not drain in time" : "did not exit in time";
	if (c->order == DEATH_NO_ORDER)
		c->order = DEATH_ORDER_OTHER;
	if (c->pid > 0 && !c->reaped)
		kill(c->pid, SIGKILL);
}

static void do_delay(struct child *c, uint64_t delay)
{
	log_info("child will be restarted", F_TEXT("child", c->name), F_UINT("delay_ms", delay),
	         F_UINT("ended", c->policy.ended));
	arm(c, delay);
}

static void do_give_up(struct child *c, uint64_t delay)
{
	(void)delay;
	node_on_given_up(c->node, c);
}

static void do_ask(struct child *c, uint64_t delay)
{
	struct buffer message = { 0 };

	(void)delay;
	control_encode_plain(&message, CONTROL_DRAIN);
	child_send(c, &message, -1);
	buffer_fini(&message);
	arm(c, c->node->hurried ? HURRY_LIMIT : drain_limits[c->role]);
}

static void do_finish(struct child *c, uint64_t delay)
{
	(void)delay;
	ev_timer_stop(c->node->loop, &c->timer);
}

static void (*const doers[POLICY_ACTION_COUNT])(struct child *, uint64_t) = {
	[POLICY_SPAWN] = do_spawn, [POLICY_SERVE] = do_serve, [POLICY_AWAIT] = do_await,
	[POLICY_KILL] = do_kill, [POLICY_DELAY] = do_delay, [POLICY_GIVE_UP] = do_give_up,
	[POLICY_ASK] = do_ask, [POLICY_FINISH] = do_finish,
};

struct policy_limits child_limits(const struct child *c)
{
	return (struct policy_limits){
		c->node->config.workers.restart_intensity, c->node->config.workers.restart_period,
	};
}

void child_event(struct child *c, enum policy_event event)
{
	const struct policy_limits limits = child_limits(c);
	enum policy_state from = c->policy.state;
	struct policy_decision decision = policy_step(&c->policy, &limits, event, clock_now_ms());

	if (decision.action == POLICY_NOTHING)
		return;
	log_debug("child moves", F_TEXT("child", c->name), F_TEXT("event", policy_event_name(event)),
	          F_TEXT("from", policy_state_name(from)),
	          F_TEXT("to", policy_state_name(c->policy.state)));
	assert(doers[decision.action] != NULL);
	doers[decision.action](c, decision.delay);
	node_on_moved(c->node, c);
}

/* --- its end ---------------------------------------------------------------------- */

/* The process is gone and everything it said has been heard. */
static void finish(struct child *c)
{
	attribution_on_gone(c->node, c);
	c->deaths += !child_asked_to_end(c);
	if (c->connected)
		channel_fini(&c->channel);
	c->connected = c->lost = c->reaped = false;
	c->pid = 0;
	c->pinged_at = 0;
	node_on_gone(c->node, c);
	c->cause = NULL;
	c->order = DEATH_NO_ORDER;
	child_event(c, POLICY_EXITED);
}

static void on_reaped(struct ev_loop *loop, struct ev_child *w, int events)
{
	struct child *c = w->data;

	(void)events;
	ev_child_stop(loop, w);
	c->reaped = true;
	c->wait_status = w->rstatus;
	arm(c, c->connected && !c->lost ? LINGER_LIMIT : 0);
}

static void on_lost(struct channel *channel, int error)
{
	struct child *c = channel->owner;

	(void)error;
	c->lost = true;
	if (c->reaped)
		arm(c, 0);
	else
		child_event(c, POLICY_LOST);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct child *c = w->data;

	(void)loop, (void)events;
	if (c->reaped)
		finish(c);
	else
		child_event(c, POLICY_TIMER);
}

/* --- its channel ------------------------------------------------------------------ */

static void on_message(struct channel *channel, struct bytes message, int take_fd)
{
	struct child *c = channel->owner;

	c->pinged_at = 0;
	c->heard_at = clock_now_ms();
	if (child_message(c, message, take_fd))
		return;
	c->cause = "it sent what is no control message";
	child_event(c, POLICY_SILENT);
}

bool child_reachable(const struct child *c)
{
	return c->connected && !c->lost && !c->reaped;
}

void child_send(struct child *c, struct buffer *message, int take_fd)
{
	int error;

	if (!child_reachable(c)) {
		if (take_fd >= 0)
			close(take_fd);
	} else if ((error = channel_send(&c->channel, buffer_bytes(message), take_fd)) < 0) {
		log_debug("control message not sent", F_TEXT("child", c->name), F_TEXT("error", strerror(-error)));
	}
	buffer_clear(message);
}

void child_tick(struct child *c, uint64_t now, bool late)
{
	bool ready = c->policy.state == POLICY_READY;
	uint64_t limit = ready ? c->node->config.workers.hang_timeout : START_LIMIT;
	struct buffer message = { 0 };

	if ((!ready && c->policy.state != POLICY_STARTING) || !child_reachable(c))
		return;
	if (late && c->pinged_at != 0)
		c->pinged_at = now;
	if (c->pinged_at == 0) {
		c->pinged_at = now;
	} else if (now - c->pinged_at >= limit) {
		c->cause = ready ? "it did not answer for hang_timeout" : "it did not start in time";
		c->order = attribution_is_stopped(c->pid) ? DEATH_ORDER_STOPPED : DEATH_ORDER_HANG;
		log_errorx("child hangs", F_TEXT("child", c->name), F_INT("pid", c->pid),
		           F_UINT("silent_ms", now - c->pinged_at));
		child_event(c, POLICY_SILENT);
		return;
	} else {
		return; /* one PING at a time: a hung child's socket must not fill up */
	}
	control_encode_plain(&message, CONTROL_PING);
	child_send(c, &message, -1);
	buffer_fini(&message);
}

void child_init(struct child *c, struct node *node, enum control_role role, uint32_t index)
{
	*c = (struct child){ .node = node, .role = role, .index = index };
	if (role == CONTROL_STORE || role == CONTROL_TUNNEL)
		snprintf(c->name, sizeof(c->name), "%s", control_role_name(role));
	else
		snprintf(c->name, sizeof(c->name), "%s/%u", control_role_name(role), index);
	ev_child_init(&c->watcher, on_reaped, 0, 0);
	c->watcher.data = c;
	ev_init(&c->timer, on_timer);
	c->timer.data = c;
}

void child_fini(struct child *c)
{
	if (c->node == NULL)
		return;
	ev_timer_stop(c->node->loop, &c->timer);
	ev_child_stop(c->node->loop, &c->watcher);
	if (c->connected)
		channel_fini(&c->channel);
	attribution_drop(c);
	*c = (struct child){ 0 };
}
