/* Classes and values without a host: patterns, names, and values as slots hold them. */
#include <stddef.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "worker/actor/class.h"
#include "worker/actor/host.h"

/* --- patterns --- */

static void test_patterns_that_are_well_formed(void **state)
{
	static const char *const good[] = { "main", "players.{id}", "a.{x}.b.{y}", "{x}", "a-b_c.1%20", "p.{_x-1}" };
	static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "a b", "{}", "{a", "a}", "x{a}", "{a}x", "{1a}", "{a}.{a}", "{a b}", "%2", "é",
		"{a}.{b}.{c}.{d}.{e}.{f}.{g}.{h}.{i}.{j}.{k}.{l}.{m}.{n}.{o}.{p}.{q}" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_null(class_pattern_problem(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (class_pattern_problem(bad[i]) == NULL)
			fail_msg("%s", bad[i]);
}

static size_t match(const char *pattern, const char *address, struct bytes values[CLASS_PARAMETERS_MAX])
{
	struct bytes names[CLASS_PARAMETERS_MAX];
	struct class c = { .pattern = (char *)pattern };
	size_t count = 0;

	return class_match(&c, bytes_of(address), &count, names, values) ? count : SIZE_MAX;
}

static void test_addresses_match_segment_by_segment(void **state)
{
	struct bytes values[CLASS_PARAMETERS_MAX];

	(void)state;
	assert_int_equal(match("main", "main", values), 0);
	assert_int_equal(match("main", "mai", values), SIZE_MAX);
	assert_int_equal(match("main", "main.x", values), SIZE_MAX);
	assert_int_equal(match("a.{x}.c", "a.b", values), SIZE_MAX);
	assert_int_equal(match("a.{x}.c", "a.b.d", values), SIZE_MAX);
	assert_int_equal(match("a.{x}.{y}", "a.%41.22", values), 2);
	assert_true(bytes_equal(values[0], BYTES_LITERAL("%41")));
	assert_true(bytes_equal(values[1], BYTES_LITERAL("22")));
}

/* --- problems --- */

static void test_problems_are_copies(void **state)
{
	struct host_problems problems = { 0 };
	char message[] = "unexpected symbol";

	(void)state;
	host_problem_add(&problems, BYTES_LITERAL("a.lua"), 3, message);
	host_problem_add(&problems, BYTES_LITERAL("b.lua"), 0, "other");
	message[0] = 'X';
	assert_int_equal(problems.count, 2);
	assert_string_equal(problems.list[0].file, "a.lua");
	assert_string_equal(problems.list[0].message, "unexpected symbol");
	assert_int_equal(problems.list[0].line, 3);
	host_problems_fini(&problems);
	assert_int_equal(problems.count, 0);
}

/* --- values --- */

static struct value value_of(const char *json)
{
	struct buffer packed = { 0 };
	struct value v;

	assert_int_equal(json_parse(bytes_of(json), &packed, NULL), JSON_OK);
	assert_int_equal(value_unpack(buffer_bytes(&packed), &v), 0);
	buffer_fini(&packed);
	return v;
}

static void test_a_value_is_what_was_unpacked(void **state)
{
	static const char *const texts[] = { "null", "true", "false", "0", "-1", "9007199254740991", "1.0", "-0.0", "1e100",
		"\"\"", "\"x\"", "[]", "{}", "[1,2.0,null]", "{\"a\":[{}]}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct value v = value_of(texts[i]), copy;
		struct buffer packed = { 0 }, json = { 0 };

		assert_int_equal(value_copy(&v, &copy), 0);
		assert_true(value_equal(&v, &copy));
		value_fini(&v);
		value_pack(&copy, &packed);
		assert_int_equal(json_write(buffer_bytes(&packed), &json), buffer_length(&packed));
		assert_true(bytes_equal(buffer_bytes(&json), bytes_of(texts[i])));
		value_fini(&copy);
		assert_int_equal(copy.type, VALUE_NULL);
		buffer_fini(&packed);
		buffer_fini(&json);
	}
}

static bool equal(const char *left, const char *right)
{
	struct value a = value_of(left), b = value_of(right);
	bool result = value_equal(&a, &b);

	value_fini(&a);
	value_fini(&b);
	return result;
}

static void test_equal_is_the_same_type_and_bits(void **state)
{
	(void)state;
	assert_true(equal("1", "1"));
	assert_false(equal("1", "1.0"));
	assert_false(equal("0.0", "-0.0"));
	assert_false(equal("null", "false"));
	assert_false(equal("[]", "{}"));
	assert_true(equal("{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}"));
	assert_false(equal("{\"a\":1}", "{\"a\":1.0}"));
	assert_false(equal("[1,2]", "[2,1]"));
	assert_false(equal("\"1\"", "1"));
}

static void test_what_is_no_value_of_json(void **state)
{
	static const struct bytes bad[] = {
		{ "", 0 }, { "\x92\x01", 2 }, { "\x01\x01", 2 }, { "\xca\x00\x00\x00\x00", 5 }, { "\xc4\x01x", 3 },
		{ "\xd4\x01x", 3 }, { "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9 }, { "\xc1", 1 }, { "\xdd\xff\xff\xff\xff", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct value v = { .type = VALUE_TRUE };

		assert_int_equal(value_unpack(bad[i], &v), -EINVAL);
		assert_int_equal(v.type, VALUE_TRUE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns_that_are_well_formed),
		cmocka_unit_test(test_addresses_match_segment_by_segment),
		cmocka_unit_test(test_problems_are_copies),
		cmocka_unit_test(test_a_value_is_what_was_unpacked),
		cmocka_unit_test(test_equal_is_the_same_type_and_bits),
		cmocka_unit_test(test_what_is_no_value_of_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
