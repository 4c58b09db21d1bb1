/* [workers] memory at its edge: what is refused, what makes room, what is counted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/turns/core.h"
#include "worker/actor/room.h"

/* Whatever a test did: all that was counted is given back. */
static int tear_down(void **state)
{
	(void)state;
	room_init(0);
	core_fini();
	return room_used() == 0 ? 0 : -1;
}

/* The bound of which mail may use `used`, and not a byte more. */
static void leave_for_mail(uint64_t more)
{
	room_init((room_used() + more) * 8 / 7);
	assert_true(room_for_mail((size_t)more) && !room_for_mail((size_t)more + 8));
}

static void the_last_byte_fits_and_the_next_does_not(void **state)
{
	uint64_t before = room_used();

	(void)state;
	assert_true(room_for(SIZE_MAX) && room_for_mail(SIZE_MAX)); /* no bound */
	room_init(before + 800);
	room_take(300);
	assert_true(room_for(500) && !room_for(501));
	room_take(501);
	assert_false(room_for(0) || room_for_mail(0));
	room_give(801);
	room_init(8000);
	assert_true(room_for_mail(7000 - before) && !room_for_mail(7001 - before));
	assert_true(room_for(8000 - before) && !room_for(SIZE_MAX));
}

/* An actor that waits cannot go: the next message finds no room, and says so at once. */
static void mail_without_room_is_busy(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	leave_for_mail(64);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_send(0, 3, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 2 busy {\"limit\":\"memory\"}");
	core_expect_frame("0 reply 3 busy {\"limit\":\"memory\"}");
	core_advance(101);
	core_run(10);
	core_expect_frame("0 reply 1 ok v2 2");
	leave_for_mail(4096);
	core_send(0, 4, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(10);
	core_expect_frame("0 reply 4 ok v3 3");
}

static void idle_actors_make_room_for_mail(void **state)
{
	(void)state;
	core_send(0, 1, IPC_GET, "things.1", "[\"n\"]", NULL);
	core_send(0, 2, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 1 ok v0 0");
	core_expect_frame("0 reply 2 ok v0 0");
	leave_for_mail(0);
	core_send(0, 3, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 3 ok v0 0");
	assert_int_equal(core_worker.counters.passivations, 1);
	assert_null(actor_find(&core_worker, BYTES_LITERAL("things.1")));
}

/* What grows is refused and rolled back; what shrinks is not. */
static void a_property_without_room_does_not_grow(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_send(0, 2, IPC_SET, "things.1", NULL, "{\"name\":\"four\"}");
	room_init(1);
	core_advance(101);
	core_run(10);
	core_expect_frame("0 reply 1 ok v2 2");
	core_expect_frame("0 reply 2 busy {\"limit\":\"memory\"}");
	room_init(0);
	core_send(0, 3, IPC_SET, "things.1", NULL, "{\"name\":\"four\"}");
	core_run(10);
	core_expect_frame("0 reply 3 ok v3 null");
	core_send(0, 4, IPC_CALL, "things.1", "\"nap\"", "[100]");
	core_run(10);
	core_send(0, 5, IPC_SET, "things.1", NULL, "{\"name\":\"\"}");
	room_init(1);
	core_advance(101);
	core_run(10);
	core_expect_frame("0 reply 4 ok v5 4");
	core_expect_frame("0 reply 5 ok v6 null");
}

/* A step that fails gives back what it took. */
static void a_rollback_gives_its_room_back(void **state)
{
	uint64_t before;

	(void)state;
	core_send(0, 1, IPC_SET, "things.1", NULL, "{\"name\":\"four\"}");
	core_run(10);
	core_expect_frame("0 reply 1 ok v1 null");
	before = room_used();
	core_send(0, 2, IPC_SET, "things.1", NULL, "{\"name\":\"much longer than twenty bytes\"}");
	core_send(0, 3, IPC_CALL, "things.1", "\"boom\"", "[]");
	core_run(10);
	assert_non_null(core_next_frame());
	assert_non_null(core_next_frame());
	assert_int_equal(room_used(), before);
}

/* Without room nothing new begins before the commits under way have given theirs back. */
static void commits_under_way_are_waited_for(void **state)
{
	(void)state;
	core_send(0, 1, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_send(0, 9, IPC_GET, "things.2", "[\"n\"]", NULL);
	core_run(10);
	core_expect_frame("0 reply 9 ok v0 0");
	core_expect_frame("0 reply 1 ok v1 1");
	core_store_automatic(false);
	core_send(0, 2, IPC_CALL, "things.1", "\"add\"", "[1]");
	core_run(1);
	core_send(0, 3, IPC_CALL, "things.2", "\"add\"", "[1]");
	room_init(1);
	core_run(10);
	assert_null(core_next_frame());
	assert_int_equal(core_worker.storage.count, 1);
	core_store_committed(2, ERROR_NONE);
	core_run(10);
	core_expect_frame("0 reply 2 ok v2 2");
	assert_int_equal(core_worker.storage.count, 1); /* that of the third */
	core_store_committed(3, ERROR_NONE);
	core_run(10);
	core_expect_frame("0 reply 3 ok v1 1");
}

#define T(name) cmocka_unit_test_setup_teardown(name, core_set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_last_byte_fits_and_the_next_does_not),
		T(mail_without_room_is_busy),
		T(idle_actors_make_room_for_mail),
		T(a_property_without_room_does_not_grow),
		T(a_rollback_gives_its_room_back),
		T(commits_under_way_are_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
