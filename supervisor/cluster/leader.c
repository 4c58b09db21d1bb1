/* Owns what the leader does for the cluster: it declares the silent down, moves shards
 * towards even shares, and keeps the engine's configuration as the plan wants it. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"

#define IN_FLIGHT 64      /* shards that move at a time: each stands still while it does */
#define PATIENCE 1000     /* ms that an entry may take */
#define PLAN_EVERY 200    /* ms between two looks at the shares */
#define AFTER_CANCEL 2000 /* ms until a move that was given up is planned again */
#define HEAR_OF_IT 1000   /* ms that a removed member stays in the engine's configuration, to hear of its end */
#define DUE_MOST 16
#define STANDSTILL 200    /* ms without a look, of which there are twenty a second */
#define RENEWALS (2 * CLUSTER_LEASE_MS / LEASE_OUTSTANDING) /* ms in which each member renews, once again if need be */

void leader_reset(struct cluster *c)
{
	watchdog_init(&c->watchdog, CLUSTER_LEASE_MS);
	c->led = c->planning = c->role_changing = false;
	c->declaring = 0;
}

void leader_applied(struct cluster *c, const struct machine_result *result)
{
	uint64_t now = clock_boot_ns();

	if (result->command == MACHINE_COMMAND_CANCEL && result->code == MACHINE_DONE)
		c->planned_at = clock_now_ms() + AFTER_CANCEL;
	if (result->command == MACHINE_COMMAND_REMOVE && result->code == MACHINE_DONE)
		c->removed_at = clock_now_ms();
	if (result->command == MACHINE_COMMAND_RENEW)
		watchdog_heard(&c->watchdog, result->member, result->incarnation, result->renewal, now);
	if (result->code == MACHINE_DONE)
		watchdog_follow(&c->watchdog, &c->machine, now);
}

/* --- the silent ------------------------------------------------------------------- */

/* Every node listens to all, so that a new leader knows how long each has been silent: what
 * it applies was sent before, and its declaration holds only where nothing newer is in the
 * log (machine_encode_down()). Only the leader declares. */

static void on_declared(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	(void)owner, (void)outcome, (void)reason;
	c->declaring--;
}

static void declare_down(struct cluster *c, uint64_t now_ns)
{
	struct watchdog_member due[DUE_MOST];
	uint32_t count = c->declaring > 0 ? 0 : watchdog_due(&c->watchdog, now_ns, due, DUE_MOST);

	for (uint32_t i = 0; i < count; i++) {
		struct buffer command = { 0 };

		log_warnx("a node is silent and is declared down", F_UINT("node", due[i].id),
		          F_UINT("silent_ms", (now_ns - due[i].heard) / 1000000));
		machine_encode_down(&command, due[i].id, due[i].incarnation, due[i].renewal);
		c->declaring++;
		proposal_new(c, &command, PATIENCE, true, on_declared, &c->watchdog);
	}
}

/* --- shares ----------------------------------------------------------------------- */

static void on_planned(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	(void)owner, (void)outcome, (void)reason;
	c->planning = false;
}

static void propose(struct cluster *c, struct buffer *take_command)
{
	c->planning = true;
	proposal_new(c, take_command, PATIENCE, false, on_planned, &c->watchdog);
}

static bool plan_cancel(struct cluster *c)
{
	uint32_t shards[IN_FLIGHT], count = plan_cancels(&c->machine, shards, IN_FLIGHT);
	struct buffer command = { 0 };

	if (count == 0)
		return false;
	machine_encode_cancel(&command, shards, count);
	propose(c, &command);
	return true;
}

/* One run of shards with the same owner and receiver at a time. */
static bool plan_move(struct cluster *c)
{
	struct plan_move moves[IN_FLIGHT];
	uint32_t count = plan_moves(&c->machine, IN_FLIGHT, moves), shards[IN_FLIGHT], run = 0;
	struct buffer command = { 0 };

	while (run < count && moves[run].from == moves[0].from && moves[run].to == moves[0].to) {
		shards[run] = moves[run].shard;
		run++;
	}
	if (run == 0)
		return false;
	machine_encode_move(&command, moves[0].to, shards, run);
	propose(c, &command);
	return true;
}

