/* Owns the order of a node's life: what starts, waits and stops after what. */
#include "supervisor/node.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/log.h"
#include "proto/admin.h"
#include "supervisor/cluster/cluster.h"
#include "supervisor/handover.h"
#include "supervisor/handshake.h"
#include "supervisor/reload.h"

#define TICK_MOST 1.0   /* seconds between two PINGs */
#define TICK_LEAST 0.05

/* The tunnel is before all and after all: without it the node is no member. */
static const enum control_role start_order[] = { CONTROL_STORE, CONTROL_ACTOR, CONTROL_GATEWAY };
static const enum control_role stop_order[] = { CONTROL_GATEWAY, CONTROL_ACTOR, CONTROL_STORE };

#define ORDER_COUNT (sizeof(start_order) / sizeof(start_order[0]))

static const struct {
	const char *name;
	unsigned next; /* a bit per allowed next phase */
} phases[NODE_PHASE_COUNT] = {
	[NODE_STARTING] = { "starting", 1u << NODE_SERVING | 1u << NODE_ADOPTING | 1u << NODE_STOPPING },
	[NODE_SERVING] = { "serving", 1u << NODE_ADOPTING | 1u << NODE_STOPPING },
	[NODE_ADOPTING] = { "adopting", 1u << NODE_STARTING | 1u << NODE_STOPPING },
	[NODE_STOPPING] = { "stopping", 1u << NODE_STOPPED },
	[NODE_STOPPED] = { "stopped", 0 },
};

const char *node_phase_name(enum node_phase phase)
{
	return phases[phase].name;
}

static const struct bytes foreign_store = BYTES_LITERAL("foreign-store"); /* an alarm of the node */

static void set_phase(struct node *n, enum node_phase next)
{
	assert(phases[n->phase].next & 1u << next);
	log_debug("node moves", F_TEXT("from", phases[n->phase].name), F_TEXT("to", phases[next].name));
	n->phase = next;
}

struct child *node_child(struct node *n, enum control_role role, uint32_t index)
{
	for (uint32_t i = 0; i < n->child_count; i++) {
		if (n->children[i].role == role && n->children[i].index == index)
			return &n->children[i];
	}
	return NULL;
}

bool node_ready(const struct node *n)
{
	for (uint32_t i = 0; i < n->child_count; i++) {
		enum policy_state state = n->children[i].policy.state;
		if (state != POLICY_READY && state != POLICY_FAILED)
			return false;
	}
	return n->phase == NODE_SERVING;
}

bool node_degraded(const struct node *n)
{
	for (uint32_t i = 0; i < n->child_count; i++) {
		if (n->children[i].policy.state == POLICY_FAILED)
			return true;
	}
	return false;
}

/* --- what comes next -------------------------------------------------------------- */

/* Children refer to each other while they move, so the next step is taken from the
 * loop, never from inside a child's own. */
static void advance_soon(struct node *n)
{
	ev_feed_event(n->loop, &n->advancer, EV_CUSTOM);
}

/* Starts what has never run; true where all of the role serve, but for those whose
 * siblings have to do. */
static bool start_role(struct node *n, enum control_role role)
{
	bool ready = true;

	for (uint32_t i = 0; i < n->child_count; i++) {
		struct child *c = &n->children[i];
		if (c->role != role)
			continue;
		if (c->policy.state == POLICY_NEW)
			child_event(c, POLICY_START);
		ready = ready && (c->policy.state == POLICY_READY || (c->policy.state == POLICY_FAILED && role != CONTROL_STORE));
	}
	return ready;
}

/* Asks the role to finish; true where all of it have. */
static bool stop_role(struct node *n, enum control_role role)
{
	bool ended = true;

	for (uint32_t i = 0; i < n->child_count; i++) {
		struct child *c = &n->children[i];
		if (c->role != role)
			continue;
		if (c->policy.state != POLICY_DRAINING && c->policy.state != POLICY_ENDED)
			child_event(c, n->hurried && role != CONTROL_STORE ? POLICY_HURRY : POLICY_DRAIN);
		ended = ended && c->policy.state == POLICY_ENDED;
	}
	return ended;
}

