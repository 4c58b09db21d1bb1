/* The shard map: even shares, and epochs that fence what a dead worker still sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/shard_map.h"

static void shards_are_shared_evenly(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 17; workers++) {
		struct shard_map m;
		uint32_t least = UINT32_MAX, most = 0, total = 0;

		shard_map_init(&m, 1024, workers, 7);
		for (uint32_t w = 0; w < workers; w++) {
			uint32_t owned = shard_map_owned(&m, w);
			least = owned < least ? owned : least;
			most = owned > most ? owned : most;
			total += owned;
		}
		assert_int_equal(total, 1024);
		assert_in_range(most - least, 0, 1);
		shard_map_fini(&m);
	}
}

static void more_workers_than_shards_is_no_mistake(void **state)
{
	struct shard_map m;

	(void)state;
	shard_map_init(&m, 2, 5, 1);
	assert_int_equal(shard_map_owned(&m, m.shards[0].worker), 1);
	assert_int_equal(shard_map_owned(&m, m.shards[1].worker), 1);
	shard_map_fini(&m);
}

static void only_the_shards_of_the_dead_get_a_new_epoch(void **state)
{
	struct shard_map m;
	uint64_t before;

	(void)state;
	shard_map_init(&m, 64, 4, 3);
	before = m.serial;
	assert_int_equal(shard_map_bump(&m, 2), 16);
	assert_true(m.serial > before);
	for (uint32_t i = 0; i < m.count; i++)
		assert_int_equal(m.shards[i].epoch, m.shards[i].worker == 2 ? 4 : 3);
	before = m.serial;
	assert_int_equal(shard_map_bump(&m, 9), 0);
	assert_int_equal(m.serial, before);
	shard_map_fini(&m);
}

static void runs_of_alike_shards_are_found(void **state)
{
	struct shard_map m;

	(void)state;
	shard_map_init(&m, 8, 2, 1);
	assert_int_equal(shard_map_run(&m, 0), 4);
	assert_int_equal(shard_map_run(&m, 4), 8);
	m.shards[6].epoch++;
	assert_int_equal(shard_map_run(&m, 4), 6);
	assert_int_equal(shard_map_run(&m, 6), 7);
	shard_map_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_are_shared_evenly),
		cmocka_unit_test(more_workers_than_shards_is_no_mistake),
		cmocka_unit_test(only_the_shards_of_the_dead_get_a_new_epoch),
		cmocka_unit_test(runs_of_alike_shards_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
