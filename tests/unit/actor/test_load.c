/* Loading: classes from files, and every way in which a file can be wrong. */
#include "tests/unit/actor/world.h"

#include <stdio.h>
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

static const char *load(const char *source)
{
	return world_load_files("things.lua", source, NULL);
}

static void test_a_class_as_its_file_describes_it(void **state)
{
	struct class *c;

	(void)state;
	world_load("local T = stage.class 'things.{id}'\n"
	           "T.reentrant, T.version, T.durability = true, 3, 'async'\n"
	           "T.properties = { hp = 100, armor = 0.5, dead = false, _seed = 0, list = stage.array{}, any = stage.null,\n"
	           "  nick = stage.property { default = '', writable = true, check = function() return true end } }\n"
	           "function T:create() end\nreturn T");
	c = world_class(0);
	assert_string_equal(c->name, "things");
	assert_string_equal(c->file, "things.lua");
	assert_string_equal(c->pattern, "things.{id}");
	assert_int_equal(c->version, 3);
	assert_true(c->reentrant && c->has_create && !c->has_activate && !c->has_migrate);
	assert_int_equal(c->durability, CLASS_ASYNC);
	assert_int_equal(c->property_count, 7);
	assert_int_equal(c->properties[class_property(c, BYTES_LITERAL("hp"))].number, CLASS_INTEGER);
	assert_int_equal(c->properties[class_property(c, BYTES_LITERAL("armor"))].number, CLASS_REAL);
	assert_int_equal(c->properties[class_property(c, BYTES_LITERAL("any"))].number, CLASS_ANY);
	assert_true(c->properties[class_property(c, BYTES_LITERAL("_seed"))].private);
	assert_true(c->properties[class_property(c, BYTES_LITERAL("nick"))].writable);
	assert_true(c->properties[class_property(c, BYTES_LITERAL("nick"))].checked);
	assert_false(c->properties[class_property(c, BYTES_LITERAL("hp"))].writable);
}

static void test_defaults_of_options(void **state)
{
	(void)state;
	world_load("return stage.class 'things.{id}'");
	assert_int_equal(world_class(0)->version, 0);
	assert_int_equal(world_class(0)->durability, CLASS_COMMIT);
	assert_false(world_class(0)->reentrant);
	assert_int_equal(world_class(0)->property_count, 0);
}

