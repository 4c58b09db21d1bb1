/* Commits: nothing leaves before it is safe, and what fails never was. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "proto/msgpack.h"
#include "tests/unit/turns/core.h"

static int set_up(void **state)
{
	(void)state;
	core_init();
	core_store_automatic(false);
	return 0;
}

static void expect_store(const char *wanted)
{
	const char *got = core_next_store_frame();

	assert_non_null(got);
	assert_string_equal(got, wanted);
}

static void expect_no_store(void)
{
	const char *got = core_next_store_frame();

	if (got)
		fail_msg("unexpected: %s", got);
}

/* things.1 in memory, with nothing stored. */
static void wake(const char *address, const char *load)
{
	core_send(0, 99, IPC_GET, address, "[\"n\"]", NULL);
	core_run(10);
	expect_store(load);
	core_store_loaded(ERROR_NONE, NULL);
	core_run(10);
	core_expect_frame("0 reply 99 ok v0 0");
}

static void a_reply_waits_for_its_commit(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_silence();
	expect_store("batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	core_store_committed(1, ERROR_NONE);
	core_expect_frame("0 reply 1 ok v1 5");
}

/* Its successor may have a request of another client by the same number. */
static void what_a_gateway_asked_for_is_not_its_successors(void **state)
{
	static const enum error_code outcomes[] = { ERROR_NONE, ERROR_INTERNAL };

	(void)state;
	wake("things.1", "load things.1");
	for (uint64_t i = 0; i < 2; i++) {
		core_send(0, 1, IPC_WATCH, "things.1", "[\"n\"]", NULL);
		core_run(10);
		assert_non_null(core_next_frame());
		core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[5]");
		core_send(1, 3, IPC_CALL, "things.1", "\"add\"", "[5]");
		core_run(10);
		core_expect_silence();
		core_worker.gateways[0].incarnation++;
		core_store_committed(i + 1, outcomes[i]);
		core_expect_frame(i == 0 ? "1 reply 3 ok v2 10" :
		                      "1 reply 3 internal {\"reason\":\"store\",\"message\":\"disk full\"}");
		core_expect_silence();
	}
}

static void a_read_of_what_is_not_safe_waits_too(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_send(0, 2, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_send(0, 3, IPC_WATCH, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_silence();
	core_store_committed(1, ERROR_NONE);
	core_expect_frame("0 reply 1 ok v1 5");
	core_expect_frame("0 reply 2 ok v1 5");
	core_expect_frame("0 reply 3 ok v1 {\"n\":5}");
}

static void other_actors_do_not_wait(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	wake("things.2", "load things.2");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_send(0, 2, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 2 ok v0 0");
	core_expect_silence();
}

static void turns_do_not_wait_for_each_others_commits(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	expect_store("batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	expect_store("batch 2 things.1{\"n\":[2,6],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	core_store_committed(1, ERROR_NONE);
	core_expect_frame("0 reply 1 ok v1 5");
	core_expect_silence();
	core_store_committed(2, ERROR_NONE);
	core_expect_frame("0 reply 2 ok v2 6");
}

static void one_loop_turn_is_one_batch(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	expect_store("batch 1 things.1{\"n\":[2,6],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	expect_no_store();
}

static void an_open_step_is_not_in_the_batch(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_send(0, 2, IPC_CALL, "things.1", "\"spin\"", "[]");
	core_run(1);
	expect_store("batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
}

static void a_failed_commit_never_was(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_send(0, 3, IPC_CALL, "things.1", "\"tell\"", "[\"things.2\",1]");
	core_run(10);
	core_expect_silence();
	core_store_committed(1, ERROR_INTERNAL);
	core_expect_frame("0 reply 1 internal {\"reason\":\"store\",\"message\":\"disk full\"}");
	core_expect_frame("0 reply 2 internal {\"reason\":\"store\",\"message\":\"disk full\"}");
	core_expect_frame("0 reply 3 internal {\"reason\":\"store\",\"message\":\"disk full\"}");
	core_expect_silence();
	core_next_store_frame();
	core_next_store_frame();
	expect_store("reset 1");
	/* The answer to the second batch, refused with the first, finds nobody. */
	core_store_committed(2, ERROR_INTERNAL);
	core_send(0, 4, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	expect_store("load things.1");
	core_store_loaded(ERROR_NONE, NULL);
	core_run(10);
	core_expect_frame("0 reply 4 ok v0 0");
	assert_null(actor_find(&core_worker, BYTES_LITERAL("things.2")));
}

static void a_failed_commit_ends_waiting_turns(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_store_committed(1, ERROR_INTERNAL);
	core_expect_frame("0 reply 1 internal {\"reason\":\"store\",\"message\":\"disk full\"}");
	core_advance(200);
	core_run(10);
	core_expect_silence();
}

static void a_new_store_gets_everything_again_in_order(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_send(0, 3, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(10);
	while (core_next_store_frame())
		;
	assert_int_equal(storage_connect(&core_worker.storage, -1), 0);
	expect_store("batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	expect_store("batch 2 things.1{\"n\":[2,6],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	expect_store("load things.2");
	core_store_committed(1, ERROR_NONE);
	core_store_committed(2, ERROR_NONE);
	core_expect_frame("0 reply 1 ok v1 5");
	core_expect_frame("0 reply 2 ok v2 6");
}

static void async_answers_at_once_and_saves_within_a_second(void **state)
{
	(void)state;
	core_set_durability(CLASS_ASYNC);
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	expect_no_store();
	core_advance(1000);
	core_run(10);
	expect_store("batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
}

static void async_keeps_what_it_has_answered_when_a_commit_fails(void **state)
{
	(void)state;
	core_set_durability(CLASS_ASYNC);
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	core_advance(1000);
	core_run(10);
	expect_store("batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	core_store_committed(1, ERROR_INTERNAL);
	expect_store("reset 1");
	core_send(0, 2, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 2 ok v1 5");
	core_advance(1000);
	core_run(10);
	expect_store("batch 2 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
}

static void none_never_asks_the_store(void **state)
{
	(void)state;
	core_set_durability(CLASS_NONE);
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_advance(100000);
	core_run(10);
	core_send(0, 2, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	core_expect_frame("0 reply 2 ok v1 5");
	expect_no_store();
}

static void destroy_waits_for_its_commit_and_the_next_life_for_it(void **state)
{
	(void)state;
	wake("things.1", "load things.1");
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_store_committed(1, ERROR_NONE);
	core_next_store_frame();
	core_expect_frame("0 reply 1 ok v1 5");
	core_send(0, 2, IPC_CALL, "things.1", "\"bye\"", "[]");
	core_send(0, 3, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_silence();
	expect_store("batch 2 things.1 removed");
	expect_store("load things.1");
	core_store_committed(2, ERROR_NONE);
	core_expect_frame("0 reply 2 ok v1 5");
	core_store_loaded(ERROR_NONE, NULL);
	core_run(10);
	core_expect_frame("0 reply 3 ok v0 0");
}

/* A record of things.N as this or a former worker has stored it. */
static void store_has(uint32_t epoch, uint64_t number, int64_t n)
{
	static char record[64];
	struct buffer b = { 0 };

	msgpack_write_array(&b, 6);
	msgpack_write_uint(&b, 1);
	msgpack_write_uint(&b, epoch);
	msgpack_write_uint(&b, number);
	msgpack_write_int(&b, 0);
	msgpack_write_bool(&b, true);
	msgpack_write_map(&b, 1);
	msgpack_write_str(&b, BYTES_LITERAL("n"));
	msgpack_write_array(&b, 2);
	msgpack_write_uint(&b, number);
	msgpack_write_int(&b, n);
	assert_true(buffer_length(&b) < sizeof(record));
	memcpy(record, buffer_bytes(&b).data, buffer_length(&b));
	core_store_found((struct bytes){ record, buffer_length(&b) });
	buffer_fini(&b);
	core_run(10);
}

static uint32_t epoch_of(const char *address)
{
	return actor_find(&core_worker, bytes_of(address))->version.epoch;
}

static void watch(uint32_t rid, const char *answer)
{
	core_send(0, rid, IPC_WATCH, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame(answer);
}

/* Its watchers were forgotten with it, and it lives on: they ask again. */
static void who_watches_what_could_not_be_destroyed_asks_again(void **state)
{
	static const enum class_durability durabilities[] = { CLASS_COMMIT, CLASS_ASYNC };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		core_fini();
		set_up(NULL);
		core_set_durability(durabilities[i]);
		wake("things.1", "load things.1");
		watch(1, "0 reply 1 ok v0 {\"n\":0}");
		core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[5]");
		core_run(10);
		core_advance(1000);
		core_run(10);
		expect_store("batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
		core_store_committed(1, ERROR_NONE);
		core_expect_frame("0 event things.1 v1 {\"n\":5}");
		core_expect_frame("0 reply 2 ok v1 5");
		core_send(0, 3, IPC_CALL, "things.1", "\"bye\"", "[]");
		core_run(10);
		expect_store("batch 2 things.1 removed");
		core_expect_silence();
		core_store_committed(2, ERROR_INTERNAL);
		core_expect_frame("0 event things.1 v0");
		core_expect_frame("0 reply 3 internal {\"reason\":\"store\",\"message\":\"disk full\"}");
		expect_store("reset 2");
		core_send(0, 4, IPC_WATCH, "things.1", "[\"n\"]", NULL);
		core_run(10);
		expect_store("load things.1");
		store_has(77, 1, 5);
		core_expect_frame("0 reply 4 ok v1 {\"n\":5}");
		core_send(0, 5, IPC_CALL, "things.1", "\"add\"", "[1]");
		core_run(10);
		core_store_committed(3, ERROR_NONE);
		core_expect_frame("0 event things.1 v2 {\"n\":6}");
		core_expect_frame("0 reply 5 ok v2 6");
	}
}

static void what_was_told_before_it_was_stored_is_in_no_numbering_that_goes_on(void **state)
{
	(void)state;
	wake("things.2", "load things.2");
	core_send(0, 1, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	expect_store("load things.1");
	store_has(77, 3, 8);
	core_expect_frame("0 reply 1 ok v3 8");
	assert_int_equal(epoch_of("things.1"), 77);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	assert_int_equal(core_stored_epoch(), 77);
	core_store_committed(1, ERROR_NONE);
	core_expect_frame("0 reply 2 ok v4 9");

	/* The same as a class that stores later. */
	core_set_durability(CLASS_ASYNC);
	core_send(0, 3, IPC_CALL, "things.2", "\"add\"", "[1]");
	core_run(10);
	core_expect_frame("0 reply 3 ok v1 1");
	core_advance(1000);
	core_run(10);
	assert_int_equal(core_stored_epoch(), 0);
	core_store_committed(2, ERROR_NONE);
	core_set_durability(CLASS_COMMIT);
	core_send(0, 4, IPC_GET, "things.3", "[\"n\"]", NULL);
	core_run(10);
	expect_store("load things.3");
	store_has(0, 3, 8);
	core_expect_frame("0 reply 4 ok v3 8");
	assert_int_not_equal(epoch_of("things.3"), 0);
}

static void who_watches_a_class_that_is_kept_otherwise_now_asks_again(void **state)
{
	(void)state;
	core_set_durability(CLASS_ASYNC);
	wake("things.1", "load things.1");
	watch(1, "0 reply 1 ok v0 {\"n\":0}");
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 event things.1 v1 {\"n\":5}");
	core_expect_frame("0 reply 2 ok v1 5");
	core_reload(CLASS_COMMIT);
	core_send(0, 3, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	/* What it has answered is not lost by the reload. */
	expect_store("batch 1 things.1{\"n\":[1,5],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	expect_store("load things.1");
	core_expect_frame("0 event things.1 v0");
	core_expect_silence();
	/* The disk is full after all: the watcher hears the truth, under another epoch. */
	core_store_committed(1, ERROR_INTERNAL);
	expect_store("reset 1");
	store_has(0, 0, 0);
	expect_store("batch 2 things.1{\"n\":[1,1],\"name\":[0,\"\"],\"_hidden\":[0,0]}");
	core_store_committed(2, ERROR_NONE);
	core_expect_frame("0 event things.1 v1 {\"n\":1}");
	core_expect_frame("0 reply 3 ok v1 1");
}

static void a_refused_load_answers_the_mail(void **state)
{
	(void)state;
	core_send(0, 1, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	expect_store("load things.1");
	core_store_loaded(ERROR_NONE, "not a record");
	core_run(10);
	core_expect_frame("0 reply 1 internal {\"message\":\"the stored record is damaged\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, core_tear_down)
		T(a_reply_waits_for_its_commit), T(what_a_gateway_asked_for_is_not_its_successors), T(a_read_of_what_is_not_safe_waits_too), T(other_actors_do_not_wait),
		T(turns_do_not_wait_for_each_others_commits), T(one_loop_turn_is_one_batch),
		T(an_open_step_is_not_in_the_batch), T(a_failed_commit_never_was), T(a_failed_commit_ends_waiting_turns),
		T(a_new_store_gets_everything_again_in_order), T(async_answers_at_once_and_saves_within_a_second),
		T(async_keeps_what_it_has_answered_when_a_commit_fails),
		T(none_never_asks_the_store), T(destroy_waits_for_its_commit_and_the_next_life_for_it),
		T(who_watches_what_could_not_be_destroyed_asks_again),
		T(what_was_told_before_it_was_stored_is_in_no_numbering_that_goes_on),
		T(who_watches_a_class_that_is_kept_otherwise_now_asks_again), T(a_refused_load_answers_the_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
