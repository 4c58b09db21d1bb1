/* Owns what the leader proposes next for the cluster's shards and members. */
#include "supervisor/cluster/plan.h"

#include <stdlib.h>

/* --- shards --- */

static uint32_t at_most(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Takes up to n resting shards of `from`, on from *cursor. Returns how many. */
static uint32_t take(const struct machine *m, uint64_t from, uint64_t to, uint32_t n, uint32_t *cursor,
                     struct plan_move *ret)
{
	uint32_t taken = 0;

	for (; *cursor < m->shard_count && taken < n; (*cursor)++) {
		const struct machine_shard *s = &m->shards[*cursor];

		if (s->owner == from && s->to == MACHINE_NOBODY)
			ret[taken++] = (struct plan_move){ from, to, *cursor };
	}
	return taken;
}

uint32_t plan_moves(const struct machine *m, uint32_t limit, struct plan_move *ret)
{
	uint32_t targets[MACHINE_MEMBERS_MAX], future[MACHINE_MEMBERS_MAX], count = 0;
	uint32_t moving = machine_moving(m), budget = limit > moving ? limit - moving : 0;
	uint64_t to_somebody = 0;

	machine_targets(m, targets);
	machine_future(m, future);
	for (uint32_t i = 0; i < m->member_count; i++)
		to_somebody += targets[i];
	if (to_somebody == 0)
		return 0;
	for (uint32_t i = 0; i < m->member_count && budget > count; i++) {
		uint32_t cursor = 0;

		if (!machine_alive(&m->members[i]))
			continue;
		for (uint32_t j = 0; j < m->member_count && future[i] > targets[i]; j++) {
			uint32_t n = at_most(future[i] - targets[i], budget - count);

			if (m->members[j].state != MACHINE_UP || future[j] >= targets[j])
				continue;
			n = take(m, m->members[i].id, m->members[j].id, at_most(n, targets[j] - future[j]),
			         &cursor, ret + count);
			count += n;
			future[i] -= n;
			future[j] += n;
		}
	}
	return count;
}

uint32_t plan_cancels(const struct machine *m, uint32_t *ret, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->shard_count && n < most; i++) {
		const struct machine_shard *s = &m->shards[i];

		if (s->to != MACHINE_NOBODY && (!machine_is_up(m, s->to) || !machine_is_alive(m, s->owner)))
			ret[n++] = i;
	}
	return n;
}

uint64_t plan_removal(const struct machine *m)
{
	for (uint32_t i = 0; i < m->member_count && m->member_count > 1; i++) {
		const struct machine_member *member = &m->members[i];

		if (member->wish == MACHINE_LEAVING && machine_shares(m, member->id) == 0 &&
		    machine_incoming(m, member->id) == 0)
			return member->id;
	}
	return MACHINE_NOBODY;
}
