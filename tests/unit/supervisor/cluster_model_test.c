/* Clusters that live through everything at random: whatever happens, at most one node acts
 * for a shard, all replicas are the same, and once it is calm the cluster heals.
 *
 *   supervisor_cluster_model_test [SEEDS [FIRST]]    a long run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/supervisor/cluster_world.h"

#define STEPS      3000
#define CALM_STEPS 2500

static uint64_t seeds = 14, first = 1;

static void settled(const struct world *w)
{
	uint32_t targets[MACHINE_MEMBERS_MAX];
	const struct machine *m = &w->truth;
	bool somebody = false;

	assert_int_equal(machine_moving(m), 0);
	machine_targets(m, targets);
	for (uint32_t i = 0; i < m->member_count; i++) {
		assert_true(machine_alive(&m->members[i]));
		somebody |= m->members[i].state == MACHINE_UP;
	}
	for (uint32_t i = 0; i < m->member_count && somebody; i++)
		assert_int_equal(machine_shares(m, m->members[i].id), targets[i]);
}

static void run(uint64_t seed, bool shared, struct world *sum)
{
	struct world *w = world_new(seed, shared);

	for (int i = 0; i < STEPS; i++)
		world_step(w);
	world_calm(w);
	for (int i = 0; i < CALM_STEPS; i++)
		world_step(w);
	settled(w);
	sum->downs += w->downs;
	sum->moves += w->moves;
	sum->cancels += w->cancels;
	sum->removals += w->removals;
	sum->raises += w->raises;
	sum->restarts += w->restarts;
	sum->acts += w->acts / STEPS;
	sum->length += w->length;
	world_free(w);
}

static void all(bool shared)
{
	struct world *sum = calloc(1, sizeof(*sum));

	assert_non_null(sum);
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		fprintf(stderr, "seed %llu\r", (unsigned long long)seed);
		run(seed, shared, sum);
	}
	fprintf(stderr, "%u entries, %u restarts, %u members declared down, %u moves, %u cancelled, %u removed, "
	        "%u shards served\n", sum->length, sum->restarts, sum->downs, sum->moves, sum->cancels,
	        sum->removals, sum->acts);
	/* It is no test where nothing happens. */
	assert_true(sum->downs > seeds && sum->moves > seeds && sum->cancels > seeds / 4 && sum->removals > 0 && sum->raises > 0);
	assert_true(sum->acts > seeds * WORLD_SHARDS / 4);
	free(sum);
}

static void with_one_store_for_all_a_shard_has_one_owner(void **state)
{
	(void)state;
	all(true);
}

static void with_a_store_for_each_a_shard_has_one_owner(void **state)
{
	(void)state;
	all(false);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_one_store_for_all_a_shard_has_one_owner),
		cmocka_unit_test(with_a_store_for_each_a_shard_has_one_owner),
	};

	if (argc > 1)
		seeds = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
