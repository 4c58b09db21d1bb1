/* Owns what each command makes of the state. A row either refuses and has changed nothing,
 * or carries its command out whole. */
#include "supervisor/cluster/machine.h"

#include <assert.h>
#include <stdlib.h>

#include "common/memory.h"
#include "supervisor/cluster/machine_assign.h"
#include "supervisor/cluster/machine_command.h"

static void done(struct machine_result *ret)
{
	ret->code = MACHINE_DONE;
}

static void unchanged(struct machine_result *ret)
{
	ret->code = MACHINE_UNCHANGED;
}

static void refuse(struct machine_result *ret, const char *reason)
{
	ret->code = MACHINE_REFUSED;
	ret->reason = reason;
}

/* What `applied` will be after this command: the stamp of what it changes. */
static uint64_t stamp(const struct machine *m)
{
	return m->applied + 1;
}

static void set_state(struct machine *m, struct machine_member *member, enum machine_state state)
{
	if (member->state == state)
		return;
	assert(machine_state_follows(member->state, state));
	member->state = state;
	member->since = stamp(m);
	if (state == MACHINE_UP)
		machine_assign(m);
}

static struct machine_member *find(struct machine *m, uint64_t id)
{
	int i = machine_index(m, id);

	return i < 0 ? NULL : &m->members[i];
}

static void stay(struct machine_shard *shard)
{
	shard->to = MACHINE_NOBODY;
	shard->move = 0;
}

/* --- who is a member --- */

static void copy_text(char *to, struct bytes s)
{
	memcpy(to, s.data, s.len);
	to[s.len] = '\0';
}

static void describe(struct machine_member *member, const struct machine_node *node)
{
	copy_text(member->name, node->name);
	copy_text(member->address, node->address);
	member->weight = node->weight;
	member->oldest = node->oldest;
	member->newest = node->newest;
}

static bool same(const struct machine_member *member, const struct machine_node *node)
{
	return bytes_equal(bytes_of(member->name), node->name) &&
	       bytes_equal(bytes_of(member->address), node->address) && member->weight == node->weight &&
	       member->oldest == node->oldest && member->newest == node->newest;
}

static bool address_taken(const struct machine *m, struct bytes address, uint64_t by_other_than)
{
	for (uint32_t i = 0; i < m->member_count; i++)
		if (m->members[i].id != by_other_than && bytes_equal(bytes_of(m->members[i].address), address))
			return true;
	return false;
}

static struct machine_member *insert(struct machine *m, const struct machine_node *node)
{
	uint32_t at = 0;

	m->members = memory_grow(m->members, m->member_count + 1, sizeof(*m->members));
	while (at < m->member_count && m->members[at].id < node->id)
		at++;
	memmove(&m->members[at + 1], &m->members[at], (m->member_count - at) * sizeof(*m->members));
	m->member_count++;
	m->members[at] = (struct machine_member){
		.id = node->id, .state = MACHINE_JOINING, .wish = MACHINE_UP, .since = stamp(m)
	};
	describe(&m->members[at], node);
	return &m->members[at];
}

static void found(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	if (m->shard_count > 0) {
		bool again = memcmp(m->cluster, c->found.cluster, sizeof(m->cluster)) == 0;

		if (again)
			unchanged(ret);
		else
			refuse(ret, "another cluster was founded here");
		return;
	}
	memcpy(m->cluster, c->found.cluster, sizeof(m->cluster));
	memcpy(m->hash_key, c->found.hash_key, sizeof(m->hash_key));
	m->shared = c->found.shared;
	m->shard_count = c->found.shard_count;
	m->shards = memory_new(m->shard_count * sizeof(*m->shards));
	for (uint32_t i = 0; i < m->shard_count; i++)
		m->shards[i] = (struct machine_shard){ .owner = c->id, .epoch = 1 };
	/* Somebody has to own the shards, so it is up before it renews. */
	insert(m, &c->node)->state = MACHINE_UP;
	done(ret);
}

static void add(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	const struct machine_member *member = find(m, c->id);

	if (member && same(member, &c->node))
		unchanged(ret);
	else if (member)
		refuse(ret, "a member with this id is another node");
	else if (machine_was_removed(m, c->id))
		refuse(ret, "this member was removed");
	else if (machine_member_named(m, c->node.name))
		refuse(ret, "a member has this name");
	else if (address_taken(m, c->node.address, c->id))
		refuse(ret, "a member has this address");
	else if (m->member_count == MACHINE_MEMBERS_MAX)
		refuse(ret, "the cluster is full");
	else {
		insert(m, &c->node);
		done(ret);
	}
}

