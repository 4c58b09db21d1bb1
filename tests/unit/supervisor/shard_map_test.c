/* The shard map: even shares, and epochs that fence what a dead worker still sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

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

/* Every shard has exactly one of: an owner, or a former owner and a next one. */
static void is_sane(const struct shard_map *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct control_shard *s = &m->shards[i];

		if (s->worker != CONTROL_NO_WORKER) {
			assert_true(s->worker < m->workers);
			assert_int_equal(s->leaving, CONTROL_NO_WORKER);
			assert_int_equal(m->next[i], CONTROL_NO_WORKER);
		} else {
			assert_true(s->leaving < m->workers);
			assert_true(m->next[i] < m->workers);
		}
	}
}

static void is_even(const struct shard_map *m, const bool *living)
{
	uint32_t least = UINT32_MAX, most = 0;

	for (uint32_t w = 0; w < m->workers; w++) {
		uint32_t owned = shard_map_owned(m, w);

		if (!living[w]) {
			assert_int_equal(owned, 0);
			continue;
		}
		least = owned < least ? owned : least;
		most = owned > most ? owned : most;
	}
	assert_in_range(most - least, 0, 1);
}

static void the_shards_of_who_stays_down_go_to_its_siblings(void **state)
{
	const bool living[] = { true, false, true, true };
	struct shard_map m;

	(void)state;
	shard_map_init(&m, 1024, 4, 3);
	assert_int_equal(shard_map_evict(&m, 1, living), 256);
	assert_int_equal(m.serial, 2);
	for (uint32_t i = 0; i < m.count; i++)
		assert_int_equal(m.shards[i].epoch, i >= 256 && i < 512 ? 4 : 3);
	is_even(&m, living);
	is_sane(&m);
	shard_map_fini(&m);
}

static void nobody_left_means_no_change(void **state)
{
	const bool living[] = { false, false };
	struct shard_map m;

	(void)state;
	shard_map_init(&m, 8, 2, 1);
	assert_int_equal(shard_map_evict(&m, 0, living), 0);
	assert_int_equal(shard_map_rebalance(&m, living), 0);
	assert_int_equal(m.serial, 1);
	shard_map_fini(&m);
}

static void a_shard_leaves_a_living_owner_in_two_steps(void **state)
{
	const bool one[] = { true, false }, both[] = { true, true };
	struct shard_map m;

	(void)state;
	shard_map_init(&m, 4, 2, 7);
	shard_map_evict(&m, 1, one);
	assert_int_equal(shard_map_rebalance(&m, both), 2);
	/* Nobody's, in the epoch that was. */
	assert_int_equal(m.shards[0].worker, CONTROL_NO_WORKER);
	assert_int_equal(m.shards[0].leaving, 0);
	assert_int_equal(m.shards[0].epoch, 7);
	assert_int_equal(shard_map_leaving(&m, 0), 2);
	assert_false(shard_map_grant(&m, 1, 0));
	assert_false(shard_map_grant(&m, 0, 4));
	/* The next owner's, in the next. */
	assert_true(shard_map_grant(&m, 0, 0));
	assert_false(shard_map_grant(&m, 0, 0));
	assert_int_equal(m.shards[0].worker, 1);
	assert_int_equal(m.shards[0].epoch, 8);
	assert_int_equal(shard_map_grant_all(&m, 0), 1);
	is_even(&m, both);
	is_sane(&m);
	shard_map_fini(&m);
}

static void who_is_replaced_gets_its_own_shards_back(void **state)
{
	struct shard_map m;

	(void)state;
	shard_map_init(&m, 8, 2, 1);
	assert_int_equal(shard_map_release(&m, 1), 4);
	assert_int_equal(shard_map_release(&m, 1), 0);
	assert_int_equal(shard_map_owned(&m, 1), 0);
	assert_int_equal(m.shards[7].epoch, 1);
	assert_int_equal(shard_map_bump(&m, 1), 4); /* its process is gone */
	assert_int_equal(shard_map_owned(&m, 1), 4);
	assert_int_equal(m.shards[7].epoch, 2);
	assert_int_equal(m.shards[0].epoch, 1);
	shard_map_fini(&m);
}

static void who_dies_while_it_releases_is_fenced_at_once(void **state)
{
	const bool one[] = { true, false }, both[] = { true, true };
	struct shard_map m;

	(void)state;
	shard_map_init(&m, 8, 2, 1);
	shard_map_evict(&m, 1, one);
	shard_map_rebalance(&m, both);
	assert_int_equal(shard_map_bump(&m, 0), 8);
	is_even(&m, both);
	is_sane(&m);
	shard_map_fini(&m);
}

static void who_falls_while_shards_are_on_their_way_to_it_gets_none(void **state)
{
	const bool one[] = { true, false }, both[] = { true, true };
	struct shard_map m;

	(void)state;
	shard_map_init(&m, 8, 2, 1);
	shard_map_evict(&m, 1, one);
	shard_map_rebalance(&m, both);
	assert_int_equal(shard_map_evict(&m, 1, one), 4);
	assert_int_equal(shard_map_grant_all(&m, 0), 4);
	is_even(&m, one);
	is_sane(&m);
	shard_map_fini(&m);
}

