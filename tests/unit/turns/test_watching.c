/* Watches of actors on actors: they begin late rather than never, and what comes by no watch
 * is the past. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/turns/core.h"
#include "worker/actor/schedule.h"

static void an_actor_watches_another(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(20);
	core_send(0, 2, IPC_CALL, "things.2", "\"follow\"", "[\"things.1\"]");
	core_run(20);
	core_send(0, 3, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(20);
	core_send(0, 4, IPC_CALL, "things.1", "\"add\"", "[2]");
	core_run(20);
	core_send(0, 5, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(20);
	core_expect_frame("0 reply 1 ok v1 5");
	core_expect_frame("0 reply 2 ok v0 0");
	core_expect_frame("0 reply 3 ok v1 5");
	core_expect_frame("0 reply 4 ok v2 7");
	core_expect_frame("0 reply 5 ok v2 7");
}

/* things.2 begins to watch things.1, which another worker has, and has asked for its value. */
static void follow(void)
{
	core_send(0, 1, IPC_CALL, "things.2", "\"follow\"", "[\"things.1\"]");
	core_run(20);
	core_expect_frame("0 reply 1 ok v0 0");
	core_expect_frame("1 request things.1 [\"n\"]");
}

static void gateway_answers(enum error_code code, struct bytes payload)
{
	struct buffer body = { 0 };

	ipc_encode_reply(&body, &(struct ipc_reply){ .rid = core_asked_rid, .code = code, .payload = payload });
	assert_true(schedule_frame(&core_worker, 1, buffer_bytes(&body)));
	buffer_fini(&body);
	core_run(20);
}

static void a_watch_whose_owner_cannot_answer_now_asks_again(void **state)
{
	(void)state;
	core_move("things.1", 3, CONTROL_NO_WORKER, 2);
	follow();
	gateway_answers(ERROR_UNREACHABLE, (struct bytes){ NULL, 0 });
	core_expect_silence();
	core_advance(200);
	core_expect_frame("1 request things.1 [\"n\"]");
	gateway_answers(ERROR_NONE, BYTES_LITERAL("\x81\xa1n\x07"));
	core_send(0, 2, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(20);
	core_expect_frame("0 reply 2 ok v1 7");
	core_advance(1000);
	core_expect_silence();
}

static void a_watch_of_nobody_ends(void **state)
{
	(void)state;
	core_move("things.1", 3, CONTROL_NO_WORKER, 2);
	follow();
	assert_int_equal(core_worker.subscriptions.count, 1);
	gateway_answers(ERROR_NO_ACTOR, (struct bytes){ NULL, 0 });
	assert_int_equal(core_worker.subscriptions.count, 0);
}

static void gateway_tells(uint16_t peer, struct bytes changed)
{
	struct buffer body = { 0 };

	ipc_encode_event(&body, &(struct ipc_event){ .address = BYTES_LITERAL("things.1"), .changed = changed });
	assert_true(schedule_frame(&core_worker, peer, buffer_bytes(&body)));
	buffer_fini(&body);
	core_run(20);
}

static void what_comes_by_no_watch_is_not_heard_and_ended(void **state)
{
	(void)state;
	core_move("things.1", 3, CONTROL_NO_WORKER, 2);
	gateway_tells(1, BYTES_LITERAL("\x81\xa1n\x05"));
	core_expect_frame("1 unwatch things.1");
	follow();
	gateway_answers(ERROR_NONE, BYTES_LITERAL("\x81\xa1n\x07"));
	gateway_tells(0, BYTES_LITERAL("\x81\xa1n\x06")); /* by which it came before */
	core_expect_frame("0 unwatch things.1");
	core_send(0, 2, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(20);
	core_expect_frame("0 reply 2 ok v1 7");
}

/* The shard comes back to this worker in another epoch: what it knew of watchers it has dropped. */
static void a_watch_goes_on_at_an_owner_anew_in_the_same_worker(void **state)
{
	(void)state;
	assert_int_not_equal(worker_shard(&core_worker, BYTES_LITERAL("things.1")),
	                     worker_shard(&core_worker, BYTES_LITERAL("things.2")));
	core_send(0, 1, IPC_CALL, "things.2", "\"follow\"", "[\"things.1\"]");
	core_run(20);
	core_expect_frame("0 reply 1 ok v0 0");
	core_move("things.1", 0, CONTROL_NO_WORKER, 2);
	core_run(20);
	core_send_full(0, &(struct ipc_request){
		.rid = 2, .verb = IPC_CALL, .address = BYTES_LITERAL("things.1"), .epoch = 2,
		.members = BYTES_LITERAL("\xa3" "add"), .payload = BYTES_LITERAL("\x91\x05") });
	core_run(20);
	core_expect_frame("0 reply 2 ok v1 5");
	core_send(0, 3, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(20);
	core_expect_frame("0 reply 3 ok v1 5");
}

/* Its class keeps it otherwise from now on, and nothing of what it was is stored. */
static void an_actor_that_watches_hears_what_became_of_the_other(void **state)
{
	(void)state;
	core_set_durability(CLASS_NONE);
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_send(0, 2, IPC_CALL, "loops.2", "\"follow\"", "[\"things.1\"]");
	core_run(20);
	core_expect_frame("0 reply 1 ok v1 5");
	core_expect_frame("0 reply 2 ok v1 10");
	core_reload(CLASS_COMMIT);
	core_send(0, 3, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(20);
	core_expect_frame("0 reply 3 ok v0 0");
	core_send(0, 4, IPC_GET, "loops.2", "[\"n\"]", NULL);
	core_run(20);
	core_expect_frame("0 reply 4 ok v3 0");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, core_set_up, core_tear_down)
	const struct CMUnitTest tests[] = {
		T(an_actor_watches_another), T(a_watch_whose_owner_cannot_answer_now_asks_again),
		T(a_watch_of_nobody_ends), T(what_comes_by_no_watch_is_not_heard_and_ended),
		T(a_watch_goes_on_at_an_owner_anew_in_the_same_worker),
		T(an_actor_that_watches_hears_what_became_of_the_other),
	};

	return cmocka_run_group_tests_name("watching", tests, NULL, NULL);
}
