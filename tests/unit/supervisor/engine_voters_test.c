/* The engine: who votes changes, and whatever is lost on the way there is a leader again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/supervisor/engine_world.h"

/* One voter, and another server that is to become the second. */
static void one_and_a_standby(void **state)
{
	open_server(state, 1, true);
	UNTIL(leader() == 1);
	open_server(state, 2, false);
	CHANGE(engine_add(servers[1].engine, 2, "server2:1", on_done, NULL));
	CHANGE(engine_assign(servers[1].engine, 2, ENGINE_STANDBY, on_done, NULL));
	assert_int_equal(propose(1, "before"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,") && has_confirmed_all(1, 2));
}

/* The first makes the second a voter, and that is only in its own log when both are apart: it
 * is restarted, so that nothing is left of what it was about to send. */
static void give_a_vote_unheard(void **state)
{
	cut(2);
	engine_assign(servers[1].engine, 2, ENGINE_VOTER, on_done, NULL);
	UNTIL(servers[1].engine->raft.last_stored == raft_last_index(&servers[1].engine->raft));
	close_server(1);
	open_server(state, 1, false);
	assert_true(is_voter(1, 2));
	assert_false(is_voter(2, 2));
}

/* Without the second's vote the first can never lead again. */
static void a_server_votes_that_has_not_heard_of_its_vote(void **state)
{
	one_and_a_standby(state);
	give_a_vote_unheard(state);
	servers[2].cut = false;
	UNTIL(leader() == 1);
	assert_int_equal(propose(1, "after"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,after,") && is_voter(2, 2));
}

static void and_does_so_after_a_restart(void **state)
{
	one_and_a_standby(state);
	give_a_vote_unheard(state);
	close_server(2);
	open_server(state, 2, false);
	UNTIL(leader() == 1);
	assert_int_equal(propose(1, "after"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,after,") && is_voter(2, 2));
}

static void a_standby_forgets_a_leader_that_is_silent(void **state)
{
	const char *address;
	uint64_t id;

	one_and_a_standby(state);
	assert_true(engine_leader(servers[2].engine, &id, &address));
	cut(2);
	UNTIL(!engine_leader(servers[2].engine, &id, &address));
	servers[2].cut = false;
	UNTIL(engine_leader(servers[2].engine, &id, &address) && id == 1);
}

/* What libraft has encoded of a change that fails at once is lost. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:raft_assign\n";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

static void a_change_for_which_there_is_no_room_fails_once(void **state)
{
	one_and_a_standby(state);
	raft_set_capacity_threshold(&servers[1].engine->raft, UINT16_MAX); /* more than any disk has */
	done = 0;
	engine_assign(servers[1].engine, 2, ENGINE_VOTER, on_done, NULL);
	assert_true(done == 1 && last == ENGINE_FAILED);
	close_server(1);
	assert_int_equal(done, 1);
}

static void a_leader_changes_nothing_before_it_has_decided_something(void **state)
{
	uint64_t next;

	three(state);
	assert_int_equal(propose(1, "before"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,") && has_applied(3, "before,"));
	close_server(1);
	done = 0;
	UNTIL((next = leader()) != 0);
	engine_add(servers[next].engine, 4, "server4:1", on_done, NULL);
	assert_true(done == 1 && last == ENGINE_BUSY);
	CHANGE(engine_add(servers[next].engine, 4, "server4:1", on_done, NULL));
}

static bool is_heard(uint64_t by, uint64_t id)
{
	struct engine_server list[SERVERS + 1];
	uint32_t count = engine_configuration(servers[by].engine, list, SERVERS + 1);

	for (uint32_t i = 0; i < count; i++)
		if (list[i].id == id)
			return list[i].heard;
	return false;
}

static void the_leader_knows_who_answers(void **state)
{
	one_and_a_standby(state);
	assert_true(is_heard(1, 1) && is_heard(1, 2));
	assert_false(is_heard(2, 1));
	cut(2);
	UNTIL(!is_heard(1, 2));
	servers[2].cut = false;
	UNTIL(is_heard(1, 2));
}

/* Servers without a vote get entries in batches, changes of the configuration among them. */
static void who_was_away_during_a_change_can_make_the_next(void **state)
{
	three(state);
	UNTIL(has_confirmed_all(1, 3));
	close_server(3);
	assert_int_equal(propose(1, "before"), ENGINE_DONE);
	CHANGE(engine_add(servers[1].engine, 4, "server4:1", on_done, NULL));
	assert_int_equal(propose(1, "after"), ENGINE_DONE);
	open_server(state, 3, false);
	UNTIL(has_applied(3, "before,after,") && has_confirmed_all(1, 3));
	CHANGE(engine_transfer(servers[1].engine, 3, on_done, NULL));
	UNTIL(leader() == 3);
	assert_int_equal(propose(3, "mine"), ENGINE_DONE);
	engine_remove(servers[3].engine, 4, on_done, NULL);
	UNTIL(!servers[3].engine->raft.configuration_uncommitted_index);
	assert_int_equal(last, ENGINE_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_server_votes_that_has_not_heard_of_its_vote),
		TEST(and_does_so_after_a_restart),
		TEST(a_standby_forgets_a_leader_that_is_silent),
		TEST(a_change_for_which_there_is_no_room_fails_once),
		TEST(a_leader_changes_nothing_before_it_has_decided_something),
		TEST(the_leader_knows_who_answers),
		TEST(who_was_away_during_a_change_can_make_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