static void serve(struct node *n)
{
	set_phase(n, NODE_SERVING);
	log_info("stage is ready", F_TEXT("client", n->client.address),
	         F_TEXT("admin", n->admin_tcp.open ? n->admin_tcp.address : "none"),
	         F_TEXT("socket", n->admin_unix.address), F_TEXT("node", n->config.node.name),
	         F_UINT("gateways", n->gateways), F_UINT("actors", n->actors),
	         F_UINT("files", n->bundle.files), F_UINT("ms", clock_now_ms() - n->started_at));
	if (n->cluster_listener.open)
		log_info("other nodes may connect", F_TEXT("cluster", n->cluster_listener.address));
	manager_update(n);
}

static void go_on_starting(struct node *n)
{
	if (!start_role(n, CONTROL_TUNNEL))
		return;
	cluster_on_tunnel(n);
	if (!cluster_admits(n))
		return;
	for (size_t i = 0; i < ORDER_COUNT; i++)
		if (!start_role(n, start_order[i]))
			return;
	serve(n);
}

static bool all_stopped(struct node *n)
{
	for (size_t i = 0; i < ORDER_COUNT; i++)
		if (!stop_role(n, stop_order[i]))
			return false;
	return true;
}

static void go_on_adopting(struct node *n)
{
	if (n->emptied || !all_stopped(n))
		return;
	n->emptied = true;
	cluster_on_emptied(n);
}

static void go_on_stopping(struct node *n)
{
	if (!all_stopped(n))
		return;
	cluster_stop(n);
	if (!cluster_closed(n) || !stop_role(n, CONTROL_TUNNEL))
		return;
	set_phase(n, NODE_STOPPED);
	ev_break(n->loop, EVBREAK_ALL);
}

static void (*const courses[NODE_PHASE_COUNT])(struct node *n) = {
	[NODE_STARTING] = go_on_starting, [NODE_ADOPTING] = go_on_adopting, [NODE_STOPPING] = go_on_stopping,
};

static void on_advance(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct node *n = w->data;

	(void)loop, (void)events;
	manager_update(n);
	if (courses[n->phase] != NULL)
		courses[n->phase](n);
}

void node_on_cluster(struct node *n)
{
	advance_soon(n);
}

void node_adopt(struct node *n)
{
	n->emptied = false;
	set_phase(n, NODE_ADOPTING);
	handover_stop(n);
	advance_soon(n);
}

void node_begin_anew(struct node *n)
{
	(void)alarm_clear(&n->alarms, "node", foreign_store);
	for (uint32_t i = 0; i < n->child_count; i++) {
		struct child *c = &n->children[i];
		enum control_role role = c->role;
		uint32_t index = c->index, incarnation = c->incarnation;

		if (role == CONTROL_TUNNEL)
			continue;
		child_fini(c);
		child_init(c, n, role, index);
		c->incarnation = incarnation;
	}
	hash_key_init(&n->hash, n->identity.key);
	node_init_shards(n);
	set_phase(n, NODE_STARTING);
	advance_soon(n);
}

void node_stop(struct node *n, int exit_status)
{
	if (n->exit_status == 0)
		n->exit_status = exit_status;
	if (n->phase < NODE_STOPPING) {
		log_info("stage stops", F_INT("exit", n->exit_status));
		set_phase(n, NODE_STOPPING);
		manager_update(n);
		handover_stop(n);
		listener_fini(&n->client); /* refused at once, instead of waiting in the backlog */
		listener_fini(&n->cluster_listener);
		advance_soon(n);
	}
}

/* Once: drain. Twice: the store alone may finish. Three times: nobody may. */
static void stop_again(struct node *n)
{
	bool everybody = n->hurried;

	log_warnx("stage is hurried", F_TEXT("kills", everybody ? "all" : "gateways and actor workers"));
	n->hurried = true;
	for (uint32_t i = 0; i < n->child_count; i++) {
		if (everybody || n->children[i].role != CONTROL_STORE)
			child_event(&n->children[i], POLICY_HURRY);
	}
	advance_soon(n);
}

