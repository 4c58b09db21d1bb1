/* Admin answers: who may ask, what rows look like as text and JSON, which word leads
 * to a handler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/msgpack.h"
#include "supervisor/admin_access.h"
#include "supervisor/admin_dispatch.h"
#include "supervisor/admin_table.h"
#include "supervisor/alarm.h"

static void root_and_the_own_user_are_admins_the_group_operates(void **state)
{
	const gid_t groups[] = { 5, 100 };

	(void)state;
	assert_int_equal(admin_access_rule(0, NULL, 0, 33, 100), ADMIN_ADMIN);
	assert_int_equal(admin_access_rule(33, NULL, 0, 33, 100), ADMIN_ADMIN);
	assert_int_equal(admin_access_rule(34, groups, 2, 33, 100), ADMIN_OPERATE);
	assert_int_equal(admin_access_rule(34, groups, 1, 33, 100), ADMIN_NOBODY);
	assert_int_equal(admin_access_rule(34, NULL, 0, 33, 100), ADMIN_NOBODY);
}

static void only_the_whole_token_is_the_token(void **state)
{
	(void)state;
	assert_true(admin_token_equal(bytes_of("secret"), "secret"));
	assert_false(admin_token_equal(bytes_of("secre"), "secret"));
	assert_false(admin_token_equal(bytes_of("secrets"), "secret"));
	assert_false(admin_token_equal(bytes_of("Secret"), "secret"));
	assert_false(admin_token_equal(bytes_of(""), "secret"));
	assert_false(admin_token_equal(bytes_of(""), "")); /* no token was ever read */
}

static void every_verb_this_version_has_is_in_the_protocols_table(void **state)
{
	static const char *const words[] = {
		"status", "check", "workers", "actors", "sessions", "inspect", "reload", "help", "config", "shards",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_non_null(admin_dispatch_find(bytes_of(words[i])));
		assert_non_null(admin_find(bytes_of(words[i])));
	}
	assert_null(admin_dispatch_find(bytes_of("frobnicate")));
}

static void a_mistyped_word_is_guessed(void **state)
{
	(void)state;
	assert_string_equal(admin_nearest(bytes_of("statsu")), "status");
	assert_string_equal(admin_nearest(bytes_of("worker")), "workers");
	assert_string_equal(admin_nearest(bytes_of("inspct")), "inspect");
	assert_null(admin_nearest(bytes_of("xyzzyplugh")));
	assert_null(admin_nearest(bytes_of("")));
}

/* --- tables ----------------------------------------------------------------------- */

static void append_line(void *to, struct bytes line)
{
	assert_null(line.len > 0 ? memchr(line.data, '\n', line.len) : NULL);
	buffer_append_bytes(to, line);
	buffer_append_text(to, "\n");
}

static const struct admin_column columns[] = {
	{ "name", 0 }, { "count", 0 }, { "memory", ADMIN_CELL_SIZE }, { "age_ms", ADMIN_CELL_DURATION }, { NULL, 0 },
};

static struct admin_table two_rows(void)
{
	struct admin_table t;
	struct buffer *row;

	admin_table_init(&t, columns);
	row = admin_table_row(&t, 4);
	admin_pair_text(row, "name", "a\nb");
	admin_pair_uint(row, "count", 7);
	admin_pair_uint(row, "memory", 12u << 20);
	admin_pair_uint(row, "age_ms", 125000);
	row = admin_table_row(&t, 3);
	admin_pair_uint(row, "extra", 1);
	admin_pair_text(row, "name", "\xc3\xa4\xc3\xb6"); /* two characters, four bytes */
	admin_pair_uint(row, "count", 1234);
	return t;
}

static void assert_shows(void (*show)(const struct admin_table *, void *, admin_emit), struct admin_table t,
                         const char *expected)
{
	struct buffer out = { 0 };

	show(&t, &out, append_line);
	buffer_append(&out, "", 1);
	assert_string_equal(buffer_bytes(&out).data, expected);
	buffer_fini(&out);
	admin_table_fini(&t);
}