static void update(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_member *member = find(m, c->id);

	if (member == NULL)
		refuse(ret, "no such member");
	else if (c->incarnation < member->incarnation)
		refuse(ret, "a later process of this member has renewed");
	else if (!bytes_equal(bytes_of(member->name), c->node.name))
		refuse(ret, "a member keeps its name");
	else if (address_taken(m, c->node.address, c->id))
		refuse(ret, "a member has this address");
	else if (same(member, &c->node))
		unchanged(ret);
	else {
		describe(member, &c->node);
		done(ret);
	}
}

/* --- who is alive --- */

/* A new process has let go of nothing: a MOVED of the one before must not count. */
static void restarted(struct machine *m, uint64_t id)
{
	for (uint32_t i = 0; i < m->shard_count; i++)
		if (m->shards[i].owner == id)
			stay(&m->shards[i]);
}

static void renew(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_member *member = find(m, c->id);

	if (member == NULL) {
		refuse(ret, "no such member");
		return;
	}
	if (c->incarnation < member->incarnation ||
	    (c->incarnation == member->incarnation && c->renewal <= member->renewal)) {
		unchanged(ret);
		return;
	}
	if (c->incarnation != member->incarnation)
		restarted(m, c->id);
	member->incarnation = c->incarnation;
	member->renewal = c->renewal;
	set_state(m, member, member->wish);
	done(ret);
}

static void down(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_member *member = find(m, c->id);

	if (member == NULL) {
		refuse(ret, "no such member");
		return;
	}
	if (member->incarnation != c->incarnation || member->renewal != c->renewal) {
		refuse(ret, "it has renewed since");
		return;
	}
	if (!machine_alive(member)) {
		unchanged(ret);
		return;
	}
	set_state(m, member, MACHINE_DOWN);
	for (uint32_t i = 0; i < m->shard_count; i++)
		if (m->shards[i].to == c->id)
			stay(&m->shards[i]);
	if (m->shared) {
		machine_take(m, c->id);
		machine_assign(m);
	}
	done(ret);
}

static void wish(struct machine *m, struct machine_member *member, enum machine_state state,
                 struct machine_result *ret)
{
	bool alive = machine_alive(member);

	if (member->wish == state) {
		unchanged(ret);
		return;
	}
	member->wish = state;
	if (alive)
		set_state(m, member, state);
	done(ret);
}

static void drain(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_member *member = find(m, c->id);

	if (member == NULL)
		refuse(ret, "no such member");
	else if (c->flag && member->wish == MACHINE_LEAVING)
		unchanged(ret); /* drains already */
	else
		wish(m, member, c->flag ? MACHINE_DRAINING : MACHINE_UP, ret);
}

static void leave(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_member *member = find(m, c->id);
	bool others = false;

	for (uint32_t i = 0; i < m->member_count; i++)
		others |= m->members[i].id != c->id && m->members[i].wish != MACHINE_LEAVING;
	if (member == NULL)
		refuse(ret, "no such member");
	else if (!others)
		refuse(ret, "no other member stays");
	else
		wish(m, member, MACHINE_LEAVING, ret);
}

/* NULL, or why the member cannot be removed. */
static const char *needed(const struct machine *m, const struct machine_member *member, bool lost)
{
	bool somebody = false;

	for (uint32_t i = 0; i < m->member_count; i++)
		somebody |= m->members[i].state == MACHINE_UP;
	if (m->member_count == 1)
		return "the last member stays";
	if (member->state == MACHINE_UP || member->state == MACHINE_DRAINING)
		return lost ? "it is not down" : "it is not leaving";
	if (lost && member->state != MACHINE_DOWN)
		return "it is not down";
	if (machine_incoming(m, member->id) > 0)
		return "shards are moving to it";
	if (machine_shares(m, member->id) == 0)
		return NULL;
	if (!lost)
		return "it still owns shards";
	return somebody ? NULL : "no member is up that could own its shards";
}

/* A late ADD must not bring it back, nor may its process, with what it thinks that it owns. */
static void bury(struct machine *m, uint64_t id)
{
	if (m->removed_count == MACHINE_REMOVED_MAX)
		memmove(m->removed, m->removed + 1, --m->removed_count * sizeof(*m->removed));
	m->removed = memory_grow(m->removed, m->removed_count + 1, sizeof(*m->removed));
	m->removed[m->removed_count++] = id;
}

