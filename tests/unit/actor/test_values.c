/* Values between msgpack and Lua, with msgpack-c as the oracle of what is written. */
#include "tests/unit/actor/world.h"

#include <math.h>
#include <msgpack.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "proto/msgpack.h"

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

static const char echo[] = "local C = stage.class 'things.{id}' C.properties = { p = stage.null }\n"
                           "function C:echo(v) return v end\n"
                           "function C:keep(v) self.p = v return self.p end\n"
                           "return C";

/* Calls method with the one value and wants it back, byte by byte. */
static void assert_same(struct turn *t, const char *method, msgpack_sbuffer *value)
{
	struct buffer arguments = { 0 };
	struct host_outcome outcome = { 0 };
	enum host_status status;

	msgpack_write_array(&arguments, 1);
	buffer_append(&arguments, value->data, value->size);
	status = lua_host_ops.start(t, HOST_METHOD, bytes_of(method), buffer_bytes(&arguments), &outcome);
	while (status == HOST_PREEMPTED)
		status = lua_host_ops.resume(t, NULL, &outcome);
	assert_int_equal(status, HOST_DONE);
	assert_int_equal(outcome.result.len, value->size);
	assert_memory_equal(outcome.result.data, value->data, value->size);
	buffer_fini(&arguments);
}

static void pack_text(msgpack_packer *p, const char *text)
{
	msgpack_pack_str(p, strlen(text));
	msgpack_pack_str_body(p, text, strlen(text));
}

static void pack_integers(msgpack_packer *p)
{
	static const int64_t integers[] = { 0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, -128, -129, -32768, -32769,
		INT32_MAX, INT32_MIN, UINT32_MAX, (int64_t)UINT32_MAX + 1, (1ll << 53) + 1, -(1ll << 53) - 1, INT64_MAX, INT64_MIN };
	size_t n = sizeof(integers) / sizeof(*integers);

	msgpack_pack_array(p, n);
	for (size_t i = 0; i < n; i++)
		msgpack_pack_int64(p, integers[i]);
}

static void pack_reals(msgpack_packer *p)
{
	static const double reals[] = { 0.0, -0.0, 1.0, -1.0, 0.1, 1e300, 5e-324, 9007199254740993.0, 2.5 };
	size_t n = sizeof(reals) / sizeof(*reals);

	msgpack_pack_array(p, n);
	for (size_t i = 0; i < n; i++)
		msgpack_pack_double(p, reals[i]);
}

static void pack_empties(msgpack_packer *p)
{
	msgpack_pack_array(p, 6);
	msgpack_pack_array(p, 0);
	msgpack_pack_map(p, 0);
	msgpack_pack_str(p, 0);
	msgpack_pack_nil(p);
	msgpack_pack_array(p, 1);
	msgpack_pack_array(p, 0);
	msgpack_pack_array(p, 2);
	msgpack_pack_nil(p);
	msgpack_pack_nil(p);
}

