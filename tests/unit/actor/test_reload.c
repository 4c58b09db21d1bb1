/* Reload: a new version in a state of its own, while old turns finish on the old one. */
#include "tests/unit/actor/world.h"

#include <stdlib.h>
#include <string.h>

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

static struct class *load_one(const char *source)
{
	struct host_file file = { BYTES_LITERAL("things.lua"), bytes_of(source) };
	struct host_bundle bundle = { &file, 1 };
	struct host_problems problems = { 0 };
	struct class **classes, *c;
	size_t count;

	assert_int_equal(lua_host_ops.load(&bundle, &classes, &count, &problems), 0);
	assert_int_equal(count, 1);
	c = classes[0];
	free(classes);
	return c;
}

static const char one[] =
	"local C = stage.class 'things.{id}' C.properties = { n = 0 } local calls = 0\n"
	"function C:count() calls = calls + 1 return 'one ' .. calls end\n"
	"function C:wait() stage.sleep(1) return self:count() end\n"
	"function C:loop() local n = 0 while n < 3e6 do n = n + 1 end return self:count() end\n"
	"return C";
static const char two[] =
	"local C = stage.class 'things.{id}' C.properties = { n = 0 } local calls = 0\n"
	"function C:count() calls = calls + 1 return 'two ' .. calls end\n"
	"return C";

static void test_turns_under_way_finish_on_the_old_code(void **state)
{
	struct class *old = load_one(one), *new;
	struct actor actor = { .address = "things.1", .class = old };
	struct turn waiting = { .actor = &actor, .class = class_ref(old) }, looping = waiting, fresh;
	size_t both;
	const char *outcome;

	(void)state;
	class_ref(old);
	assert_string_equal(world_start(&waiting, "wait", "[]"), "waiting");
	assert_string_equal(world_begin(&looping, "loop", "[]"), "preempted");

	new = load_one(two);
	both = lua_host_memory();
	class_unref(old); /* the catalogue's reference */
	fresh = (struct turn){ .actor = &actor, .class = new };
	assert_string_equal(world_start(&fresh, "count", "[]"), "\"two 1\"");

	assert_string_equal(world_answer(&waiting, "null"), "\"one 1\"");
	class_unref(waiting.class);
	do {
		outcome = world_go_on(&looping);
	} while (strcmp(outcome, "preempted") == 0);
	assert_string_equal(outcome, "\"one 2\"");
	assert_true(lua_host_memory() > both / 2 + 1000);
	class_unref(looping.class); /* the last one: its state closes */
	assert_true(lua_host_memory() < both / 2 + 8000);
	assert_string_equal(world_start(&fresh, "count", "[]"), "\"two 2\"");
	class_unref(new);
	assert_int_equal(lua_host_memory(), 0);
}

static void test_a_turn_given_up_lets_the_old_state_go(void **state)
{
	struct class *old = load_one(one);
	struct actor actor = { .address = "things.1", .class = old };
	struct turn waiting = { .actor = &actor, .class = old };

	(void)state;
	assert_string_equal(world_start(&waiting, "wait", "[]"), "waiting");
	lua_host_ops.abort(&waiting);
	class_unref(old);
	assert_int_equal(lua_host_memory(), 0);
}

static void test_what_does_not_load_costs_nothing(void **state)
{
	struct class *old = load_one(one);
	size_t before = lua_host_memory();

	(void)state;
	assert_string_not_equal(world_load_files("things.lua", "return (", NULL), "");
	assert_string_not_equal(world_load_files("a.lua", "return stage.class 'a.{id}'", "b.lua", "error('x')", NULL), "");
	assert_int_equal(lua_host_memory(), before);
	class_unref(old);
}

static void test_a_hundred_reloads(void **state)
{
	(void)state;
	struct class *last = load_one(one);
	size_t first = lua_host_memory();

	for (int i = 0; i < 100; i++) {
		struct class *next = load_one(one);

		class_unref(last);
		last = next;
	}
	assert_in_range(lua_host_memory(), first - 4000, first + 4000);
	class_unref(last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_turns_under_way_finish_on_the_old_code, begin, end),
		cmocka_unit_test_setup_teardown(test_a_turn_given_up_lets_the_old_state_go, begin, end),
		cmocka_unit_test_setup_teardown(test_what_does_not_load_costs_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_a_hundred_reloads, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
