/* Messages that have killed workers are held back, and what runs is shown on the board. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/turns/core.h"
#include "worker/actor/mailbox.h"

static struct scoreboard board;

static int set_up(void **state)
{
	(void)state;
	core_init();
	board = (struct scoreboard){ 0 };
	core_worker.board = &board;
	return 0;
}

static void hold(const char *address, bool whole, uint64_t fingerprint)
{
	quarantine_change(&core_worker.quarantine, &(struct control_quarantine){
		.held = true, .whole = whole, .fingerprint = fingerprint, .address = bytes_of(address) });
}

/* What the board would have been read as, had the worker died while this ran. */
static struct scoreboard_entry last_shown(enum scoreboard_kind kind)
{
	struct scoreboard_entry entry;
	struct scoreboard_signal signal;

	assert_int_equal(board.kind, SCOREBOARD_IDLE);
	board.kind = kind;
	scoreboard_read(&board, &entry, &signal);
	board.kind = SCOREBOARD_IDLE;
	return entry;
}

static void the_board_shows_class_address_and_method(void **state)
{
	struct scoreboard_entry e;

	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	e = last_shown(SCOREBOARD_MESSAGE);
	assert_true(bytes_equal(e.class_name, BYTES_LITERAL("things")));
	assert_true(bytes_equal(e.address, BYTES_LITERAL("things.1")));
	assert_true(bytes_equal(e.method, BYTES_LITERAL("add")));
}

static void the_same_message_is_known_again_and_held(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	hold("things.1", false, last_shown(SCOREBOARD_MESSAGE).fingerprint);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_send(0, 3, IPC_CALL, "things.1", "\"add\"", "[6]"); /* other arguments */
	core_send(0, 4, IPC_CALL, "things.2", "\"add\"", "[5]"); /* another actor */
	core_send(0, 5, IPC_GET, "things.1", "[\"n\"]", NULL);   /* its actor goes on */
	core_run(10);
	core_expect_frame("0 reply 2 quarantined {\"held\":\"message\"}");
	core_expect_frame("0 reply 3 ok v2 11");
	core_expect_frame("0 reply 5 ok v2 11");
	core_expect_frame("0 reply 4 ok v1 5");
}

static void an_actor_that_is_held_gets_nothing_until_it_is_released(void **state)
{
	(void)state;
	hold("things.1", true, 0);
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_send(1, 2, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_send(0, 3, IPC_WATCH, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 1 quarantined {\"held\":\"actor\"}");
	core_expect_frame("0 reply 3 quarantined {\"held\":\"actor\"}");
	core_expect_frame("1 reply 2 quarantined {\"held\":\"actor\"}");
	quarantine_change(&core_worker.quarantine, &(struct control_quarantine){ .address = BYTES_LITERAL("things.1") });
	core_send(0, 4, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 4 ok v1 5");
}

static void a_tell_and_an_actors_own_message_are_dropped(void **state)
{
	struct actor *a;

	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[5]");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 5");
	hold("things.1", false, last_shown(SCOREBOARD_MESSAGE).fingerprint);
	core_send(0, 0, IPC_TELL, "things.1", "\"add\"", "[5]");
	a = actor_find(&core_worker, BYTES_LITERAL("things.1"));
	mailbox_post(&core_worker, a, BYTES_LITERAL("add"), BYTES_LITERAL("\x91\x05"));
	mailbox_post(&core_worker, a, BYTES_LITERAL("add"), BYTES_LITERAL("\x91\x01"));
	core_send(0, 2, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 2 ok v2 6");
}

static void a_caller_of_a_held_actor_is_told(void **state)
{
	(void)state;
	hold("things.2", true, 0);
	core_send(0, 1, IPC_CALL, "things.1", "\"ask\"", "[\"things.2\",\"add\"]");
	core_run(20);
	core_expect_frame("0 reply 1 app {\"code\":\"quarantined\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_board_shows_class_address_and_method, set_up, core_tear_down),
		cmocka_unit_test_setup_teardown(the_same_message_is_known_again_and_held, set_up, core_tear_down),
		cmocka_unit_test_setup_teardown(an_actor_that_is_held_gets_nothing_until_it_is_released, set_up, core_tear_down),
		cmocka_unit_test_setup_teardown(a_tell_and_an_actors_own_message_are_dropped, set_up, core_tear_down),
		cmocka_unit_test_setup_teardown(a_caller_of_a_held_actor_is_told, set_up, core_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