/* --- what children report --------------------------------------------------------- */

void node_on_spawned(struct node *n, struct child *c)
{
	c->failed_status = 0;
	handshake_greet(n, c);
}

void node_on_gone(struct node *n, struct child *c)
{
	query_on_gone(&n->queries, c->role, c->index);
	alarm_forget(&n->alarms, c->name);
	if (c->role == CONTROL_TUNNEL)
		tunnel_on_gone(n);
	if (n->phase == NODE_STOPPING) {
		if (n->exit_status == 0 && (c->overdue || c->wait_status != 0)) {
			log_warnx("the stop was not clean", F_TEXT("child", c->name));
			n->exit_status = ADMIN_TEMPORARY;
		}
	} else if (c->role == CONTROL_ACTOR) {
		handover_on_gone(n, c);
	}
	cluster_on_gone(n, c);
}

void node_on_moved(struct node *n, struct child *c)
{
	(void)c;
	advance_soon(n);
}

/* --- what cannot be kept ---------------------------------------------------------- */

static const struct bytes worker_down = BYTES_LITERAL("worker-down");

void node_on_serves(struct node *n, struct child *c)
{
	if (!c->policy.insists && alarm_clear(&n->alarms, c->name, worker_down))
		log_info("alarm over", F_TEXT("child", c->name), F_BYTES("alarm", worker_down));
	if (c->role == CONTROL_ACTOR)
		handover_on_serves(n, c);
	cluster_on_serves(n, c);
}

/* Who is tried for ever is trusted again when it has served for a whole period. */
static void trust_again(struct node *n, struct child *c, uint64_t now)
{
	const struct policy_limits limits = child_limits(c);

	if (policy_settled(&c->policy, &limits, now) && alarm_clear(&n->alarms, c->name, worker_down))
		log_info("alarm over", F_TEXT("child", c->name), F_BYTES("alarm", worker_down));
}

/* A fresh instance whose database is another cluster's can still join that one. */
static bool waits_to_join(struct node *n, struct child *c)
{
	struct buffer text = { 0 };

	if (c->role != CONTROL_STORE || c->failed_status != ADMIN_DENIED || !cluster_is_alone(n) || n->phase == NODE_STOPPING)
		return false;
	buffer_append_text(&text, "the database is another cluster's: `stagectl join` one of its nodes; or, where none is left, set [store] takeover = ");
	takeover_name(n, &text);
	if (alarm_raise_lasting(&n->alarms, "node", foreign_store, buffer_bytes(&text), clock_real_ms()))
		log_errorx("alarm raised", F_BYTES("alarm", foreign_store), F_BYTES("text", buffer_bytes(&text)));
	buffer_fini(&text);
	return true;
}

static void end_for(struct node *n, struct child *c)
{
	if (c->role == CONTROL_STORE && c->failed_status == ADMIN_DENIED && n->phase < NODE_ADOPTING && takeover_begin(n))
		return;
	if (waits_to_join(n, c))
		return;
	if (c->policy.refused)
		log_errorx("stage cannot start", F_TEXT("child", c->name), F_INT("exit", c->failed_status));
	else
		log_errorx("child cannot be kept running: stage gives up", F_TEXT("child", c->name),
		           F_UINT("ended", c->policy.ended),
		           F_UINT("restart_intensity", n->config.workers.restart_intensity),
		           F_UINT("restart_period_ms", n->config.workers.restart_period));
	if (c->failed_status == ADMIN_DENIED)
		node_stop(n, ADMIN_CONFIGURATION); /* nothing but another setting helps */
	else
		node_stop(n, c->failed_status != 0 ? c->failed_status : ADMIN_INTERNAL);
}