static void pack_texts(msgpack_packer *p)
{
	char long_text[70000];

	memset(long_text, 'x', sizeof(long_text));
	msgpack_pack_array(p, 4);
	pack_text(p, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	msgpack_pack_str(p, 3);
	msgpack_pack_str_body(p, "a\0b", 3);
	msgpack_pack_str(p, sizeof(long_text));
	msgpack_pack_str_body(p, long_text, sizeof(long_text));
	msgpack_pack_str(p, 200);
	msgpack_pack_str_body(p, long_text, 200);
}

/* Keys are written sorted, so sorted they come back as they were. */
static void pack_maps(msgpack_packer *p)
{
	msgpack_pack_map(p, 4);
	pack_text(p, "");
	msgpack_pack_true(p);
	pack_text(p, "1");
	msgpack_pack_false(p);
	pack_text(p, "a");
	msgpack_pack_nil(p);
	pack_text(p, "ab");
	msgpack_pack_map(p, 1);
	pack_text(p, "z");
	msgpack_pack_array(p, 0);
}

static void pack_deep(msgpack_packer *p)
{
	for (int i = 0; i < 63; i++)
		msgpack_pack_array(p, 1);
	msgpack_pack_array(p, 0);
}

static void pack_long(msgpack_packer *p)
{
	msgpack_pack_array(p, 70000);
	for (int i = 0; i < 70000; i++)
		msgpack_pack_int(p, i);
}

static void test_what_goes_in_comes_out(void **state)
{
	static void (*const packs[])(msgpack_packer *) = { pack_integers, pack_reals, pack_empties, pack_texts, pack_maps, pack_deep, pack_long };
	struct turn *t;

	(void)state;
	world_load(echo);
	t = world_turn(world_actor(world_class(0), "things.1"));
	for (size_t i = 0; i < sizeof(packs) / sizeof(*packs); i++) {
		msgpack_sbuffer value;
		msgpack_packer packer;

		msgpack_sbuffer_init(&value);
		msgpack_packer_init(&packer, &value, msgpack_sbuffer_write);
		packs[i](&packer);
		assert_same(t, "echo", &value);
		assert_same(t, "keep", &value);
		msgpack_sbuffer_destroy(&value);
	}
	world_turn_end(t);
}

/* --- random values --- */

static unsigned random_below(unsigned n)
{
	return (unsigned)random() % n;
}

static void pack_random(msgpack_packer *p, unsigned depth)
{
	char key[8];
	unsigned n = random_below(6);

	switch (random_below(depth > 5 ? 5 : 7)) {
	case 0:
		msgpack_pack_nil(p);
		break;
	case 1:
		if (random_below(2)) msgpack_pack_true(p); else msgpack_pack_false(p);
		break;
	case 2:
		msgpack_pack_int64(p, (int64_t)((uint64_t)random() << 33 ^ (uint64_t)random()) >> random_below(63));
		break;
	case 3:
		msgpack_pack_double(p, ldexp((double)random() - 1e9, (int)random_below(600) - 300));
		break;
	case 4:
		snprintf(key, sizeof(key), "%u", random_below(1000));
		pack_text(p, key);
		break;
	case 5:
		msgpack_pack_array(p, n);
		for (unsigned i = 0; i < n; i++)
			pack_random(p, depth + 1);
		break;
	default:
		msgpack_pack_map(p, n);
		for (unsigned i = 0; i < n; i++) {
			snprintf(key, sizeof(key), "k%u", i);
			pack_text(p, key);
			pack_random(p, depth + 1);
		}
	}
}

static void test_random_values_come_out_alike(void **state)
{
	struct turn *t;

	(void)state;
	srandom(5);
	world_load(echo);
	t = world_turn(world_actor(world_class(0), "things.1"));
	for (int i = 0; i < 3000; i++) {
		msgpack_sbuffer value;
		msgpack_packer packer;

		msgpack_sbuffer_init(&value);
		msgpack_packer_init(&packer, &value, msgpack_sbuffer_write);
		pack_random(&packer, 0);
		assert_same(t, i % 2 ? "echo" : "keep", &value);
		msgpack_sbuffer_destroy(&value);
	}
	world_turn_end(t);
}

/* --- tables as they are built --- */

static const struct {
	const char *code, *outcome;
} tables[] = {
	{ "return { 1, 2, 3 }", "[1,2,3]" },
	{ "local t = {} t[3] = 3 t[2] = 2 t[1] = 1 return t", "[1,2,3]" },
	{ "local t = {} for i = 40, 1, -1 do t[i] = i end return #t == 40 and t[40]", "40" },
	{ "return { b = 1, a = 2, c = { z = 1, y = 2 } }", "{\"a\":2,\"b\":1,\"c\":{\"y\":2,\"z\":1}}" },
	{ "return { 1, stage.null, 3 }", "[1,null,3]" },
	{ "return { 1, 1.0, -0.0, 1e100 }", "[1,1.0,-0.0,1e100]" },
	{ "return math.maxinteger", "\"9223372036854775807\"" },
	{ "return nil", "null" },
	{ "return", "null" },
	{ "return 1, 2", "1" },
	{ "return { { } }", "[{}]" },
	{ "return { stage.array { stage.array {} } }", "[[[]]]" },
	{ "local t = stage.array { 1 } t[1] = nil return t", "[]" },
	{ "local t = { 1, 2, x = 3 } return t", "!a list that has names as keys too" },
	{ "local t = { x = 3 } t[1] = 1 return t", "!a list that has names as keys too" },
	{ "return { [5] = 1 }", "!the key 5: a list's keys are 1 to n without a gap" },
	{ "return { a = { b = { [2] = 1 } } }", "!a.b: the key 2: a list's keys are 1 to n without a gap" },
	{ "return { a = { true, { c = print or function() end } } }", "!a[2].c: a function cannot be kept or sent" },
	{ "return { [1.5] = 1 }", "!a number as a key: keys are names, or 1 to n" },
	{ "return { [true] = 1 }", "!a boolean as a key: keys are names, or 1 to n" },
	{ "return { [{}] = 1 }", "!a table as a key: keys are names, or 1 to n" },
	{ "return { [setmetatable({}, { __tostring = function() while true do end end })] = 1 }",
	  "!a table as a key: keys are names, or 1 to n" },
	{ "return { ['\\xff'] = 1 }", "!a string that is not UTF-8 cannot be kept or sent" },
	{ "return { a = '\\xc0\\x80' }", "!a: a string that is not UTF-8 cannot be kept or sent" },
	{ "return '\\u{D800}'", "!a string that is not UTF-8 cannot be kept or sent" },
	{ "return 0/0", "!NaN and infinities cannot be kept or sent" },
	{ "return { -math.huge }", "![1]: NaN and infinities cannot be kept or sent" },
	{ "return function() end", "!a function cannot be kept or sent" },
	{ "return self", "!self cannot be kept or sent; its address can" },
	{ "local t = {} t.t = t return t", "!a table is nested deeper than 64 levels, or contains itself" },
	{ "local t = stage.array {} for i = 1, 63 do t = { t } end return #t", "1" },
	{ "local t = {} for i = 1, 64 do t = { t } end return t", "!a table is nested deeper than 64 levels, or contains itself" },
	{ "local t = {} for i = 1, 62 do t = { t, t } end return t", "!a value takes more than 2 MB" },
	{ "local t = setmetatable({}, { __index = function() while true do end end, __pairs = function() while true do end end, __len = function() return 5 end }) return t", "{}" },
};

static void test_tables_as_they_are_built(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		const char *got = world_run(tables[i].code), *want = tables[i].outcome;
		bool good = *want == '!' ? strncmp(got, "app ", 4) == 0 && strstr(got, want + 1) != NULL : strcmp(got, want) == 0;

		if (!good)
			fail_msg("%s\nexpected %s\ngot      %s", tables[i].code, want, got);
		world_fini();
		world_init(NULL);
	}
}

