/* Memory: what a turn, a class and a value may take; past it the turn fails, nothing else. */
#include "tests/unit/actor/world.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "worker/actor/room.h"

static int begin(void **state)
{
	(void)state;
	world_init(NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_fini();
	return 0;
}

static const char failed[] = "app {\"code\":\"memory\",\"message\":\"the turn needs more memory than it may have\"}";

static const char *const hogs[] = {
	"local t = {} for i = 1, 1e9 do t[i] = {} end",
	"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end",
	"local t = {} while true do pcall(function() for i = 1, 1e9 do t[#t + 1] = { i } end end) end",
	"local s = {} local function grow() s[#s + 1] = ('y'):rep(500000) .. #s grow() end while true do pcall(grow) end",
	"coroutine.wrap(function() local t = {} for i = 1, 1e9 do t[i] = {} end end)()",
	"local t = {} table.sort({ 1, 2, 3 }, function() for i = 1, 1e9 do t[i] = {} end end)",
	"local t = {} ('abc'):gsub('.', function() for i = 1, 1e9 do t[i] = {} end end)",
	"local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print or error) end",
	"local t = {} while true do local ok = pcall(function() for i = 1, 1e9 do t[#t + 1] = self.address .. #t end end) end",
};

static void test_a_turn_that_takes_too_much_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hogs) / sizeof(*hogs); i++) {
		const char *outcome = world_run(hogs[i]);

		if (strcmp(outcome, failed) != 0)
			fail_msg("%s\n%s", hogs[i], outcome);
		assert_string_not_equal(world_report(), "");
		assert_string_equal(world_run("return 'fine'"), "\"fine\"");
		world_fini();
		world_init(NULL);
	}
}

/* The budget is of what is kept: a turn may make garbage all day. */
static void test_garbage_does_not_count(void **state)
{
	(void)state;
	assert_string_equal(world_run("for i = 1, 300000 do local t = { i, { i } } end return 'done'"), "\"done\"");
	assert_string_equal(world_run("for i = 1, 200 do local s = ('x'):rep(500000) end return 'done'"), "\"done\"");
}

static void test_the_class_goes_on_afterwards(void **state)
{
	(void)state;
	world_load("local C = stage.class 'things.{id}'\n"
	           "function C:hog() local t = {} for i = 1, 1e9 do t[i] = {} end end\n"
	           "function C:fine() local t = {} for i = 1, 10000 do t[i] = { i } end return #t end return C");
	for (int i = 0; i < 5; i++) {
		assert_string_equal(world_call("hog", "[]"), failed);
		assert_string_equal(world_call("fine", "[]"), "10000");
	}
}

static const char keeper[] =
	"local C = stage.class 'things.{id}' local kept = {}\n"
	"function C:keep() local t = {} for i = 1, 50000 do t[i] = { i } end kept[#kept + 1] = t return #kept end\n"
	"function C:keep_and_wait() local t = {} for i = 1, 50000 do t[i] = { i } end kept[#kept + 1] = t stage.sleep(1) kept = {} return 'forgot' end\n"
	"function C:fine() return 'fine' end return C";

static double spent_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A class that keeps what its turns make is bounded as a whole; then it fails at once, and
 * does not collect for ever. What waits may still end, and give its memory back. */
static void test_a_class_that_keeps_everything(void **state)
{
	(void)state;
	const char *outcome;
	struct turn *t;
	double began;
	int calls = 0;

	world_load(keeper);
	t = world_turn(world_actor(world_class(0), "things.1"));
	outcome = world_start(t, "keep_and_wait", "[]");
	assert_string_equal(outcome, "waiting");
	do {
		outcome = world_call("keep", "[]");
		calls++;
	} while (outcome[0] != 'a' && calls < 100);
	assert_string_equal(outcome, failed);
	assert_in_range(calls, 5, 40);
	assert_true(lua_host_memory() <= world_limits.class_memory + (1 << 20));
	began = spent_ms();
	for (int i = 0; i < 100; i++)
		assert_string_equal(world_call("fine", "[]"),
		                    "app {\"code\":\"memory\",\"message\":\"the class's code has used its memory up\"}");
	assert_true(spent_ms() - began < 100);
	assert_string_equal(world_answer(t, "null"), "\"forgot\"");
}

