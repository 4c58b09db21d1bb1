/* Owns how shards are spread over members: by weight, and with as little change as can be. */
#include "supervisor/cluster/machine_assign.h"

#include <assert.h>
#include <string.h>

void machine_future(const struct machine *m, uint32_t *ret)
{
	memset(ret, 0, m->member_count * sizeof(*ret));
	for (uint32_t i = 0; i < m->shard_count; i++) {
		const struct machine_shard *s = &m->shards[i];
		int at = machine_index(m, s->to != MACHINE_NOBODY ? s->to : s->owner);

		if (at >= 0)
			ret[at]++;
	}
}

/* Shards that can go where they should: all but those of a dead owner's own store. */
static uint32_t pool(const struct machine *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->shard_count; i++)
		n += m->shards[i].owner == MACHINE_NOBODY || machine_is_alive(m, m->shards[i].owner);
	return n;
}

static uint64_t weights(const struct machine *m)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < m->member_count; i++)
		if (m->members[i].state == MACHINE_UP)
			sum += m->members[i].weight;
	return sum;
}

/* The member with the largest remainder left; of equal ones, who has more, then the first. */
static uint32_t largest(const uint64_t *remainders, const uint32_t *future, uint32_t count)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < count; i++)
		if (remainders[i] > remainders[best] ||
		    (remainders[i] == remainders[best] && future[i] > future[best]))
			best = i;
	return best;
}

void machine_targets(const struct machine *m, uint32_t *ret)
{
	/* One more than the remainder; 0: gets no more. */
	uint64_t remainders[MACHINE_MEMBERS_MAX] = { 0 }, sum = weights(m);
	uint32_t future[MACHINE_MEMBERS_MAX], shards = pool(m), left = shards;

	memset(ret, 0, m->member_count * sizeof(*ret));
	if (sum == 0)
		return;
	machine_future(m, future);
	for (uint32_t i = 0; i < m->member_count; i++) {
		if (m->members[i].state != MACHINE_UP)
			continue;
		ret[i] = (uint32_t)((uint64_t)shards * m->members[i].weight / sum);
		remainders[i] = (uint64_t)shards * m->members[i].weight % sum + 1;
		left -= ret[i];
	}
	for (; left > 0; left--) {
		uint32_t i = largest(remainders, future, m->member_count);

		assert(remainders[i] > 0); /* fewer are left than members are up */
		ret[i]++;
		remainders[i] = 0;
	}
}

void machine_grant(struct machine_shard *shard, uint64_t owner)
{
	*shard = (struct machine_shard){ .owner = owner, .epoch = shard->epoch + 1 };
}

void machine_take(struct machine *m, uint64_t id)
{
	for (uint32_t i = 0; i < m->shard_count; i++) {
		struct machine_shard *s = &m->shards[i];

		if (s->owner != id)
			continue;
		if (machine_is_up(m, s->to))
			machine_grant(s, s->to);
		else
			*s = (struct machine_shard){ .epoch = s->epoch };
	}
}

void machine_assign(struct machine *m)
{
	uint32_t targets[MACHINE_MEMBERS_MAX], future[MACHINE_MEMBERS_MAX];

	if (weights(m) == 0 || machine_shares(m, MACHINE_NOBODY) == 0)
		return;
	machine_targets(m, targets);
	machine_future(m, future);
	for (uint32_t i = 0; i < m->shard_count; i++) {
		int64_t most = INT64_MIN;
		uint32_t best = 0;

		if (m->shards[i].owner != MACHINE_NOBODY)
			continue;
		for (uint32_t j = 0; j < m->member_count; j++) {
			int64_t lacks = (int64_t)targets[j] - future[j];

			if (m->members[j].state == MACHINE_UP && lacks > most) {
				most = lacks;
				best = j;
			}
		}
		machine_grant(&m->shards[i], m->members[best].id);
		future[best]++;
	}
}