/* A sparse list is what its border says, and never loses an element silently. */
static void test_a_gap_is_never_silent(void **state)
{
	(void)state;
	assert_non_null(strstr(world_run("local t = { 1, 2, 3, 4, 5, 6, 7, 8 } t[4] = nil return t"), "1 to n without a gap"));
	assert_non_null(strstr(world_run("local t = { 1, 2 } t[100] = 1 return t"), "1 to n without a gap"));
	assert_non_null(strstr(world_run("return { nil, nil, 3 }"), "1 to n without a gap"));
}

/* A list is a list still when its last element has gone. */
static void test_an_emptied_list_stays_a_list(void **state)
{
	(void)state;
	world_load("local C = stage.class 'things.{id}' C.properties = { queue = stage.array { 1, { 2 } }, map = { a = 1 } }\n"
	           "function C:take() local q = self.queue table.remove(q) self.queue = q return self.queue end\n"
	           "function C:clear() local m = self.map m.a = nil self.map = m return self.map end\n"
	           "function C:inner(v) v[1][1] = nil return v end return C");
	assert_string_equal(world_call("take", "[]"), "[1]");
	assert_string_equal(world_call("take", "[]"), "[]");
	assert_string_equal(world_call("take", "[]"), "[]");
	assert_string_equal(world_call("clear", "[]"), "{}");
	assert_string_equal(world_call("inner", "[[[5]]]"), "[[]]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_goes_in_comes_out, begin, end),
		cmocka_unit_test_setup_teardown(test_random_values_come_out_alike, begin, end),
		cmocka_unit_test_setup_teardown(test_tables_as_they_are_built, begin, end),
		cmocka_unit_test_setup_teardown(test_an_emptied_list_stays_a_list, begin, end),
		cmocka_unit_test_setup_teardown(test_a_gap_is_never_silent, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
