/* Owns what the leader changes next in the engine's own configuration: who votes. */
#include "supervisor/cluster/plan.h"

static const char *const role_names[] = {
	[PLAN_SPARE] = "spare", [PLAN_STANDBY] = "standby", [PLAN_VOTER] = "voter",
};

static const char *const action_names[] = {
	[PLAN_NOTHING] = "nothing", [PLAN_ADD] = "add", [PLAN_ASSIGN] = "assign",
	[PLAN_REMOVE] = "remove", [PLAN_TRANSFER] = "transfer",
};

const char *plan_role_name(enum plan_role role)
{
	return role_names[role];
}

const char *plan_action_name(enum plan_action action)
{
	return action_names[action];
}

uint32_t plan_voters(uint32_t members)
{
	return members < 3 ? 1 : members < 7 ? 3 : 5;
}

/* How much one would rather be without a voter; 0: it is as good as any. */
enum flaw { FLAW_NONE, FLAW_DRAINING, FLAW_LEAVING, FLAW_DOWN, FLAW_NO_MEMBER };

struct view {
	const struct machine *m;
	const struct plan_server *servers;
	uint32_t count, voters, living, wanted;
	uint64_t leader;
};

static bool hears(const struct view *v, const struct plan_server *s)
{
	return s->alive || s->id == v->leader;
}

static enum flaw flaw_of(const struct view *v, const struct plan_server *s)
{
	const struct machine_member *member = machine_member(v->m, s->id);

	if (member == NULL)
		return FLAW_NO_MEMBER;
	if (member->state == MACHINE_DOWN && s->id != v->leader)
		return FLAW_DOWN;
	if (member->wish == MACHINE_LEAVING)
		return FLAW_LEAVING;
	return member->wish == MACHINE_DRAINING ? FLAW_DRAINING : FLAW_NONE;
}

static struct view look(const struct machine *m, const struct plan_server *servers, uint32_t count, uint64_t leader)
{
	struct view v = { .m = m, .servers = servers, .count = count, .leader = leader };
	uint32_t stay = 0;

	for (uint32_t i = 0; i < count; i++) {
		v.voters += servers[i].role == PLAN_VOTER;
		v.living += servers[i].role == PLAN_VOTER && hears(&v, &servers[i]);
	}
	for (uint32_t i = 0; i < m->member_count; i++)
		stay += m->members[i].wish != MACHINE_LEAVING && m->members[i].state != MACHINE_JOINING;
	v.wanted = plan_voters(stay);
	return v;
}

/* The best one of a role that the engine hears from, that is alive and stays; NULL: none. */
static const struct plan_server *best(const struct view *v, enum plan_role role)
{
	const struct plan_server *found = NULL;

	for (uint32_t i = 0; i < v->count; i++) {
		const struct plan_server *s = &v->servers[i];

		if (s->role != role || s->id == v->leader || !hears(v, s) || flaw_of(v, s) > FLAW_DRAINING ||
		    !machine_is_alive(v->m, s->id))
			continue;
		if (found == NULL || flaw_of(v, s) < flaw_of(v, found))
			found = s;
	}
	return found;
}

static uint32_t candidates(const struct view *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->count; i++)
		n += v->servers[i].role == PLAN_STANDBY && hears(v, &v->servers[i]) &&
		     flaw_of(v, &v->servers[i]) <= FLAW_DRAINING && machine_is_alive(v->m, v->servers[i].id);
	return n;
}

/* The voter one would rather be without, those not heard from first; never the leader. */
static const struct plan_server *worst(const struct view *v)
{
	const struct plan_server *found = NULL;

	for (uint32_t i = 0; i < v->count; i++) {
		const struct plan_server *s = &v->servers[i];

		if (s->role != PLAN_VOTER || s->id == v->leader)
			continue;
		if (found == NULL || flaw_of(v, s) > flaw_of(v, found) ||
		    (flaw_of(v, s) == flaw_of(v, found) && hears(v, found) && !hears(v, s)))
			found = s;
	}
	return found;
}

static bool flawed(const struct view *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (v->servers[i].role == PLAN_VOTER && flaw_of(v, &v->servers[i]) > FLAW_DRAINING)
			return true;
	return false;
}

static bool quorum(uint32_t living, uint32_t voters)
{
	return voters > 0 && living > voters / 2;
}

static struct plan_change change(enum plan_action action, uint64_t id, enum plan_role role)
{
	return (struct plan_change){ action, id, role };
}

static const struct plan_change nothing = { PLAN_NOTHING, MACHINE_NOBODY, PLAN_SPARE };

/* An even number of voters bears no more losses than one fewer, so it is only passed
 * through: towards the next odd one where it can be reached, else back. */
static struct plan_change voters(const struct view *v)
{
	const struct plan_server *up = best(v, PLAN_STANDBY), *out = worst(v);
	uint32_t odd = v->voters % 2 ? v->voters + 2 : v->voters + 1;
	bool grow = odd <= v->wanted && candidates(v) >= odd - v->voters;
	bool replace = flawed(v) && v->voters <= v->wanted;
	bool shrink = v->voters > v->wanted || v->voters % 2 == 0 || (out && flaw_of(v, out) == FLAW_NO_MEMBER);

	if (up && (grow || replace) && quorum(v->living + 1, v->voters + 1))
		return change(PLAN_ASSIGN, up->id, PLAN_VOTER);
	if (out && shrink && quorum(v->living - hears(v, out), v->voters - 1))
		return change(PLAN_ASSIGN, out->id, PLAN_STANDBY);
	return nothing;
}

/* Servers that are no members go, members that are no servers come. A voter that is no
 * member loses its vote first, above. */
static struct plan_change servers(const struct view *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (v->servers[i].role != PLAN_VOTER && flaw_of(v, &v->servers[i]) == FLAW_NO_MEMBER &&
		    v->servers[i].id != v->leader)
			return change(PLAN_REMOVE, v->servers[i].id, PLAN_SPARE);
	for (uint32_t i = 0; i < v->count; i++)
		if (v->servers[i].role == PLAN_SPARE && hears(v, &v->servers[i]))
			return change(PLAN_ASSIGN, v->servers[i].id, PLAN_STANDBY);
	for (uint32_t i = 0; i < v->m->member_count; i++) {
		bool known = v->m->members[i].wish == MACHINE_LEAVING;

		for (uint32_t j = 0; j < v->count; j++)
			known |= v->servers[j].id == v->m->members[i].id;
		if (!known)
			return change(PLAN_ADD, v->m->members[i].id, PLAN_SPARE);
	}
	return nothing;
}

struct plan_change plan_roles(const struct machine *m, const struct plan_server *list, uint32_t count,
                              uint64_t leader)
{
	struct view v = look(m, list, count, leader);
	const struct plan_server *heir = best(&v, PLAN_VOTER), self = { .id = leader, .alive = true };
	struct plan_change next;

	if (m->shard_count == 0)
		return nothing;
	if (flaw_of(&v, &self) > FLAW_DRAINING && heir)
		return change(PLAN_TRANSFER, heir->id, PLAN_VOTER);
	next = voters(&v);
	return next.action != PLAN_NOTHING ? next : servers(&v);
}