/* Turns that wait hold memory too: when a full class has many, none costs a collection. */
static void test_many_waiting_turns_end_quickly(void **state)
{
	static struct turn turns[10000];
	struct host_limits limits = world_limits;
	const char *outcome = "";
	struct actor *a;
	double began;
	size_t n = 0;

	(void)state;
	world_fini();
	limits.class_memory = 4 << 20;
	world_init(&limits);
	world_load("local C = stage.class 'things.{id}'\n"
	           "function C:wait(i) local t = { i, i, i, i } stage.sleep(1) for i = 1, 10 do t[#t + 1] = {} end return #t end return C");
	a = world_actor(world_class(0), "things.1");
	began = spent_ms();
	for (; n < 10000; n++) {
		turns[n] = (struct turn){ .actor = a, .class = a->class };
		outcome = world_start(&turns[n], "wait", "[1]");
		if (strcmp(outcome, "waiting") != 0)
			break;
	}
	assert_in_range(n, 1000, 9999);
	assert_string_equal(outcome, failed);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(world_answer(&turns[i], "null"), "14");
	assert_true(spent_ms() - began < 5000);
}

static void test_the_budget_spans_the_waits_of_a_turn(void **state)
{
	(void)state;
	struct turn *t;
	const char *outcome;
	int waits = 0;

	world_load("local C = stage.class 'things.{id}'\n"
	           "function C:slowly() local t = {} while true do for i = 1, 10000 do t[#t + 1] = { i } end stage.sleep(1) end end return C");
	t = world_turn(world_actor(world_class(0), "things.1"));
	for (outcome = world_start(t, "slowly", "[]"); outcome[0] != 'a' && waits < 100; waits++)
		outcome = world_answer(t, "null");
	assert_string_equal(outcome, failed);
	assert_in_range(waits, 5, 30);
}

/* Whatever fills the worker: the turn that would go beyond it fails, its class lives. */
static void test_the_workers_memory_bounds_turns(void **state)
{
	uint64_t began;

	(void)state;
	world_load("local C = stage.class 'things.{id}'\n"
	           "function C:take(kilobytes) local t = {} for i = 1, kilobytes do t[i] = ('x'):rep(1000) .. i end return #t end return C");
	room_init(room_used() + (2 << 20));
	assert_string_equal(world_call("take", "[1000]"), "1000");
	assert_string_equal(world_call("take", "[4000]"), failed);
	assert_true(room_used() < lua_host_memory() + 100000);
	room_init(room_used() + (8 << 20));
	for (began = clock_now_ms(); strcmp(world_call("take", "[4000]"), "4000") != 0;)
		assert_true(clock_now_ms() < began + 5000); /* a full class rests for a second */
	room_init(0);
}

/* Where no turn runs any more, the worker collects what the turns have left. */
static void test_garbage_of_all_classes_can_be_collected(void **state)
{
	size_t before;

	(void)state;
	world_load("local C = stage.class 'things.{id}'\n"
	           "function C:litter() local t = {} for i = 1, 3000 do t[i] = ('x'):rep(1000) .. i end end return C");
	before = lua_host_memory();
	assert_string_equal(world_call("litter", "[]"), "null");
	assert_true(lua_host_memory() > before + 2000000);
	lua_host_collect();
	assert_true(lua_host_memory() < before + 100000);
}

static void test_one_block_too_large_can_be_caught(void **state)
{
	(void)state;
	assert_string_equal(world_run("local s = ('x'):rep(500000) local ok, e = pcall(function() return s .. s .. s .. s .. s end) return { ok, e }"),
	                    "[false,\"not enough memory\"]");
	assert_string_equal(world_run("local s = ('x'):rep(500000) return #(s .. s .. s .. s .. s)"), failed);
}