static uint32_t moves_needed(const struct shard_map *m, const bool *living, uint32_t alive)
{
	uint32_t over = m->count % alive, needed = 0;

	/* Everybody keeps a full share, and as many as there may be keep one more. */
	for (uint32_t w = 0; w < m->workers; w++) {
		uint32_t owned = shard_map_owned(m, w), keeps = living[w] ? m->count / alive : 0;

		if (living[w] && owned > keeps && over > 0) {
			keeps++;
			over--;
		}
		needed += owned > keeps ? owned - keeps : 0;
	}
	return needed;
}

/* Workers fall and come back at random, and let go of their shards sooner or later. */
static void whatever_happens_epochs_grow_and_every_shard_has_one_owner(void **state)
{
	(void)state;
	srand(1);
	for (int walk = 0; walk < 200; walk++) {
		uint32_t workers = 1 + (uint32_t)rand() % 7, alive = workers;
		uint64_t *epochs;
		uint32_t count = 1 + (uint32_t)rand() % 100;
		bool living[7];
		struct shard_map m;

		memset(living, true, sizeof(living));
		shard_map_init(&m, count, workers, 1);
		epochs = calloc(count, sizeof(*epochs));
		for (int step = 0; step < 100; step++) {
			uint32_t w = (uint32_t)rand() % workers, needed;

			switch (rand() % 4) {
			case 0:
				shard_map_bump(&m, w);
				break;
			case 1:
				if (alive < 2 || !living[w])
					break;
				living[w] = false;
				alive--;
				shard_map_bump(&m, w);
				shard_map_evict(&m, w, living);
				break;
			case 2:
				alive += !living[w];
				living[w] = true;
				for (uint32_t from = 0; from < workers; from++)
					shard_map_grant_all(&m, from);
				needed = moves_needed(&m, living, alive);
				assert_int_equal(shard_map_rebalance(&m, living), needed);
				break;
			default:
				shard_map_grant(&m, w, (uint32_t)rand() % count);
			}
			is_sane(&m);
			for (uint32_t i = 0; i < count; i++) {
				assert_true(m.shards[i].epoch >= epochs[i]);
				epochs[i] = m.shards[i].epoch;
			}
		}
		for (uint32_t from = 0; from < workers; from++)
			shard_map_grant_all(&m, from);
		shard_map_rebalance(&m, living);
		for (uint32_t from = 0; from < workers; from++)
			shard_map_grant_all(&m, from);
		is_even(&m, living);
		free(epochs);
		shard_map_fini(&m);
	}
}

/* --- between nodes --- */

static const bool both[] = { true, true };

static struct shard_map two_workers_of_a_cluster(void)
{
	struct shard_map m;
	const uint32_t ours[] = { 0, 1, 2, 3 }, clusters[] = { 5, 5, 5, 6 };

	shard_map_init_free(&m, 6, 2, 4097);
	for (uint32_t i = 0; i < 6; i++)
		assert_true(shard_map_is_free(&m, i));
	assert_int_equal(shard_map_take(&m, ours, clusters, 4, both), 4);
	assert_true(shard_map_abroad(&m, 4, 7, 9));
	return m;
}

static void shards_of_the_cluster_come_to_workers_and_other_nodes(void **state)
{
	struct shard_map m = two_workers_of_a_cluster();

	(void)state;
	assert_int_equal(shard_map_owned(&m, 0), 2);
	assert_int_equal(shard_map_owned(&m, 1), 2);
	assert_true(m.shards[3].epoch == CONTROL_EPOCH(6, 4097));
	assert_int_equal(m.shards[4].worker, CONTROL_NODE(7));
	assert_true(m.shards[4].epoch == CONTROL_EPOCH(9, 0));
	assert_false(shard_map_is_free(&m, 4));
	assert_true(shard_map_is_free(&m, 5));
	assert_false(shard_map_abroad(&m, 4, 7, 9)); /* nothing new */
	shard_map_fini(&m);
}

static void a_shard_leaves_the_node_when_its_worker_has_let_go(void **state)
{
	struct shard_map m = two_workers_of_a_cluster();
	uint32_t from = m.shards[0].worker;
	const uint32_t shard = 0, cluster = 5;

	(void)state;
	assert_true(shard_map_leave(&m, 0));
	assert_false(shard_map_leave(&m, 0));
	assert_int_equal(m.shards[0].leaving, from);
	assert_false(shard_map_is_free(&m, 0));
	assert_int_equal(shard_map_take(&m, &shard, &cluster, 1, both), 0); /* it has not let go yet */
	assert_true(shard_map_grant(&m, from, 0));
	assert_true(shard_map_is_free(&m, 0));
	/* The move fails: it comes back, fenced against what it was. */
	assert_int_equal(shard_map_take(&m, &shard, &cluster, 1, both), 1);
	assert_true(m.shards[0].epoch > CONTROL_EPOCH(5, 4097) && m.shards[0].epoch < CONTROL_EPOCH(6, 0));
	/* Another try: it leaves, and later comes back with the cluster's next epochs. */
	shard_map_leave(&m, 0);
	shard_map_bump(&m, m.shards[0].leaving); /* its worker died meanwhile */
	assert_true(shard_map_is_free(&m, 0));
	shard_map_abroad(&m, 0, 7, 6);
	assert_int_equal(shard_map_take(&m, &shard, (const uint32_t[]){ 7 }, 1, both), 1);
	assert_true(m.shards[0].epoch == CONTROL_EPOCH(7, 4097));
	shard_map_fini(&m);
}