static const struct {
	const char *source, *problem;
} wrong[] = {
	{ "local T = stage.class 'things.{id}'\nT.x = = 1\nreturn T", "things.lua:2: unexpected symbol near '='\n" },
	{ "local T = stage.class 'things.{id}'\nerror('not today')", "things.lua:2: not today\n" },
	{ "local T = stage.class 'things.{id}'\nlocal x = nil + 1", "things.lua:2: attempt to perform arithmetic on a nil value\n" },
	{ "local T = stage.class 'things.{id}'",
	  "things.lua:0: does not return its class (end the file with `return Name`; modules belong in a folder)\n" },
	{ "local T = stage.class 'things.{id}' return {}",
	  "things.lua:0: does not return its class (end the file with `return Name`; modules belong in a folder)\n" },
	{ "return { add = function() end }",
	  "things.lua:0: makes no class (begin with `local Name = stage.class \"names.{id}\"`; modules belong in a folder)\n" },
	{ "return stage.class 'th ings'", "things.lua:1: stage.class: a segment of a pattern is letters, digits, - and _, or one {name}\n" },
	{ "return stage.class()", "things.lua:1: bad argument #1 to 'class' (string expected, got no value)\n" },
	{ "local A = stage.class 'a.{id}'\nlocal B = stage.class 'b.{id}'\nreturn A", "things.lua:2: a class file makes one class; this is the second\n" },
	{ "local T = stage.class 't.{id}' T.properties = 5 return T", "things.lua:0: properties is a table of names and defaults\n" },
	{ "local T = stage.class 't.{id}' T.properties = { ['a b'] = 1 } return T", "things.lua:0: 'a b' is no name for a property\n" },
	{ "local T = stage.class 't.{id}' T.properties = { 5 } return T", "things.lua:0: properties: each has a name\n" },
	{ "local T = stage.class 't.{id}' T.properties = { address = '' } return T", "things.lua:0: 'address' is no name for a property\n" },
	{ "local T = stage.class 't.{id}' T.properties = { go = 1 } function T:go() end return T",
	  "things.lua:0: 'go' is a property and a method\n" },
	{ "local T = stage.class 't.{id}' T.properties = { f = function() end } return T",
	  "things.lua:0: property 'f': a function cannot be kept or sent\n" },
	{ "local T = stage.class 't.{id}' T.properties = { f = stage.property { default = 0/0 } } return T",
	  "things.lua:0: property 'f': NaN and infinities cannot be kept or sent\n" },
	{ "local T = stage.class 't.{id}' T.properties = { f = stage.property { defualt = 0 } } return T",
	  "things.lua:1: stage.property takes default, writable and check, not 'defualt'\n" },
	{ "local T = stage.class 't.{id}' T.properties = { f = stage.property { default = 0, check = 5 } } return T",
	  "things.lua:0: property 'f': check is a function\n" },
	{ "local T = stage.class 't.{id}' T.durability = 'never' return T",
	  "things.lua:0: durability is \"commit\", \"async\" or \"none\"\n" },
	{ "local T = stage.class 't.{id}' T.durability = 5 return T",
	  "things.lua:0: durability is \"commit\", \"async\" or \"none\"\n" },
	{ "local T = stage.class 't.{id}' T.version = 1.5 return T", "things.lua:0: version is a whole number\n" },
	{ "local T = stage.class 't.{id}' T.reentrant = 'yes' return T", "things.lua:0: reentrant is true or false\n" },
	{ "local T = stage.class 't.{id}' T.create = 5 return T", "things.lua:0: create is a function\n" },
	{ "stage.tell('o.1', 'm')", "things.lua:1: stage.tell works in methods only, not while the class file is loaded\n" },
	{ "stage.sleep(1)", "things.lua:1: stage.sleep works in methods only, not while the class file is loaded\n" },
	{ "stage.get('o.1', 'm')", "things.lua:1: stage.get works in methods only, not while the class file is loaded\n" },
	{ "stage.log('info', 'm')", "things.lua:1: stage.log works in methods only, not while the class file is loaded\n" },
	{ "stage.destroy()", "things.lua:1: stage.destroy works in methods only, not while the class file is loaded\n" },
	{ "stage.caller()", "things.lua:1: stage.caller works in methods only, not while the class file is loaded\n" },
	{ "coroutine.yield()", "things.lua:1: attempt to yield from outside a coroutine\n" },
	{ "require 'lib.nothing'", "things.lua:1: module 'lib.nothing' is not there: the class directory has no lib/nothing.lua\n" },
	{ "error({ code = 1 })", "things.lua:0: an error object (a table)\n" },
	{ "error(setmetatable({}, { __tostring = function() while true do end end }))", "things.lua:0: an error object (a table)\n" },
};

static void test_every_problem_has_its_file_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *problem = load(wrong[i].source);

		if (strcmp(problem, wrong[i].problem) != 0)
			print_error("%s\nexpected %sgot      %s\n", wrong[i].source, wrong[i].problem, problem);
		assert_string_equal(problem, wrong[i].problem);
	}
}

static void test_all_files_are_told_of_and_nothing_is_loaded(void **state)
{
	(void)state;
	assert_string_equal(world_load_files(
		"a.lua", "return stage.class 'a.{id}'",
		"b.lua", "return 5",
		"c.lua", "\n\nreturn (",
		"lib/d.lua", "return }", NULL),
		"b.lua:0: makes no class (begin with `local Name = stage.class \"names.{id}\"`; modules belong in a folder)\n"
		"c.lua:3: unexpected symbol near <eof>\n"
		"lib/d.lua:1: unexpected symbol near '}'\n");
	assert_int_equal(lua_host_memory(), 0);
}

static const struct {
	const char *a, *b;
	bool clash;
} patterns[] = {
	{ "things.{id}", "things.{name}", true },
	{ "things.{id}", "things.main", false },
	{ "things.{id}", "things.{id}.{part}", false },
	{ "things.{id}.hand", "things.{id}.head", false },
	{ "main", "main", true },
	{ "a.{x}.c", "a.b.{y}", true }, /* a.b.c, with two literals each */
	{ "{x}.b", "a.{y}", true },
	{ "a.{x}.{y}", "a.b.{y}", false },
};

static void test_two_classes_for_the_same_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		char a[100], b[100];
		const char *problem;

		snprintf(a, sizeof(a), "return stage.class '%s'", patterns[i].a);
		snprintf(b, sizeof(b), "return stage.class '%s'", patterns[i].b);
		problem = world_load_files("a.lua", a, "b.lua", b, NULL);
		if ((problem[0] != '\0') != patterns[i].clash)
			fail_msg("%s against %s: %s", patterns[i].a, patterns[i].b, problem);
	}
	assert_string_equal(world_load_files("a.lua", "return stage.class 'x.{id}'", "b.lua", "return stage.class 'x.{name}'", NULL),
	                    "b.lua:0: its pattern x.{name} takes the same addresses as that of a.lua\n");
}