static void test_arguments_and_results_are_bounded(void **state)
{
	(void)state;
	assert_non_null(strstr(world_run("local t = {} for i = 1, 5 do t[i] = ('x'):rep(500000) end return t"), "a value takes more than 2 MB"));
	assert_non_null(strstr(world_run("local s = ('x'):rep(500000) stage.tell('o.1', 'm', s, s, s, s, s)"), "a value takes more than 2 MB"));
	assert_non_null(strstr(world_run("local t = {} for i = 1, 60 do t = { t, t } end self.free = t"), "a value takes more than 2 MB"));
	assert_non_null(strstr(world_run("local t = {} for i = 1, 60 do t = { t, t } end stage.error('x', { t = t })"), "a value takes more than 2 MB"));
	assert_string_equal(world_asked(), "");
}

/* What a step asks for waits in memory until it is committed. */
static void test_a_step_cannot_ask_for_everything(void **state)
{
	static const char *const floods[] = {
		"while true do stage.tell('o.1', 'm') end",
		"local s = ('x'):rep(500000) while true do stage.tell('o.1', 'm', s) end",
		"while true do stage.after(1, 'helper') end",
		"while true do stage.watch('o.1', 'p', 'helper') end",
		"while true do stage.log('info', 'flood') end",
		"local s = ('x'):rep(4096) while true do stage.log('info', s) end",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(floods) / sizeof(*floods); i++) {
		assert_non_null(strstr(world_run(floods[i]), "too many messages at once"));
		world_asked();
	}
}

static void test_a_file_that_takes_too_much_does_not_load(void **state)
{
	(void)state;
	assert_string_equal(world_load_files("a.lua", "local t = {} for i = 1, 1e9 do t[i] = {} end return stage.class 'a.{id}'", NULL),
	                    "a.lua:0: not enough memory\n");
}

/* Bytes come back: runs, failures and loads leave nothing behind. */
static void test_nothing_is_lost_over_many_turns(void **state)
{
	(void)state;
	struct turn *t;
	size_t before;

	world_load("local C = stage.class 'things.{id}' C.properties = { n = 0, list = stage.array{} }\n"
	           "function C:work(i) self.n = i self.list = { i, 'x' .. i } return self.list end\n"
	           "function C:fail() error('x') end\n"
	           "function C:wait() stage.sleep(1) end return C");
	t = world_turn(world_actor(world_class(0), "things.1"));
	for (int round = 0; round < 2; round++) {
		before = lua_host_memory();
		for (int i = 0; i < 20000; i++) {
			char arguments[40];

			snprintf(arguments, sizeof(arguments), "[%d]", i);
			world_start(t, "work", arguments);
			world_start(t, "fail", "[]");
			assert_string_equal(world_start(t, "wait", "[]"), "waiting");
			if (i % 2)
				world_answer(t, "null");
			else
				lua_host_ops.abort(t);
		}
	}
	assert_true(lua_host_memory() < before + 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_turn_that_takes_too_much_fails, begin, end),
		cmocka_unit_test_setup_teardown(test_garbage_does_not_count, begin, end),
		cmocka_unit_test_setup_teardown(test_the_class_goes_on_afterwards, begin, end),
		cmocka_unit_test_setup_teardown(test_a_class_that_keeps_everything, begin, end),
		cmocka_unit_test_setup_teardown(test_many_waiting_turns_end_quickly, begin, end),
		cmocka_unit_test_setup_teardown(test_the_budget_spans_the_waits_of_a_turn, begin, end),
		cmocka_unit_test_setup_teardown(test_the_workers_memory_bounds_turns, begin, end),
		cmocka_unit_test_setup_teardown(test_garbage_of_all_classes_can_be_collected, begin, end),
		cmocka_unit_test_setup_teardown(test_one_block_too_large_can_be_caught, begin, end),
		cmocka_unit_test_setup_teardown(test_arguments_and_results_are_bounded, begin, end),
		cmocka_unit_test_setup_teardown(test_a_step_cannot_ask_for_everything, begin, end),
		cmocka_unit_test_setup_teardown(test_a_file_that_takes_too_much_does_not_load, begin, end),
		cmocka_unit_test_setup_teardown(test_nothing_is_lost_over_many_turns, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
