/* The engine: what is agreed on is applied by every server once, in one order, whatever is
 * closed, cut off or added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/supervisor/engine_world.h"

static void a_cluster_of_one_decides_at_once_and_remembers(void **state)
{
	open_server(state, 1, true);
	UNTIL(leader() == 1);
	assert_int_equal(propose(1, "a"), ENGINE_DONE);
	assert_int_equal(propose(1, "entry whose length is no multiple of eight"), ENGINE_DONE);
	assert_true(has_applied(1, "a,entry whose length is no multiple of eight,"));
	close_server(1);
	open_server(state, 1, true); /* it was founded before: nothing is begun anew */
	UNTIL(has_applied(1, "a,entry whose length is no multiple of eight,"));
}

static void who_is_added_learns_everything_even_from_a_snapshot(void **state)
{
	char all[512] = "";

	open_server(state, 1, true);
	UNTIL(leader() == 1);
	for (int i = 0; i < 40; i++) { /* more than are kept behind a snapshot */
		char entry[8];

		snprintf(entry, sizeof(entry), "e%d", i);
		assert_int_equal(propose(1, entry), ENGINE_DONE);
		strcat(all, entry);
		strcat(all, ",");
	}
	open_server(state, 2, false);
	CHANGE(engine_add(servers[1].engine, 2, "server2:1", on_done, NULL));
	CHANGE(engine_assign(servers[1].engine, 2, ENGINE_STANDBY, on_done, NULL));
	UNTIL(has_applied(2, all));
	CHANGE(engine_assign(servers[1].engine, 2, ENGINE_VOTER, on_done, NULL));
	CHANGE(engine_add(servers[1].engine, 2, "server2:1", on_done, NULL)); /* once more is no mistake */
	CHANGE(engine_assign(servers[1].engine, 2, ENGINE_SPARE, on_done, NULL));
	CHANGE(engine_remove(servers[1].engine, 2, on_done, NULL));
}

static void only_the_leader_proposes_and_all_hear_it(void **state)
{
	struct engine_server list[SERVERS];

	three(state);
	assert_int_equal(engine_configuration(servers[1].engine, list, SERVERS), SERVERS);
	assert_int_equal(list[2].role, ENGINE_VOTER);
	assert_int_equal(propose(2, "no"), ENGINE_NOT_LEADER);
	assert_int_equal(propose(1, "yes"), ENGINE_DONE);
	for (uint64_t id = 1; id <= SERVERS; id++)
		UNTIL(has_applied(id, "yes,"));
}

static void the_leaders_end_is_not_the_clusters(void **state)
{
	uint64_t next;

	three(state);
	assert_int_equal(propose(1, "before"), ENGINE_DONE);
	close_server(1);
	UNTIL((next = leader()) != 0);
	assert_int_equal(propose(next, "after"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,after,") && has_applied(3, "before,after,"));
	open_server(state, 1, false);
	UNTIL(has_applied(1, "before,after,"));
}

static void who_leads_hands_over_when_asked(void **state)
{
	three(state);
	CHANGE(engine_transfer(servers[1].engine, 3, on_done, NULL));
	UNTIL(leader() == 3);
	assert_int_equal(propose(3, "mine"), ENGINE_DONE);
}

static void without_a_majority_nothing_is_decided(void **state)
{
	unsigned before;

	three(state);
	close_server(2);
	close_server(3);
	before = done;
	engine_propose(servers[1].engine, BYTES_LITERAL("alone"), on_done, NULL);
	UNTIL(!engine_is_leader(servers[1].engine)); /* it finds out, and steps down */
	assert_true(done == before || last != ENGINE_DONE);
	open_server(state, 2, false);
	UNTIL(leader() != 0);
	assert_int_equal(propose(leader(), "together"), ENGINE_DONE);
	/* Of what it could not decide nobody knows, but all know the same. */
	UNTIL(has_applied(1, "together,") || has_applied(1, "alone,together,"));
	UNTIL(bytes_equal(buffer_bytes(&servers[1].applied), buffer_bytes(&servers[2].applied)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cluster_of_one_decides_at_once_and_remembers),
		TEST(who_is_added_learns_everything_even_from_a_snapshot),
		TEST(only_the_leader_proposes_and_all_hear_it),
		TEST(the_leaders_end_is_not_the_clusters),
		TEST(who_leads_hands_over_when_asked),
		TEST(without_a_majority_nothing_is_decided),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
