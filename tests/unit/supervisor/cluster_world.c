/* Owns the world's log and network, its replicas, and what must always hold. */
#include "tests/unit/supervisor/cluster_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/memory.h"
#include "supervisor/cluster/machine_command.h"

uint64_t world_random(struct world *w, uint64_t below)
{
	uint64_t x = w->random += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) % below;
}

uint64_t world_clock(const struct world *w, const struct world_node *n)
{
	return (uint64_t)(n->offset + (int64_t)(w->now / 1000000) * n->rate +
	                  (int64_t)(w->now % 1000000) * n->rate / 1000000);
}

bool world_awake(const struct world *w, const struct world_node *n)
{
	return n->runs && w->now >= n->resumes;
}

void world_propose(struct world *w, const struct world_node *from, struct buffer *bytes)
{
	uint32_t copies = w->calm ? 1 : (uint32_t)world_random(w, 8);

	/* One in eight is lost, one doubled. */
	copies = copies == 0 ? 0 : copies == 1 ? 2 : 1;
	for (uint32_t i = 0; i < WORLD_FLIGHT && copies > 0 && !from->cut; i++) {
		uint64_t slow = !w->calm && world_random(w, 12) == 0 ? 2 * WORLD_TTL : 60;

		if (w->flight[i].at != 0)
			continue;
		w->flight[i].at = w->now + 1 + world_random(w, slow * WORLD_MS);
		buffer_append_bytes(&w->flight[i].bytes, buffer_bytes(bytes));
		copies--;
	}
	buffer_fini(bytes);
}

/* --- what one entry may change --- */

static bool may_take(uint8_t command, bool shared)
{
	return command == MACHINE_COMMAND_MOVED ||
	       (shared && (command == MACHINE_COMMAND_DOWN || command == MACHINE_COMMAND_RENEW ||
	                   command == MACHINE_COMMAND_DRAIN));
}

static void check_change(const struct machine *before, const struct machine *after, const struct machine_result *done)
{
	for (uint32_t i = 0; i < before->shard_count; i++) {
		const struct machine_shard *old = &before->shards[i], *new = &after->shards[i];

		if (old->owner == new->owner) {
			if (done->command == MACHINE_COMMAND_RAISE && done->member == old->owner)
				assert_true(new->epoch >= old->epoch);
			else
				assert_int_equal(old->epoch, new->epoch);
			continue;
		}
		assert_true(may_take(done->command, after->shared));
		/* Nobody's is the end of an epoch, somebody's the beginning of the next. */
		assert_int_equal(new->epoch, old->epoch + (new->owner != MACHINE_NOBODY));
		assert_true(new->owner == MACHINE_NOBODY || machine_is_up(after, new->owner));
		assert_true(new->to == MACHINE_NOBODY);
		if (done->command == MACHINE_COMMAND_MOVED)
			assert_true(old->owner == done->member && old->to == new->owner);
		if (done->command == MACHINE_COMMAND_DOWN)
			assert_true(old->owner == done->member);
	}
}

static void check_whole(const struct machine *m)
{
	struct buffer why = { 0 };

	if (!machine_check(m, &why)) {
		buffer_append(&why, "", 1);
		fail_msg("%s", buffer_bytes(&why).data);
	}
	buffer_fini(&why);
}

static void copy_machine(struct machine *to, const struct machine *from)
{
	struct buffer bytes = { 0 };

	machine_snapshot(from, &bytes);
	assert_true(machine_restore(to, buffer_bytes(&bytes)));
	buffer_fini(&bytes);
}

static void count(struct world *w, const struct machine_result *done)
{
	w->downs += done->command == MACHINE_COMMAND_DOWN;
	w->moves += done->command == MACHINE_COMMAND_MOVED;
	w->cancels += done->command == MACHINE_COMMAND_CANCEL;
	w->removals += done->command == MACHINE_COMMAND_REMOVE;
	w->raises += done->command == MACHINE_COMMAND_RAISE;
}

