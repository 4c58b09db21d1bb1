/* Owns the life of a machine, the table of its members' states, and looking things up. */
#include "supervisor/cluster/machine.h"

#include <stdlib.h>

struct state_row {
	const char *name;
	unsigned next; /* bits: states that may follow */
};

#define MAY(state) (1u << (state))

static const struct state_row states[MACHINE_STATE_COUNT] = {
	[MACHINE_JOINING]  = { "joining", MAY(MACHINE_UP) | MAY(MACHINE_DRAINING) | MAY(MACHINE_LEAVING) },
	[MACHINE_UP]       = { "up", MAY(MACHINE_DOWN) | MAY(MACHINE_DRAINING) | MAY(MACHINE_LEAVING) },
	[MACHINE_DOWN]     = { "down", MAY(MACHINE_UP) | MAY(MACHINE_DRAINING) | MAY(MACHINE_LEAVING) },
	[MACHINE_DRAINING] = { "draining", MAY(MACHINE_UP) | MAY(MACHINE_DOWN) | MAY(MACHINE_LEAVING) },
	[MACHINE_LEAVING]  = { "leaving", MAY(MACHINE_UP) | MAY(MACHINE_DOWN) },
};

const char *machine_state_name(enum machine_state state)
{
	return states[state].name;
}

bool machine_state_follows(enum machine_state from, enum machine_state to)
{
	return states[from].next & MAY(to);
}

void machine_fini(struct machine *m)
{
	if (m == NULL)
		return;
	free(m->shards);
	free(m->members);
	free(m->removed);
	*m = (struct machine){ 0 };
}

int machine_index(const struct machine *m, uint64_t id)
{
	uint32_t low = 0, high = m->member_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->members[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < m->member_count && m->members[low].id == id ? (int)low : -1;
}

const struct machine_member *machine_member(const struct machine *m, uint64_t id)
{
	int i = machine_index(m, id);

	return i < 0 ? NULL : &m->members[i];
}

const struct machine_member *machine_member_named(const struct machine *m, struct bytes name)
{
	for (uint32_t i = 0; i < m->member_count; i++)
		if (bytes_equal(bytes_of(m->members[i].name), name))
			return &m->members[i];
	return NULL;
}

bool machine_was_removed(const struct machine *m, uint64_t id)
{
	for (uint32_t i = 0; i < m->removed_count; i++)
		if (m->removed[i] == id)
			return true;
	return false;
}

bool machine_alive(const struct machine_member *member)
{
	return member->state == member->wish;
}

bool machine_is_up(const struct machine *m, uint64_t id)
{
	const struct machine_member *member = machine_member(m, id);

	return member && member->state == MACHINE_UP;
}

bool machine_is_alive(const struct machine *m, uint64_t id)
{
	const struct machine_member *member = machine_member(m, id);

	return member && machine_alive(member);
}

uint64_t machine_owner(const struct machine *m, uint32_t shard)
{
	return shard < m->shard_count ? m->shards[shard].owner : MACHINE_NOBODY;
}

uint32_t machine_shares(const struct machine *m, uint64_t id)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->shard_count; i++)
		n += m->shards[i].owner == id;
	return n;
}

uint32_t machine_incoming(const struct machine *m, uint64_t id)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->shard_count; i++)
		n += m->shards[i].to == id;
	return n;
}

uint32_t machine_outgoing(const struct machine *m, uint64_t id)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->shard_count; i++)
		n += m->shards[i].owner == id && m->shards[i].to != MACHINE_NOBODY;
	return n;
}

uint32_t machine_moving(const struct machine *m)
{
	return m->shard_count - machine_incoming(m, MACHINE_NOBODY);
}
