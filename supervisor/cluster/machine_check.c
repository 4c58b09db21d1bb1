/* Owns the invariants of one state of the machine. */
#include "supervisor/cluster/machine.h"

#include "supervisor/cluster/machine_command.h"

static const char *member_alone(const struct machine *m, const struct machine_member *member)
{
	struct machine_node node = { member->id, bytes_of(member->name), bytes_of(member->address),
		                     member->weight, member->oldest, member->newest };
	const char *fault = machine_node_fault(&node);

	if (fault)
		return fault;
	if (machine_was_removed(m, member->id))
		return "it was removed";
	if (member->state >= MACHINE_STATE_COUNT || member->wish >= MACHINE_STATE_COUNT)
		return "a state that is none";
	if (member->wish == MACHINE_JOINING || member->wish == MACHINE_DOWN)
		return "a wish to be joining or down";
	if (member->state != member->wish && member->state != MACHINE_JOINING && member->state != MACHINE_DOWN)
		return "alive, but not as wished";
	if (member->state == MACHINE_JOINING && member->incarnation != 0)
		return "joining, but it has renewed";
	if ((member->incarnation == 0) != (member->renewal == 0))
		return "a renewal of no incarnation";
	return member->since > m->applied ? "changed in the future" : NULL;
}

static const char *member_among(const struct machine *m, uint32_t at)
{
	const struct machine_member *member = &m->members[at];

	for (uint32_t i = 0; i < at; i++) {
		if (m->members[i].id >= member->id)
			return "members out of order";
		if (strcmp(m->members[i].name, member->name) == 0)
			return "two members of one name";
		if (strcmp(m->members[i].address, member->address) == 0)
			return "two members at one address";
	}
	return NULL;
}

static const char *owner_fault(const struct machine *m, const struct machine_shard *s, bool somebody)
{
	const struct machine_member *owner = machine_member(m, s->owner);

	if (s->owner == MACHINE_NOBODY && !m->shared)
		return "nobody owns it, though stores are not shared";
	if (s->owner == MACHINE_NOBODY && somebody)
		return "nobody owns it, though a member is up";
	if (s->owner != MACHINE_NOBODY && owner == NULL)
		return "its owner is no member";
	if (owner && owner->state == MACHINE_JOINING)
		return "its owner has not come up yet";
	if (owner && owner->state == MACHINE_DOWN && m->shared)
		return "its owner is down, though the store is shared";
	return NULL;
}

static const char *shard_fault(const struct machine *m, const struct machine_shard *s, bool somebody)
{
	if (s->epoch == 0 || s->epoch > MACHINE_EPOCH_MAX)
		return "its epoch is none";
	if (s->move > m->applied)
		return "its move began in the future";
	if ((s->to == MACHINE_NOBODY) != (s->move == 0))
		return "a move to nobody, or none to somebody";
	if (s->to != MACHINE_NOBODY && s->to == s->owner)
		return "it moves to its owner";
	if (s->to != MACHINE_NOBODY && s->owner == MACHINE_NOBODY)
		return "it moves from nobody";
	if (s->to != MACHINE_NOBODY && !machine_is_alive(m, s->to))
		return "it moves to who is not alive";
	return owner_fault(m, s, somebody);
}

static const char *whole_fault(const struct machine *m)
{
	if (m->shard_count == 0)
		return m->member_count > 0 || m->removed_count > 0 || m->applied > 0 ? "a state that nobody founded" : NULL;
	if (m->shard_count > CONTROL_SHARDS_MAX)
		return "too many shards";
	if (m->member_count == 0 || m->member_count > MACHINE_MEMBERS_MAX)
		return "no members, or too many";
	if (m->removed_count > MACHINE_REMOVED_MAX)
		return "too many former members";
	if (m->applied == 0 || m->applied > INT64_MAX)
		return "a count of changes that is none";
	return NULL;
}

bool machine_check(const struct machine *m, struct buffer *why)
{
	const char *fault = whole_fault(m);
	bool somebody = false;

	if (fault) {
		buffer_append_text(why, fault);
		return false;
	}
	for (uint32_t i = 0; i < m->member_count; i++) {
		fault = member_alone(m, &m->members[i]);
		if (fault == NULL)
			fault = member_among(m, i);
		if (fault) {
			buffer_printf(why, "member %u: %s", i, fault);
			return false;
		}
		somebody |= m->members[i].state == MACHINE_UP;
	}
	for (uint32_t i = 0; i < m->shard_count; i++) {
		fault = shard_fault(m, &m->shards[i], somebody);
		if (fault) {
			buffer_printf(why, "shard %u: %s", i, fault);
			return false;
		}
	}
	return true;
}