void world_commit(struct world *w, struct bytes command)
{
	struct world_entry *entry = &w->log[w->length];
	struct machine before = { 0 };

	assert_true(w->length < WORLD_LOG);
	w->length++;
	buffer_append_bytes(&entry->bytes, command);
	copy_machine(&before, &w->truth);
	machine_apply(&w->truth, command, &entry->result);
	machine_snapshot(&w->truth, &entry->after);
	if (entry->result.code == MACHINE_DONE)
		count(w, &entry->result);
	else
		assert_int_equal(before.applied, w->truth.applied);
	check_change(&before, &w->truth, &entry->result);
	check_whole(&w->truth);
	machine_fini(&before);
}

/* --- a replica --- */

void world_apply(struct world *w, struct world_node *n)
{
	struct world_entry *entry = &w->log[n->applied++];
	struct buffer after = { 0 };
	struct machine_result done;
	const struct machine_member *self;

	machine_apply(&n->machine, buffer_bytes(&entry->bytes), &done);
	assert_int_equal(done.code, entry->result.code);
	assert_ptr_equal(done.reason, entry->result.reason);
	machine_snapshot(&n->machine, &after);
	assert_true(bytes_equal(buffer_bytes(&after), buffer_bytes(&entry->after)));
	buffer_fini(&after);
	self = machine_member(&n->machine, n->id);
	if (self && self->state == MACHINE_DOWN)
		lease_reset(&n->lease);
	if (done.code == MACHINE_DONE && done.command == MACHINE_COMMAND_RENEW && done.member == n->id)
		lease_applied(&n->lease, done.incarnation, done.renewal);
	if (n->leads)
		watchdog_follow(&n->watchdog, &n->machine, world_clock(w, n));
}

/* Whether this node would begin a turn in this shard at this moment. */
static bool acts(const struct world *w, const struct world_node *n, uint32_t shard)
{
	const struct machine_shard *s;

	if (!world_awake(w, n) || n->machine.shard_count == 0)
		return false;
	s = &n->machine.shards[shard];
	if (s->owner != n->id || (s->to != MACHINE_NOBODY && n->let_go[shard] == s->move))
		return false;
	return w->shared ? lease_valid(&n->lease, world_clock(w, n)) : lease_begun(&n->lease);
}

void world_check(struct world *w)
{
	for (uint32_t shard = 0; shard < WORLD_SHARDS; shard++) {
		uint64_t who = MACHINE_NOBODY;

		for (uint32_t i = 0; i < WORLD_NODES; i++) {
			if (!acts(w, &w->nodes[i], shard))
				continue;
			if (who != MACHINE_NOBODY)
				fail_msg("shard %u: %llu and %llu act for it", shard, (unsigned long long)who,
				         (unsigned long long)w->nodes[i].id);
			who = w->nodes[i].id;
			w->acts++;
		}
	}
}

/* --- its life --- */

struct world *world_new(uint64_t seed, bool shared)
{
	struct world *w = memory_new(sizeof(*w));
	struct machine_found found = { .shard_count = WORLD_SHARDS, .shared = shared };
	struct machine_node first = { 1, bytes_of("node1"), bytes_of("host:1"), 1, 1, 1 };
	struct buffer bytes = { 0 };

	w->random = seed;
	w->shared = shared;
	w->now = 3600 * 1000 * WORLD_MS;
	machine_encode_found(&bytes, &found, &first);
	world_commit(w, buffer_bytes(&bytes));
	buffer_fini(&bytes);
	w->ids = 1;
	w->nodes[0].id = 1;
	for (uint32_t i = 0; i < WORLD_NODES; i++) {
		struct world_node *n = &w->nodes[i];

		n->offset = (int64_t)world_random(w, 1000000 * WORLD_MS);
		n->rate = 960000 + (int64_t)world_random(w, 80001);
		world_start(w, n);
	}
	w->nodes[0].leads = true;
	return w;
}

void world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->length; i++) {
		buffer_fini(&w->log[i].bytes);
		buffer_fini(&w->log[i].after);
	}
	for (uint32_t i = 0; i < WORLD_FLIGHT; i++)
		buffer_fini(&w->flight[i].bytes);
	for (uint32_t i = 0; i < WORLD_NODES; i++) {
		machine_fini(&w->nodes[i].machine);
		buffer_fini(&w->nodes[i].saved);
	}
	machine_fini(&w->truth);
	free(w);
}