static void raise_down(struct node *n, struct child *c, bool insists)
{
	char text[256];
	int used = snprintf(text, sizeof(text), "deaths of %s within %llu ms: %u", c->name,
	                    (unsigned long long)n->config.workers.restart_period, c->policy.ended);

	if (insists)
		snprintf(text + used, sizeof(text) - (size_t)used, "; no sibling is left, so it is tried again every %d s",
		         POLICY_BACKOFF_MOST / 1000);
	else if (c->role == CONTROL_ACTOR)
		snprintf(text + used, sizeof(text) - (size_t)used,
		         "; it stays down, its siblings have its shards; `stagectl restart worker=%u` brings it back",
		         c->index);
	else
		snprintf(text + used, sizeof(text) - (size_t)used,
		         "; it stays down until the node is restarted, its siblings take all connections");
	if (alarm_raise_lasting(&n->alarms, c->name, worker_down, bytes_of(text), clock_real_ms()))
		log_errorx("alarm raised", F_TEXT("child", c->name), F_BYTES("alarm", worker_down), F_TEXT("text", text));
}

static uint32_t count_siblings(const struct node *n, const struct child *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->child_count; i++) {
		const struct child *other = &n->children[i];
		count += other != c && other->role == c->role && other->policy.state != POLICY_FAILED;
	}
	return count;
}

void node_on_given_up(struct node *n, struct child *c)
{
	if (n->phase == NODE_STOPPING)
		return;
	switch (policy_verdict(&c->policy, c->role, count_siblings(n, c), n->phase == NODE_SERVING)) {
	case POLICY_NODE_ENDS:
		end_for(n, c);
		break;
	case POLICY_STAYS_DOWN:
		raise_down(n, c, false);
		if (c->role == CONTROL_ACTOR)
			handover_on_down(n, c);
		break;
	case POLICY_INSISTS:
		raise_down(n, c, true);
		child_event(c, POLICY_INSIST);
		break;
	}
}

/* --- the loop --------------------------------------------------------------------- */

static void set_ticker(struct node *n)
{
	double third = (double)n->config.workers.hang_timeout / 3000;
	double watchdog = (double)service_tick(&n->manager.service) / 1000;
	double most = watchdog < TICK_MOST ? watchdog : TICK_MOST;

	n->ticker.repeat = third < most ? third : most;
	if (n->ticker.repeat < TICK_LEAST)
		n->ticker.repeat = TICK_LEAST;
	ev_timer_again(n->loop, &n->ticker);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct node *n = w->data;
	uint64_t now = clock_now_ms();
	bool late = n->ticked_at != 0 && now - n->ticked_at > (uint64_t)(w->repeat * 2000) + 100;

	(void)loop, (void)events;
	n->ticked_at = now;
	for (uint32_t i = 0; i < n->child_count; i++) {
		child_tick(&n->children[i], now, late);
		trust_again(n, &n->children[i], now);
	}
	manager_update(n);
	set_ticker(n); /* hang_timeout may have been reloaded */
}

static void on_signal(struct ev_loop *loop, struct ev_signal *w, int events)
{
	struct node *n = w->data;

	(void)loop, (void)events;
	log_info("signal", F_TEXT("name", w->signum == SIGTERM ? "SIGTERM" : w->signum == SIGINT ? "SIGINT" : "SIGHUP"));
	if (w->signum == SIGHUP)
		(void)reload_start(n, NULL); /* it logs what comes of it */
	else if (n->phase == NODE_STOPPING)
		stop_again(n);
	else
		node_stop(n, 0);
}

static void watch_signal(struct node *n, struct ev_signal *w, int number)
{
	ev_signal_init(w, on_signal, number);
	w->data = n;
	ev_signal_start(n->loop, w);
}

int node_run(struct node *n)
{
	watch_signal(n, &n->terminate, SIGTERM);
	watch_signal(n, &n->interrupt, SIGINT);
	watch_signal(n, &n->hangup, SIGHUP);
	ev_init(&n->advancer, on_advance);
	n->advancer.data = n;
	ev_init(&n->ticker, on_tick);
	n->ticker.data = n;
	set_ticker(n);
	advance_soon(n);
	ev_run(n->loop, 0);
	ev_timer_stop(n->loop, &n->ticker);
	ev_signal_stop(n->loop, &n->terminate);
	ev_signal_stop(n->loop, &n->interrupt);
	ev_signal_stop(n->loop, &n->hangup);
	log_info("stage has stopped", F_INT("exit", n->exit_status));
	return n->exit_status;
}
