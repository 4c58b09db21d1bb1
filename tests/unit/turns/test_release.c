/* Shards that leave: what is under way goes on to its end, what comes is handed back, and a
 * shard is told to be free only when nothing of it is left. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "proto/msgpack.h"
#include "tests/unit/turns/core.h"
#include "worker/actor/run.h"

#define NOBODY CONTROL_NO_WORKER

static void mark_all(void)
{
	core_mark(0);
	core_mark(1);
}

static bool in_memory(const char *address)
{
	return actor_find(&core_worker, bytes_of(address)) != NULL;
}

static void a_quiet_shard_is_free_once_every_gateway_knows(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	core_move("things.1", NOBODY, 0, 1);
	core_run(10);
	assert_false(in_memory("things.1"));
	assert_int_equal(core_released(), 0);
	core_mark(1);
	core_run(10);
	assert_int_equal(core_released(), 0);
	core_mark(0);
	core_run(10);
	assert_int_equal(core_released(), 1);
	core_run(10);
	assert_int_equal(core_released(), 0); /* told once */
	core_expect_silence();
}

static void what_a_predecessor_was_letting_go_is_free_as_well(void **state)
{
	(void)state;
	core_begin_leaving();
	core_run(10);
	assert_int_equal(core_released(), 0);
	mark_all();
	core_run(10);
	assert_int_equal(core_released(), 8);
}

static void what_comes_then_is_handed_back(void **state)
{
	(void)state;
	core_move("things.1", NOBODY, 0, 1);
	core_send(0, 1, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_expect_frame("0 reply 1 moved null");
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_expect_frame("0 reply 2 moved null");
	assert_false(in_memory("things.1"));
}

static void a_waiting_turn_ends_and_what_is_queued_behind_it_is_handed_back(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_silence();
	core_move("things.1", NOBODY, 0, 1);
	mark_all();
	core_run(10);
	core_expect_frame("0 reply 2 moved null");
	core_expect_silence();
	assert_int_equal(core_released(), 0);
	core_advance(200);
	core_run(10);
	core_expect_frame("0 reply 1 ok v2 2");
	assert_int_equal(core_released(), 1);
	assert_false(in_memory("things.1"));
}

static void a_commit_under_way_is_waited_for(void **state)
{
	(void)state;
	core_store_automatic(false);
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_next_store_frame();
	core_store_loaded(ERROR_NONE, NULL);
	core_run(10);
	core_move("things.1", NOBODY, 0, 1);
	mark_all();
	core_run(10);
	assert_int_equal(core_released(), 0);
	core_expect_silence();
	core_store_committed(1, ERROR_NONE);
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	assert_int_equal(core_released(), 1);
}

static void what_was_to_be_stored_later_is_stored_now(void **state)
{
	(void)state;
	core_set_durability(CLASS_ASYNC);
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	core_store_automatic(false);
	core_move("things.1", NOBODY, 0, 1);
	mark_all();
	core_run(10);
	assert_int_equal(core_released(), 0);
	assert_string_equal(core_next_store_frame(), "batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	core_store_committed(1, ERROR_NONE);
	core_run(10);
	assert_int_equal(core_released(), 1);
}

/* things.1 asks things.2 while both leave: its turn could never end otherwise. */
static void calls_of_turns_under_way_are_still_served(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.2", "\"nap\"", "[50]");
	core_send(0, 2, IPC_CALL, "things.1", "\"ask\"", "[\"things.2\",\"boom\"]");
	core_run(10);
	core_move(NULL, NOBODY, 0, 1);
	mark_all();
	core_run(10);
	core_expect_silence();
	assert_int_equal(core_released(), 0);
	core_advance(100);
	core_run(10);
	core_expect_frame("0 reply 1 ok v2 2");
	core_expect_frame("0 reply 2 app {\"code\":\"app\"}");
	assert_int_equal(core_released(), 8);
}

static void who_is_replaced_keeps_every_shard_until_all_is_done(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_move(NULL, NOBODY, 0, 1);
	mark_all();
	core_run(10);
	assert_int_equal(core_released(), 0);
	core_advance(200);
	core_run(10);
	assert_int_equal(core_released(), 8);
}

/* A call that comes back by another worker, to an actor whose caller waits here. */
static void a_chain_that_comes_home_is_let_in(void **state)
{
	struct buffer chain = { 0 }, method = { 0 };

	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_move(NULL, NOBODY, 0, 1);
	msgpack_write_array(&chain, 1);
	msgpack_write_str(&chain, BYTES_LITERAL("things.1"));
	msgpack_write_array(&method, 1);
	msgpack_write_str(&method, BYTES_LITERAL("n"));
	core_send_full(1, &(struct ipc_request){
		.rid = 7, .verb = IPC_GET, .address = BYTES_LITERAL("things.2"), .caller = BYTES_LITERAL("others.1"),
		.chain = buffer_bytes(&chain), .members = buffer_bytes(&method) });
	core_run(10);
	core_expect_frame("1 reply 7 ok v0 0");
	core_advance(200);
	core_run(10);
	core_expect_frame("0 reply 1 ok v2 2");
	/* Nobody of the chain waits here any more. */
	core_send_full(1, &(struct ipc_request){
		.rid = 8, .verb = IPC_GET, .address = BYTES_LITERAL("things.2"), .caller = BYTES_LITERAL("others.1"),
		.chain = buffer_bytes(&chain), .members = buffer_bytes(&method) });
	core_expect_frame("1 reply 8 moved null");
	buffer_fini(&chain);
	buffer_fini(&method);
}

static void tells_on_their_way_are_taken(void **state)
{
	(void)state;
	core_move("things.1", NOBODY, 0, 1);
	core_send(0, 0, IPC_TELL, "things.1", "\"add\"", "[5]");
	core_run(10);
	assert_false(in_memory("things.1")); /* it ran, was stored, and went to sleep again */
	assert_int_equal(core_worker.counters.turns, 1);
	mark_all();
	core_run(10);
	assert_int_equal(core_released(), 1);
	/* Later ones go back to where they can be routed. */
	core_send(0, 0, IPC_TELL, "things.1", "\"add\"", "[5]");
	core_expect_frame("0 request things.1 \"add\"");
}

static void what_knows_more_than_this_worker_waits_for_its_map(void **state)
{
	struct ipc_request q = { .rid = 1, .epoch = 2, .verb = IPC_GET, .address = BYTES_LITERAL("things.1"),
	                         .members = BYTES_LITERAL("\x91\xa1n") };

	(void)state;
	core_move("things.1", 3, NOBODY, 1);
	core_send_full(0, &q);
	core_run(10);
	core_expect_silence();
	core_move("things.1", 0, NOBODY, 2);
	core_run(10);
	core_expect_frame("0 reply 1 ok v0 0");
}

static void a_turn_that_has_committed_nothing_is_run_again_elsewhere(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"spin\"", "[]");
	core_run(1);
	core_move("things.1", 3, NOBODY, 2); /* by force */
	core_expect_frame("0 reply 1 moved null");
}