static void text_is_aligned_and_forges_no_line(void **state)
{
	(void)state;
	assert_shows(admin_table_text, two_rows(),
	             "name    count  memory    age\n"
	             "a\\x0ab      7   12.0M  2m05s\n"
	             "\xc3\xa4\xc3\xb6       1234       -      -\n");
}

static void json_has_every_column_then_the_rest(void **state)
{
	(void)state;
	assert_shows(admin_table_json, two_rows(),
	             "{\"name\":\"a\\nb\",\"count\":7,\"memory\":12582912,\"age_ms\":125000}\n"
	             "{\"name\":\"\xc3\xa4\xc3\xb6\",\"count\":1234,\"memory\":null,\"age_ms\":null,\"extra\":1}\n");
}

static void an_empty_table_still_has_its_titles(void **state)
{
	struct admin_table t;

	(void)state;
	admin_table_init(&t, columns);
	assert_shows(admin_table_text, t, "name  count  memory  age\n");
	assert_shows(admin_table_json, t, "");
}

static void a_page_shows_facts_within_facts(void **state)
{
	struct admin_table t;
	struct buffer *row;

	(void)state;
	admin_table_init(&t, columns);
	row = admin_table_row(&t, 5);
	admin_pair_text(row, "state_dir", "/x");
	admin_pair_uint(row, "age_ms", 1500);
	msgpack_write_str(row, BYTES_LITERAL("properties"));
	msgpack_write_map(row, 2);
	admin_pair_uint(row, "hp", 90);
	admin_pair_text(row, "nick_name", "a");
	msgpack_write_str(row, BYTES_LITERAL("errors"));
	msgpack_write_array(row, 1);
	msgpack_write_map(row, 2);
	admin_pair_uint(row, "time", 0);
	admin_pair_text(row, "message", "no");
	msgpack_write_str(row, BYTES_LITERAL("alarms"));
	msgpack_write_array(row, 0);
	assert_shows(admin_page_text, t,
	             "state dir   /x\n"
	             "age         1.5s\n"
	             "properties\n"
	             "  hp         90\n"
	             "  nick_name  a\n"
	             "errors\n"
	             "  1970-01-01T00:00:00Z  no\n"
	             "alarms      none\n");
}

static void a_malformed_row_breaks_nothing(void **state)
{
	struct admin_table t;
	struct buffer out = { 0 };

	(void)state;
	admin_table_init(&t, columns);
	buffer_append(&t.rows, "\xde\xff\xff\x01", 4);
	t.count = 3;
	admin_table_text(&t, &out, append_line);
	admin_table_json(&t, &out, append_line);
	admin_page_text(&t, &out, append_line);
	buffer_fini(&out);
	admin_table_fini(&t);
}

/* --- alarms ----------------------------------------------------------------------- */

static void an_alarm_lasts_until_it_is_over_or_its_child_is_gone(void **state)
{
	struct alarms a = { 0 };

	(void)state;
	assert_true(alarm_raise(&a, "store", bytes_of("store-full"), bytes_of("no room"), 5));
	assert_false(alarm_raise(&a, "store", bytes_of("store-full"), bytes_of("still no room"), 6));
	assert_true(alarm_raise(&a, "actor/0", bytes_of("memory"), bytes_of("much"), 6));
	assert_int_equal(a.count, 2);
	assert_true(alarm_clear(&a, "store", bytes_of("store-full")));
	assert_false(alarm_clear(&a, "store", bytes_of("store-full")));
	alarm_forget(&a, "actor/0");
	assert_int_equal(a.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_and_the_own_user_are_admins_the_group_operates),
		cmocka_unit_test(only_the_whole_token_is_the_token),
		cmocka_unit_test(every_verb_this_version_has_is_in_the_protocols_table),
		cmocka_unit_test(a_mistyped_word_is_guessed),
		cmocka_unit_test(text_is_aligned_and_forges_no_line),
		cmocka_unit_test(json_has_every_column_then_the_rest),
		cmocka_unit_test(an_empty_table_still_has_its_titles),
		cmocka_unit_test(a_page_shows_facts_within_facts),
		cmocka_unit_test(a_malformed_row_breaks_nothing),
		cmocka_unit_test(an_alarm_lasts_until_it_is_over_or_its_child_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