/* --- require --- */

static void test_modules_are_each_class_s_own(void **state)
{
	(void)state;
	struct turn *a, *b;

	assert_string_equal(world_load_files(
		"a.lua", "local m = require 'lib.count' local A = stage.class 'a.{id}' function A:up() return m.up() end\n"
		         "function A:same() return require 'lib.count' == m end return A",
		"b.lua", "local m = require 'lib.count' local B = stage.class 'b.{id}' function B:up() return m.up() end return B",
		"lib/count.lua", "local n = 0 return { up = function() n = n + 1 return n end }", NULL), "");
	a = world_turn(world_actor(world_class(0), "a.1"));
	b = world_turn(world_actor(world_class(1), "b.1"));
	assert_string_equal(world_start(a, "up", "[]"), "1");
	assert_string_equal(world_start(a, "up", "[]"), "2");
	assert_string_equal(world_start(b, "up", "[]"), "1");
	assert_string_equal(world_start(a, "same", "[]"), "true");
	world_turn_end(a);
	world_turn_end(b);
}

static void test_modules_that_cannot_be(void **state)
{
	static const char class[] = "local m = require 'lib.a' return stage.class 'a.{id}'";

	(void)state;
	assert_non_null(strstr(world_load_files("a.lua", class, "lib/a.lua", "require 'lib.b'", "lib/b.lua", "require 'lib.a'", NULL),
	                       "module 'lib.a' requires itself"));
	assert_string_equal(world_load_files("a.lua", class, "lib/a.lua", "\nerror('broken')", NULL), "lib/a.lua:2: broken\n");
	assert_string_equal(world_load_files("a.lua", "require '../x' return stage.class 'a.{id}'", NULL), "a.lua:1: bad module name '../x'\n");
	assert_string_equal(world_load_files("a.lua", "require 'b' return stage.class 'a.{id}'", "b.lua", "return stage.class 'b.{id}'", NULL),
	                    "a.lua:1: 'b' is no module: modules belong in a folder, as in require \"lib.b\"\n");
}

static void test_a_module_that_failed_fails_again(void **state)
{
	(void)state;
	struct turn *t;

	assert_string_equal(world_load_files(
		"a.lua", "local A = stage.class 'a.{id}' function A:try() local _, e = pcall(require, 'lib.bad') return e end return A",
		"lib/bad.lua", "error('broken')",
		"lib/no.lua", "return false", NULL), "");
	t = world_turn(world_actor(world_class(0), "a.1"));
	assert_string_equal(world_start(t, "try", "[]"), "\"lib/bad.lua:1: broken\"");
	assert_string_equal(world_start(t, "try", "[]"), "\"lib/bad.lua:1: broken\"");
	world_turn_end(t);
}

/* --- files that do not come to an end --- */

static void test_a_file_that_loops_is_ended(void **state)
{
	static const char *const loops[] = {
		"while true do end",
		"while true do pcall(function() while true do end end) end",
		"coroutine.wrap(function() while true do end end)()",
		"coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
		"table.sort({ 3, 2, 1 }, function() while true do end end)",
		"tostring(setmetatable({}, { __tostring = function() while true do end end }))",
		"local C = stage.class 'c.{id}' setmetatable(C, { __index = function() while true do end end }) return setmetatable({}, { __eq = function() while true do end end })",
		"local C = stage.class 'c.{id}' return setmetatable(C, { __index = function() while true do end end, __pairs = function() while true do end end }), error('x')",
		"local C = stage.class 'c.{id}' C.properties = setmetatable({}, { __index = function() while true do end end }) C.properties[1] = 1 return C",
		"local x <close> = setmetatable({}, { __close = function() while true do end end }) error('x')",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(loops) / sizeof(*loops); i++)
		assert_string_not_equal(load(loops[i]), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_class_as_its_file_describes_it, begin, end),
		cmocka_unit_test_setup_teardown(test_defaults_of_options, begin, end),
		cmocka_unit_test_setup_teardown(test_every_problem_has_its_file_and_line, begin, end),
		cmocka_unit_test_setup_teardown(test_all_files_are_told_of_and_nothing_is_loaded, begin, end),
		cmocka_unit_test_setup_teardown(test_two_classes_for_the_same_addresses, begin, end),
		cmocka_unit_test_setup_teardown(test_modules_are_each_class_s_own, begin, end),
		cmocka_unit_test_setup_teardown(test_modules_that_cannot_be, begin, end),
		cmocka_unit_test_setup_teardown(test_a_module_that_failed_fails_again, begin, end),
		cmocka_unit_test_setup_teardown(test_a_file_that_loops_is_ended, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