static void one_that_has_committed_a_step_is_not(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	core_move("things.1", 3, NOBODY, 2);
	core_expect_frame("0 reply 1 lost null");
	core_expect_frame("0 reply 2 moved null");
	core_advance(200);
	core_run(10);
	core_expect_silence();
}

static void nor_is_it_where_the_worker_ends(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	run_abandon_waiting(&core_worker);
	core_expect_frame("0 reply 1 lost null");
}

/* The last step's commit is refused, the first one's was not. */
static void nor_where_its_last_commit_is_refused(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_store_automatic(false);
	core_advance(200);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	core_store_committed(2, ERROR_MOVED);
	core_expect_frame("0 reply 1 lost {\"reason\":\"store\",\"message\":\"disk full\"}");
	core_expect_frame("0 reply 2 moved {\"reason\":\"store\",\"message\":\"disk full\"}");
}

/* The former store may have committed it, its answer never came. */
static void nor_what_was_sent_to_a_store_that_died(void **state)
{
	(void)state;
	core_send(0, 9, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 9 ok v0 0");
	core_store_automatic(false);
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	assert_int_equal(storage_connect(&core_worker.storage, -1), 0);
	core_store_committed(1, ERROR_MOVED);
	core_expect_frame("0 reply 1 lost {\"reason\":\"store\",\"message\":\"disk full\"}");
}

/* What changed before the map came is stored under the epoch that it was changed in, and a
 * record that was read under it is the past. */
static void nothing_of_a_former_epoch_slips_into_the_next(void **state)
{
	(void)state;
	core_store_automatic(false);
	core_send(0, 1, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	assert_string_equal(core_next_store_frame(), "load things.1");
	core_move("things.1", 3, NOBODY, 2);
	core_expect_frame("0 reply 1 moved null");
	core_move("things.1", 0, NOBODY, 3);
	core_store_loaded(ERROR_NONE, NULL);
	core_run(10);
	assert_false(in_memory("things.1"));
}

static void expect_n(const char *address, const char *n)
{
	char wanted[64];

	core_send_full(1, &(struct ipc_request){ .rid = 99, .verb = IPC_GET, .address = bytes_of(address),
		.shard = worker_shard(&core_worker, bytes_of(address)), .epoch = 3,
		.members = BYTES_LITERAL("\x91\xa1n") });
	core_run(10);
	snprintf(wanted, sizeof(wanted), "1 reply 99 ok v%s", n);
	core_expect_frame(wanted);
}

static void what_is_sent_to_a_shard_that_has_come_waits_for_what_was_sent_before(void **state)
{
	(void)state;
	assert_int_not_equal(worker_shard(&core_worker, BYTES_LITERAL("things.1")),
	                     worker_shard(&core_worker, BYTES_LITERAL("things.3")));
	core_move("things.3", 3, NOBODY, 2);
	core_send(1, 1, IPC_CALL, "things.1", "\"tell\"", "[\"things.3\",1]");
	core_run(10);
	(void)core_next_frame(); /* the reply, and the tell on its way through a gateway */
	(void)core_next_frame();
	core_expect_silence();
	core_move("things.3", 0, NOBODY, 3);
	core_send(1, 2, IPC_CALL, "things.1", "\"tell\"", "[\"things.3\",2]");
	core_run(10);
	core_expect_frame("1 reply 2 ok v0 0");
	expect_n("things.3", "0 0");
	core_sync(0);
	expect_n("things.3", "0 0");
	core_send_full(1, &(struct ipc_request){ .verb = IPC_TELL, .address = BYTES_LITERAL("things.3"),
		.shard = worker_shard(&core_worker, BYTES_LITERAL("things.3")), .epoch = 3,
		.members = BYTES_LITERAL("\xa3" "add"), .payload = BYTES_LITERAL("\x91\x01") });
	expect_n("things.3", "1 1");
	core_sync(1);
	core_run(10);
	expect_n("things.3", "2 3");
}

static void a_store_that_has_not_heard_of_the_map_is_asked_again(void **state)
{
	(void)state;
	core_store_automatic(false);
	core_move("things.1", 3, NOBODY, 2);
	core_move("things.1", 0, NOBODY, 3);
	core_send_full(0, &(struct ipc_request){ .rid = 1, .verb = IPC_GET, .address = BYTES_LITERAL("things.1"),
		.shard = worker_shard(&core_worker, BYTES_LITERAL("things.1")), .epoch = 3,
		.members = BYTES_LITERAL("\x91\xa1n") });
	core_run(1);
	assert_string_equal(core_next_store_frame(), "load things.1");
	core_store_loaded(ERROR_MOVED, NULL);
	core_expect_silence(); /* handed back, it would be overtaken by what comes now */
	assert_string_equal(core_next_store_frame(), "load things.1");
	core_store_loaded(ERROR_NONE, NULL);
	core_run(10);
	core_expect_frame("0 reply 1 ok v0 0");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, core_set_up, core_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_quiet_shard_is_free_once_every_gateway_knows),
		T(what_a_predecessor_was_letting_go_is_free_as_well), T(what_comes_then_is_handed_back),
		T(a_waiting_turn_ends_and_what_is_queued_behind_it_is_handed_back),
		T(a_commit_under_way_is_waited_for), T(what_was_to_be_stored_later_is_stored_now),
		T(calls_of_turns_under_way_are_still_served), T(who_is_replaced_keeps_every_shard_until_all_is_done),
		T(a_chain_that_comes_home_is_let_in), T(tells_on_their_way_are_taken),
		T(what_knows_more_than_this_worker_waits_for_its_map),
		T(a_turn_that_has_committed_nothing_is_run_again_elsewhere), T(one_that_has_committed_a_step_is_not),
		T(nor_is_it_where_the_worker_ends), T(nor_where_its_last_commit_is_refused),
		T(nor_what_was_sent_to_a_store_that_died), T(nothing_of_a_former_epoch_slips_into_the_next),
		T(what_is_sent_to_a_shard_that_has_come_waits_for_what_was_sent_before),
		T(a_store_that_has_not_heard_of_the_map_is_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