static void what_other_nodes_own_is_no_part_of_evenness(void **state)
{
	struct shard_map m = two_workers_of_a_cluster();
	const bool first[] = { true, false };

	(void)state;
	shard_map_bump(&m, 1);
	assert_int_equal(shard_map_evict(&m, 1, first), 2);
	assert_int_equal(shard_map_owned(&m, 0), 4);
	assert_int_equal(shard_map_rebalance(&m, both), 2);
	shard_map_grant_all(&m, 0);
	assert_int_equal(shard_map_owned(&m, 1), 2);
	assert_int_equal(m.shards[4].worker, CONTROL_NODE(7));
	assert_true(shard_map_is_free(&m, 5));
	shard_map_fini(&m);
}

static void what_was_anothers_unseen_is_fenced_when_it_is_taken_again(void **state)
{
	struct shard_map m = two_workers_of_a_cluster();
	uint32_t worker = m.shards[0].worker;
	const uint32_t shard = 0, same = 5, later = 7;

	(void)state;
	assert_int_equal(shard_map_take(&m, &shard, &same, 1, both), 0);
	assert_int_equal(shard_map_take(&m, &shard, &later, 1, both), 1);
	assert_int_equal(m.shards[0].worker, worker);
	assert_true(m.shards[0].epoch == CONTROL_EPOCH(7, 4097));
	shard_map_fini(&m);
}

static void a_lease_that_is_over_fences_at_once(void **state)
{
	struct shard_map m = two_workers_of_a_cluster();
	uint64_t epoch = m.shards[1].epoch;

	(void)state;
	assert_true(shard_map_revoke(&m, 1));
	assert_true(shard_map_is_free(&m, 1));
	assert_true(m.shards[1].epoch > epoch);
	assert_false(shard_map_revoke(&m, 1));
	assert_false(shard_map_revoke(&m, 4));
	shard_map_fini(&m);
}

static void a_shard_goes_above_what_the_database_has(void **state)
{
	struct shard_map m = { 0 };
	uint64_t serial;

	(void)state;
	shard_map_init(&m, 2, 1, 4097);
	serial = m.serial;
	assert_false(shard_map_raise(&m, 0, 4096, 9000)); /* it is in another by now */
	assert_false(shard_map_raise(&m, 0, 4097, 4096));
	assert_false(shard_map_raise(&m, 2, 4097, 9000)); /* no such shard */
	assert_false(shard_map_raise(&m, 0, 4097, UINT64_MAX));
	assert_int_equal(m.serial, serial);
	assert_true(shard_map_raise(&m, 0, 4097, CONTROL_EPOCH(3, 7)));
	assert_true(m.shards[0].epoch == CONTROL_EPOCH(3, 8) && m.shards[0].worker == 0);
	assert_true(m.shards[1].epoch == 4097 && m.serial > serial);
	shard_map_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_of_the_cluster_come_to_workers_and_other_nodes),
		cmocka_unit_test(a_shard_leaves_the_node_when_its_worker_has_let_go),
		cmocka_unit_test(what_other_nodes_own_is_no_part_of_evenness),
		cmocka_unit_test(a_lease_that_is_over_fences_at_once),
		cmocka_unit_test(a_shard_goes_above_what_the_database_has),
		cmocka_unit_test(what_was_anothers_unseen_is_fenced_when_it_is_taken_again),
		cmocka_unit_test(shards_are_shared_evenly),
		cmocka_unit_test(more_workers_than_shards_is_no_mistake),
		cmocka_unit_test(only_the_shards_of_the_dead_get_a_new_epoch),
		cmocka_unit_test(runs_of_alike_shards_are_found),
		cmocka_unit_test(the_shards_of_who_stays_down_go_to_its_siblings),
		cmocka_unit_test(nobody_left_means_no_change),
		cmocka_unit_test(a_shard_leaves_a_living_owner_in_two_steps),
		cmocka_unit_test(who_is_replaced_gets_its_own_shards_back),
		cmocka_unit_test(who_dies_while_it_releases_is_fenced_at_once),
		cmocka_unit_test(who_falls_while_shards_are_on_their_way_to_it_gets_none),
		cmocka_unit_test(whatever_happens_epochs_grow_and_every_shard_has_one_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
