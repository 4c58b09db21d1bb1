/* What of the PostgreSQL engine needs no server: its arrays, and what SQLSTATEs mean. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "worker/store/postgresql_array.h"
#include "worker/store/postgresql_connection.h"
#include "worker/store/postgresql_error.h"

static void expect(struct buffer *array, const char *bytes, size_t count)
{
	assert_int_equal(buffer_length(array), count);
	assert_memory_equal(buffer_bytes(array).data, bytes, count);
	buffer_fini(array);
}

#define EXPECT(array, literal) expect(array, literal, sizeof(literal) - 1)

static void an_array_has_a_head_and_elements(void **state)
{
	struct buffer array = { 0 };

	(void)state;
	postgresql_array_begin(&array, POSTGRESQL_INT4);
	postgresql_array_int4(&array, 258);
	postgresql_array_int4(&array, UINT32_MAX);
	postgresql_array_end(&array, 2);
	EXPECT(&array, "\0\0\0\1" "\0\0\0\0" "\0\0\0\x17" "\0\0\0\2" "\0\0\0\1"
	       "\0\0\0\4" "\0\0\1\2" "\0\0\0\4" "\xff\xff\xff\xff");
	postgresql_array_begin(&array, POSTGRESQL_BYTEA);
	postgresql_array_bytes(&array, BYTES_LITERAL("a\0b"));
	postgresql_array_bytes(&array, (struct bytes){ NULL, 0 });
	postgresql_array_end(&array, 2);
	EXPECT(&array, "\0\0\0\1" "\0\0\0\0" "\0\0\0\x11" "\0\0\0\2" "\0\0\0\1" "\0\0\0\3" "a\0b" "\0\0\0\0");
	postgresql_array_begin(&array, POSTGRESQL_INT8);
	postgresql_array_end(&array, 0);
	EXPECT(&array, "\0\0\0\1" "\0\0\0\0" "\0\0\0\x14" "\0\0\0\0" "\0\0\0\1");
}

static void integers_come_in_two_widths(void **state)
{
	(void)state;
	assert_int_equal(postgresql_integer(BYTES_LITERAL("\0\0\1\2")), 258);
	assert_int_equal(postgresql_integer(BYTES_LITERAL("\0\0\0\1\0\0\0\0")), UINT64_C(1) << 32);
	assert_int_equal(postgresql_integer(BYTES_LITERAL("\1")), 0);
	assert_int_equal(postgresql_integer((struct bytes){ NULL, 0 }), 0);
}

static void a_sqlstate_has_a_meaning(void **state)
{
	static const struct { const char *state; enum engine_result result; bool again; } cases[] = {
		{ NULL, ENGINE_AWAY, false }, { "", ENGINE_AWAY, false },
		{ "40001", ENGINE_FAILED, true }, { "40P01", ENGINE_FAILED, true }, { "40002", ENGINE_FAILED, false },
		{ "53100", ENGINE_FULL, false }, { "53300", ENGINE_AWAY, false }, { "53200", ENGINE_FAILED, false },
		{ "57P01", ENGINE_AWAY, false }, { "57P02", ENGINE_AWAY, false }, { "57P03", ENGINE_AWAY, false },
		{ "57014", ENGINE_AWAY, false }, { "08006", ENGINE_AWAY, false }, { "25006", ENGINE_AWAY, false },
		{ "XX001", ENGINE_FAILED, false }, { "42P01", ENGINE_FAILED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool again;

		assert_int_equal(postgresql_classify(cases[i].state, &again), cases[i].result);
		assert_int_equal(again, cases[i].again);
	}
}

static void a_url_is_looked_at_and_not_repeated(void **state)
{
	struct buffer error = { 0 };

	(void)state;
	assert_true(postgresql_url_valid("postgresql://stage:sesame@db1,db2/stage?sslmode=require", &error));
	assert_true(postgresql_url_valid("host=/run/postgresql dbname=stage password='a b'", &error));
	assert_int_equal(buffer_length(&error), 0);
	assert_false(postgresql_url_valid("host=db1 password=sesame street", &error));
	assert_null(memmem(buffer_bytes(&error).data, buffer_length(&error), "street", 6));
	buffer_fini(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_array_has_a_head_and_elements), cmocka_unit_test(integers_come_in_two_widths),
		cmocka_unit_test(a_sqlstate_has_a_meaning), cmocka_unit_test(a_url_is_looked_at_and_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