static void remove_member(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	int at = machine_index(m, c->id);
	const char *reason;

	if (at < 0) {
		unchanged(ret);
		return;
	}
	reason = needed(m, &m->members[at], c->flag);
	if (reason) {
		refuse(ret, reason);
		return;
	}
	machine_take(m, c->id);
	machine_assign(m);
	bury(m, c->id);
	m->member_count--;
	memmove(&m->members[at], &m->members[at + 1], (m->member_count - (uint32_t)at) * sizeof(*m->members));
	done(ret);
}

/* --- who owns what --- */

static bool in_range(const struct machine *m, struct machine_command c)
{
	struct machine_gone gone;

	while (machine_next_gone(&c, &gone))
		if (gone.shard >= m->shard_count)
			return false;
	return true;
}

static void move(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_gone gone;

	if (!machine_is_up(m, c->to)) {
		refuse(ret, "shards can only move to a member that is up");
		return;
	}
	refuse(ret, "none of these shards can move");
	while (machine_next_gone(c, &gone)) {
		struct machine_shard *s = &m->shards[gone.shard];

		if (s->owner == c->to || s->to != MACHINE_NOBODY || !machine_is_alive(m, s->owner))
			continue;
		s->to = c->to;
		s->move = stamp(m);
		done(ret);
	}
}

static void moved(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_gone gone;

	refuse(ret, "none of these shards is being moved like this");
	while (machine_next_gone(c, &gone)) {
		struct machine_shard *s = &m->shards[gone.shard];

		if (s->owner != c->id || s->epoch != gone.epoch || s->move != gone.move)
			continue;
		if (machine_is_up(m, s->to))
			machine_grant(s, s->to);
		else
			stay(s);
		done(ret);
	}
}

static void cancel(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_gone gone;

	unchanged(ret);
	while (machine_next_gone(c, &gone)) {
		if (m->shards[gone.shard].to == MACHINE_NOBODY)
			continue;
		stay(&m->shards[gone.shard]);
		done(ret);
	}
}

/* Whoever has lost the shard since, or has it in a later epoch, gains nothing by what its store
 * saw: it names the epoch in which it was refused. */
static void raise_epochs(struct machine *m, struct machine_command *c, struct machine_result *ret)
{
	struct machine_gone seen;

	refuse(ret, "none of these shards is its own in that epoch");
	while (machine_next_gone(c, &seen)) {
		struct machine_shard *s = &m->shards[seen.shard];

		if (s->owner != c->id || s->epoch != seen.epoch || seen.move < s->epoch || seen.move >= MACHINE_EPOCH_MAX)
			continue;
		stay(s);
		s->epoch = (uint32_t)seen.move + 1;
		done(ret);
	}
}

static void (*const rows[MACHINE_COMMAND_COUNT])(struct machine *m, struct machine_command *c,
                                                 struct machine_result *ret) = {
	[MACHINE_COMMAND_FOUND] = found,   [MACHINE_COMMAND_ADD] = add,
	[MACHINE_COMMAND_UPDATE] = update, [MACHINE_COMMAND_RENEW] = renew,
	[MACHINE_COMMAND_DOWN] = down,     [MACHINE_COMMAND_DRAIN] = drain,
	[MACHINE_COMMAND_LEAVE] = leave,   [MACHINE_COMMAND_MOVE] = move,
	[MACHINE_COMMAND_MOVED] = moved,   [MACHINE_COMMAND_CANCEL] = cancel,
	[MACHINE_COMMAND_REMOVE] = remove_member, [MACHINE_COMMAND_RAISE] = raise_epochs,
};

void machine_apply(struct machine *m, struct bytes command, struct machine_result *ret)
{
	struct machine_command c;
	const char *fault = machine_decode(command, &c);

	*ret = (struct machine_result){
		.command = c.number, .member = c.id, .incarnation = c.incarnation, .renewal = c.renewal
	};
	if (fault == NULL && m->shard_count == 0 && c.number != MACHINE_COMMAND_FOUND)
		fault = "no cluster was founded here";
	if (fault == NULL && !in_range(m, c))
		fault = "no such shard";
	if (fault) {
		refuse(ret, fault);
		return;
	}
	rows[c.number](m, &c, ret);
	if (ret->code == MACHINE_DONE) {
		ret->reason = NULL;
		m->applied++;
	}
}