static void plan_shares(struct cluster *c, uint64_t now)
{
	if (c->planning || now < c->planned_at)
		return;
	if (!plan_cancel(c) && !plan_move(c))
		c->planned_at = now + PLAN_EVERY;
}

/* --- the engine's configuration ---------------------------------------------------- */

static void on_changed(void *owner, enum engine_status status)
{
	struct cluster *c = owner;

	if (status != ENGINE_DONE)
		log_debug("a change of the engine's configuration was not made", F_INT("status", (int)status));
	c->role_changing = false;
	c->roles_at = clock_now_ms() + (status == ENGINE_DONE ? 0 : PLAN_EVERY);
	cluster_soon(c); /* two voters are for a moment only, see plan_voters() */
}

/* Who became a voter while it is away would keep the cluster from deciding anything until it is
 * back: its lease says too little. One that is joining needs the log before it can say that it
 * lives, and a spare does not get it. */
static bool seems_alive(const struct cluster *c, const struct engine_server *s)
{
	const struct machine_member *m = machine_member(&c->machine, s->id);

	return s->id == cluster_self_id(c) || (m != NULL && (machine_alive(m) || m->state == MACHINE_JOINING) &&
	                                       (s->role == ENGINE_SPARE || s->heard));
}

static uint32_t servers_of(struct cluster *c, struct plan_server *ret)
{
	struct engine_server servers[MACHINE_MEMBERS_MAX];
	uint32_t count = engine_configuration(c->engine, servers, MACHINE_MEMBERS_MAX);

	for (uint32_t i = 0; i < count; i++)
		ret[i] = (struct plan_server){ servers[i].id, (enum plan_role)servers[i].role, seems_alive(c, &servers[i]) };
	return count;
}

static void change(struct cluster *c, const struct plan_change *p)
{
	const struct machine_member *m = machine_member(&c->machine, p->id);

	c->role_changing = true;
	log_info("engine", F_TEXT("change", plan_action_name(p->action)), F_UINT("node", p->id),
	         F_TEXT("role", p->action == PLAN_ASSIGN ? plan_role_name(p->role) : ""));
	switch (p->action) {
	case PLAN_ADD:
		engine_add(c->engine, p->id, m->address, on_changed, c);
		break;
	case PLAN_ASSIGN:
		engine_assign(c->engine, p->id, (enum engine_role)p->role, on_changed, c);
		break;
	case PLAN_REMOVE:
		engine_remove(c->engine, p->id, on_changed, c);
		break;
	case PLAN_TRANSFER:
		engine_transfer(c->engine, p->id, on_changed, c);
		break;
	case PLAN_NOTHING:
		c->role_changing = false;
	}
}

static void plan_engine(struct cluster *c, uint64_t now)
{
	struct plan_server servers[MACHINE_MEMBERS_MAX];
	struct plan_change p;

	if (c->role_changing || now < c->roles_at || now < c->removed_at + HEAR_OF_IT)
		return;
	p = plan_roles(&c->machine, servers, servers_of(c, servers), cluster_self_id(c));
	if (p.action == PLAN_NOTHING)
		c->roles_at = now + PLAN_EVERY;
	else
		change(c, &p);
}

/* A machine that was suspended, a supervisor that was stopped: also of one that does not lead,
 * for it may be the next to. */
static void look_at_standstill(struct cluster *c, uint64_t now_ns)
{
	if (c->looked_at != 0 && now_ns - c->looked_at >= STANDSTILL * UINT64_C(1000000))
		watchdog_stood_still(&c->watchdog, c->looked_at, now_ns);
	c->looked_at = now_ns;
}

void leader_run(struct cluster *c, uint64_t now_ns)
{
	bool leads = cluster_leads(c) && c->machine.member_count > 0 && !c->closing;

	look_at_standstill(c, now_ns);
	if (leads && !c->led) {
		log_info("this node leads the cluster", F_UINT("members", c->machine.member_count));
		watchdog_follow(&c->watchdog, &c->machine, now_ns);
		watchdog_spare(&c->watchdog, now_ns, RENEWALS);
		c->planning = c->role_changing = false;
	}
	c->led = leads;
	if (!leads)
		return;
	declare_down(c, now_ns);
	plan_shares(c, clock_now_ms());
	plan_engine(c, clock_now_ms());
}
