/* Turns: one at a time, atomic, in order, bounded, and never stalled by a neighbour. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/turns/core.h"
#include "worker/actor/mailbox.h"

static void a_call_changes_and_answers(void **state)
{
	(void)state;
	core_send(0, 7, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 7 ok v1 5");
	core_expect_silence();
}

static void a_get_answers_bare_and_in_a_map(void **state)
{
	(void)state;
	core_send(0, 1, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_send(0, 2, IPC_GET, "things.1", "[\"n\",\"name\"]", NULL);
	core_send(0, 3, IPC_GET, "things.1", NULL, NULL);
	core_send(0, 4, IPC_GET, "things.1", "[\"_hidden\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 1 ok v0 0");
	core_expect_frame("0 reply 2 ok v0 {\"n\":0,\"name\":\"\"}");
	core_expect_frame("0 reply 3 ok v0 {\"n\":0,\"name\":\"\"}");
	core_expect_frame("0 reply 4 no-member {\"member\":\"_hidden\"}");
}

static void an_error_rolls_the_step_back(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"boom\"", "[]");
	core_send(0, 2, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 1 app {\"code\":\"boom\"}");
	core_expect_frame("0 reply 2 ok v0 0");
}

static void create_runs_once_before_the_first_message(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "loops.1", "\"add\"", "[1]");
	core_send(0, 2, IPC_CALL, "loops.1", "\"add\"", "[1]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v2 11");
	core_expect_frame("0 reply 2 ok v3 12");
}

static void set_is_all_or_none_and_asks_the_check(void **state)
{
	(void)state;
	core_send(0, 1, IPC_SET, "things.1", NULL, "{\"name\":\"Ann\"}");
	core_send(0, 2, IPC_SET, "things.1", NULL, "{\"name\":\"a name of more than twenty bytes\"}");
	core_send(0, 3, IPC_SET, "things.1", NULL, "{\"name\":\"Bob\",\"n\":3}");
	core_send(0, 4, IPC_SET, "things.1", NULL, "{\"nick\":1}");
	core_send(0, 5, IPC_GET, "things.1", "[\"name\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 null");
	core_expect_frame("0 reply 2 bad-arg {\"member\":\"name\"}");
	core_expect_frame("0 reply 3 read-only {\"member\":\"n\"}");
	core_expect_frame("0 reply 4 no-member {\"member\":\"nick\"}");
	core_expect_frame("0 reply 5 ok v1 \"Ann\"");
}

static void setting_the_same_value_is_no_change(void **state)
{
	(void)state;
	core_send(0, 1, IPC_SET, "things.1", NULL, "{\"name\":\"Ann\"}");
	core_send(0, 2, IPC_WATCH, "things.1", "[\"name\"]", NULL);
	core_send(0, 3, IPC_SET, "things.1", NULL, "{\"name\":\"Ann\"}");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 null");
	core_expect_frame("0 reply 2 ok v1 {\"name\":\"Ann\"}");
	core_expect_frame("0 reply 3 ok v1 null");
	core_expect_silence();
}

static void watchers_hear_before_the_caller(void **state)
{
	(void)state;
	core_send(0, 1, IPC_WATCH, "things.1", NULL, NULL);
	core_run(10);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v0 {\"n\":0,\"name\":\"\"}");
	core_expect_frame("0 event things.1 v1 {\"n\":5}");
	core_expect_frame("0 reply 2 ok v1 5");
}

static void a_waiting_turn_keeps_the_actor_to_itself(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_send(0, 2, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_silence();
	core_advance(101);
	core_run(10);
	core_expect_frame("0 reply 1 ok v2 2");
	core_expect_frame("0 reply 2 ok v2 2");
}

static void a_reentrant_actor_takes_messages_meanwhile(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "loops.1", "\"nap\"", "[100]");
	core_run(10);
	core_send(0, 2, IPC_GET, "loops.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 2 ok v2 11");
	core_advance(101);
	core_run(10);
	core_expect_frame("0 reply 1 ok v3 12");
}

static void actors_call_each_other(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"ask\"", "[\"things.2\",\"add\"]");
	core_run(20);
	core_expect_frame("0 reply 1 ok v1 1");
	core_send(0, 2, IPC_CALL, "things.1", "\"ask\"", "[\"things.3\",\"boom\"]");
	core_run(20);
	core_expect_frame("0 reply 2 app {\"code\":\"app\"}");
}

static void a_call_chain_that_comes_back_is_refused(void **state)
{
	struct ipc_request back = {
		.rid = 5, .verb = IPC_CALL, .address = BYTES_LITERAL("things.1"), .members = BYTES_LITERAL("\xa3" "add"),
		.payload = BYTES_LITERAL("\x91\x01"), .chain = BYTES_LITERAL("\x92\xa8" "things.9" "\xa8" "things.1"),
	};

	(void)state;
	core_send_full(0, &back);
	core_send(0, 6, IPC_CALL, "things.1", "\"ask\"", "[\"things.1\",\"add\"]");
	core_run(20);
	core_expect_frame("0 reply 5 deadlock {\"address\":\"things.1\"}");
	core_expect_frame("0 reply 6 app {\"code\":\"deadlock\"}");
}

static void a_tell_leaves_with_its_step(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"tell\"", "[\"things.2\",7]");
	core_run(20);
	core_send(0, 2, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(20);
	core_expect_frame("0 reply 1 ok v0 0");
	core_expect_frame("0 reply 2 ok v1 7");
}

/* Each of their turns may be as long as a slice: one in a loop turn, like slices. */
static void slow_actors_let_others_go_first(void **state)
{
	static const char *const slow[] = { "things.1", "things.2", "things.3" };

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		core_send(0, i + 1, IPC_CALL, slow[i], "\"toil\"", "[]");
	core_run(10);
	while (core_next_frame())
		;
	for (uint32_t i = 0; i < 3; i++)
		core_send(0, i + 4, IPC_CALL, slow[i], "\"toil\"", "[]");
	core_run(1);
	core_expect_frame("0 reply 4 app {\"code\":\"tired\"}");
	core_send(0, 7, IPC_GET, "things.4", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 5 app {\"code\":\"tired\"}");
	core_expect_frame("0 reply 7 ok v0 0");
	core_expect_frame("0 reply 6 app {\"code\":\"tired\"}");
	core_expect_silence();
}

static void a_slow_actor_that_hurries_is_slow_no_more(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"toil\"", "[]");
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_send(0, 3, IPC_CALL, "things.2", "\"toil\"", "[]");
	core_run(10);
	while (core_next_frame())
		;
	core_send(0, 4, IPC_CALL, "things.2", "\"add\"", "[1]");
	core_send(0, 5, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	core_expect_frame("0 reply 5 ok v2 2");
	core_expect_frame("0 reply 4 ok v1 1");
}

static void an_endless_turn_stalls_nobody_and_ends_at_its_limit(void **state)
{
	unsigned loop_turns = 0;

	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"spin\"", "[]");
	core_run(3);
	core_send(0, 2, IPC_CALL, "things.2", "\"add\"", "[1]");
	while (core_worker.counters.timeouts == 0) {
		core_run(1);
		assert_true(++loop_turns < 20);
	}
	core_run(10);
	core_expect_frame("0 reply 2 ok v1 1");
	core_expect_frame("0 reply 1 timeout {\"limit\":\"turn_limit\"}");
	core_send(0, 3, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 3 ok v0 0");
}

static void a_full_mailbox_is_busy(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	for (uint32_t i = 0; i < 9; i++)
		core_send(0, 10 + i, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_expect_frame("0 reply 18 busy {\"limit\":\"mailbox\"}");
	assert_int_equal(core_worker.counters.dropped_tells, 0);
	core_send(0, 0, IPC_TELL, "things.1", "\"add\"", "[1]");
	assert_int_equal(core_worker.counters.dropped_tells, 1);
	core_expect_silence();
}

static void a_deadline_passes_before_or_after_the_start(void **state)
{
	struct ipc_request q = { .verb = IPC_CALL, .address = BYTES_LITERAL("things.1"),
		.members = BYTES_LITERAL("\xa3" "nap"), .payload = BYTES_LITERAL("\x91\xcc\xc8"), .deadline = core_now_ms + 50 };

	(void)state;
	q.rid = 1;
	core_send_full(0, &q);
	core_run(10);
	q.rid = 2;
	core_send_full(0, &q);
	core_run(10);
	core_advance(50);
	core_run(10);
	/* Both at their moment: the first has started, the second never will. */
	assert_int_equal(core_worker.counters.turns, 1);
	core_expect_frame("0 reply 1 timeout null");
	core_expect_frame("0 reply 2 expired null");
	core_advance(200);
	core_run(10);
	assert_int_equal(core_worker.counters.turns, 1);
	core_expect_silence();
}

static void cancelled_while_queued_never_runs(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1000]");
	mailbox_cancel(&core_worker, 0, 2);
	core_expect_frame("0 reply 2 cancelled null");
	core_advance(101);
	core_run(10);
	core_expect_frame("0 reply 1 ok v2 2");
}

static void another_epoch_is_sent_back(void **state)
{
	struct ipc_request q = { .rid = 1, .epoch = 9, .verb = IPC_GET, .address = BYTES_LITERAL("things.1") };

	(void)state;
	core_move("things.1", 0, CONTROL_NO_WORKER, 10);
	core_send_full(0, &q);
	core_expect_frame("0 reply 1 moved null");
}

static void what_another_node_owns_is_sent_back(void **state)
{
	(void)state;
	core_move("things.1", CONTROL_NODE(0), CONTROL_NO_WORKER, 2);
	core_send_full(0, &(struct ipc_request){ .rid = 1, .epoch = 2, .verb = IPC_GET, .address = BYTES_LITERAL("things.1"),
	                                         .shard = worker_shard(&core_worker, BYTES_LITERAL("things.1")) });
	core_expect_frame("0 reply 1 moved null");
}

/* What had come before waits no longer than the lease; a node may have been stopped meanwhile. */
static void what_waits_is_handed_back_when_the_lease_is_over(void **state)
{
	struct control_lease lease = { .until_ns = (core_now_ms + 100) * 1000000 };

	(void)state;
	core_worker.lease = &lease;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 1");
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_send(0, 3, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_send(0, 0, IPC_TELL, "things.1", "\"add\"", "[10]");
	core_advance(100);
	core_run(10);
	core_expect_frame("0 reply 2 moved null");
	core_expect_frame("0 reply 3 moved null");
	core_expect_silence();
	atomic_store(&lease.until_ns, (core_now_ms + 100) * 1000000); /* prolonged: what nobody can have back goes on */
	core_run(10);
	core_fence(0);
	core_expect_frame("0 fence");
	core_send(0, 4, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 4 ok v2 11");
	core_worker.lease = NULL;
}

/* Its node may have been stopped, and another one own its shards by now. */
static void nothing_begins_when_the_lease_is_over(void **state)
{
	struct control_lease lease = { .until_ns = (core_now_ms + 100) * 1000000 };

	(void)state;
	core_worker.lease = &lease;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 1");
	core_advance(100);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_send(0, 3, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_send(0, 0, IPC_TELL, "things.1", "\"add\"", "[10]"); /* waits */
	core_run(10);
	core_expect_frame("0 reply 2 moved null");
	core_expect_frame("0 reply 3 moved null");
	core_expect_silence();
	atomic_store(&lease.until_ns, UINT64_MAX); /* no other node could own them */
	core_send(0, 4, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 4 moved null"); /* it would overtake what was handed back */
	core_send(1, 5, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("1 reply 5 ok v2 11");
	core_fence(0);
	core_expect_frame("0 fence");
	core_send(0, 6, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 6 ok v2 11");
	core_worker.lease = NULL;
}

static void nobody_there(void **state)
{
	(void)state;
	core_send(0, 1, IPC_GET, "ghosts.1", NULL, NULL);
	core_expect_frame("0 reply 1 no-actor {\"address\":\"ghosts.1\"}");
}

static void destroy_forgets_and_tells_the_watchers(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_send(1, 2, IPC_WATCH, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_send(0, 3, IPC_CALL, "things.1", "\"bye\"", "[]");
	core_run(10);
	core_send(0, 4, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	core_expect_frame("0 reply 3 ok v1 5");
	core_expect_frame("0 reply 4 ok v0 0");
	core_expect_frame("1 reply 2 ok v1 {\"n\":5}");
	core_expect_frame("1 end things.1 v1");
}

static void an_alarm_rings_once_and_not_after_a_rollback(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"later\"", "[50]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v0 0");
	core_advance(51);
	core_run(10);
	core_advance(500);
	core_run(10);
	core_send(0, 2, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 2 ok v1 1");
}

static void idle_actors_go_to_sleep_and_busy_ones_do_not(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[90000]");
	core_send(0, 2, IPC_GET, "things.2", NULL, NULL);
	core_run(10);
	assert_int_equal(core_worker.resident, 2);
	core_advance(61000);
	assert_int_equal(core_worker.resident, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, core_set_up, core_tear_down)
		T(a_call_changes_and_answers), T(a_get_answers_bare_and_in_a_map), T(an_error_rolls_the_step_back),
		T(create_runs_once_before_the_first_message), T(set_is_all_or_none_and_asks_the_check),
		T(setting_the_same_value_is_no_change), T(watchers_hear_before_the_caller),
		T(a_waiting_turn_keeps_the_actor_to_itself), T(a_reentrant_actor_takes_messages_meanwhile),
		T(actors_call_each_other), T(a_call_chain_that_comes_back_is_refused), T(a_tell_leaves_with_its_step),
		T(slow_actors_let_others_go_first), T(a_slow_actor_that_hurries_is_slow_no_more),
		T(an_endless_turn_stalls_nobody_and_ends_at_its_limit), T(a_full_mailbox_is_busy),
		T(a_deadline_passes_before_or_after_the_start), T(cancelled_while_queued_never_runs),
		T(another_epoch_is_sent_back), T(what_another_node_owns_is_sent_back),
		T(nothing_begins_when_the_lease_is_over),
		T(what_waits_is_handed_back_when_the_lease_is_over), T(nobody_there), T(destroy_forgets_and_tells_the_watchers),
		T(an_alarm_rings_once_and_not_after_a_rollback),
		T(idle_actors_go_to_sleep_and_busy_ones_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
