/* Lines of clients: every verb and every option; and the lines back. */
#include "tests/unit/proto/client_line.h"

#include <stdio.h>

/* --- verbs --- */

static void get_reads_one_property(void **state)
{
	(void)state;
	is_fine("1 get players.42 hp");
	assert_int_equal(q.verb, CLIENT_GET);
	assert_text(q.id, "1");
	assert_text(q.address, "players.42");
	assert_false(q.all);
	assert_int_equal(q.member_count, 1);
	assert_text(q.members[0], "hp");
	assert_int_equal(q.options, 0);
	assert_int_equal(q.json.len, 0);
}

static void get_reads_several_or_all(void **state)
{
	(void)state;
	is_fine("1 get players.42 hp,shoe-size,_x");
	assert_int_equal(q.member_count, 3);
	assert_text(q.members[1], "shoe-size");
	assert_text(q.members[2], "_x");
	is_fine("1 get players.42 *");
	assert_true(q.all);
	assert_int_equal(q.member_count, 0);
}

static void watch_takes_what_get_takes(void **state)
{
	(void)state;
	is_fine("w-1 watch arenas.main.%20x * min=100 v=3f:128");
	assert_int_equal(q.verb, CLIENT_WATCH);
	assert_text(q.address, "arenas.main.%20x");
	assert_true(q.all);
	assert_int_equal(q.min, 100);
	assert_true(version_equal(q.v, (struct version){ 0x3f, 128 }));
	assert_int_equal(q.options, 1u << CLIENT_OPTION_MIN | 1u << CLIENT_OPTION_V);
}

static void set_assigns_one_or_several(void **state)
{
	(void)state;
	is_fine("1 set players.42 nick \"a b  c\"");
	assert_int_equal(q.verb, CLIENT_SET);
	assert_text(q.members[0], "nick");
	assert_text(q.json, "\"a b  c\"");
	is_fine("1 set players.42 * q=1 {\"a\": 1, \"b\": 2}");
	assert_true(q.all && q.quiet);
	assert_text(q.json, "{\"a\": 1, \"b\": 2}");
}

static void call_may_have_arguments(void **state)
{
	(void)state;
	is_fine("1 call players.42 attack");
	assert_int_equal(q.verb, CLIENT_CALL);
	assert_text(q.members[0], "attack");
	assert_int_equal(q.json.len, 0);
	is_fine("1 call players.42 attack t=500 [10]");
	assert_int_equal(q.t, 500);
	assert_text(q.json, "[10]");
	is_fine("1 call players.42 say true");
	assert_text(q.json, "true");
}

static void the_connections_verbs_are_addressed_to_it(void **state)
{
	static const struct {
		const char *line;
		enum client_verb verb;
	} rows[] = {
		{ "1 ping @", CLIENT_PING }, { "1 sync @", CLIENT_SYNC }, { "1 bye @", CLIENT_BYE },
		{ "1 hello @", CLIENT_HELLO }, { "1 auth @ {\"token\":\"x\"}", CLIENT_AUTH },
		{ "1 unwatch @ id=7", CLIENT_UNWATCH }, { "1 cancel @ id=7", CLIENT_CANCEL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		is_fine(rows[i].line);
		assert_int_equal(q.verb, rows[i].verb);
		assert_text(q.address, "@");
	}
}

static void unwatch_and_cancel_name_their_target(void **state)
{
	(void)state;
	is_fine("2 unwatch @ id=w-1_X");
	assert_text(q.target, "w-1_X");
	is_answered("2 unwatch @", ERROR_BAD_ARG, "unwatch @ id=N");
	is_answered("2 cancel @", ERROR_BAD_ARG, "cancel @ id=N");
	is_answered("2 cancel @ id=", ERROR_BAD_ARG, "id");
	is_answered("2 cancel @ id=a.b", ERROR_BAD_ARG, "id");
	is_answered("2 cancel @ id=123456789012345678901234567890123", ERROR_BAD_ARG, "id");
}

static void hello_says_who_and_which_version(void **state)
{
	(void)state;
	is_fine("1 hello @ proto=1 client=tests/1.0 session=mine");
	assert_int_equal(q.proto, 1);
	assert_text(q.client, "tests/1.0");
	assert_text(q.session, "mine");
}

static void the_table_stands_in_the_order_of_the_verbs(void **state)
{
	(void)state;
	for (int i = 0; i < CLIENT_VERB_COUNT; i++) {
		const struct client_verb_row *row = &client_verb_rows[i];

		assert_int_equal(row->verb, i);
		assert_int_equal(row->required & ~row->options, 0);
		assert_memory_equal(row->help, row->word, strlen(row->word));
	}
}

/* --- options --- */

static const char *const lines_before_options[CLIENT_VERB_COUNT] = {
	[CLIENT_GET] = "1 get a.b c", [CLIENT_WATCH] = "1 watch a.b c", [CLIENT_SET] = "1 set a.b c",
	[CLIENT_CALL] = "1 call a.b c", [CLIENT_HELLO] = "1 hello @", [CLIENT_AUTH] = "1 auth @",
	[CLIENT_PING] = "1 ping @", [CLIENT_SYNC] = "1 sync @", [CLIENT_UNWATCH] = "1 unwatch @",
	[CLIENT_CANCEL] = "1 cancel @", [CLIENT_BYE] = "1 bye @",
};

static const char *const option_texts[CLIENT_OPTION_COUNT] = {
	[CLIENT_OPTION_T] = "t=1", [CLIENT_OPTION_Q] = "q=1", [CLIENT_OPTION_IF] = "if=a:1",
	[CLIENT_OPTION_MIN] = "min=1", [CLIENT_OPTION_V] = "v=a:1", [CLIENT_OPTION_ONCE] = "once=1",
	[CLIENT_OPTION_TRACE] = "trace=00-1-2-01", [CLIENT_OPTION_ID] = "id=1", [CLIENT_OPTION_PROTO] = "proto=1",
	[CLIENT_OPTION_CLIENT] = "client=x", [CLIENT_OPTION_SESSION] = "session=x",
};

/* Which verb takes which option, as the protocol's document says. */
static void each_verb_takes_its_options_and_no_others(void **state)
{
	static const char *const takes[CLIENT_VERB_COUNT] = {
		[CLIENT_GET] = "t q trace", [CLIENT_WATCH] = "t q trace min v", [CLIENT_SET] = "t q trace if once",
		[CLIENT_CALL] = "t q trace if once", [CLIENT_HELLO] = "proto client session", [CLIENT_AUTH] = "",
		[CLIENT_PING] = "", [CLIENT_SYNC] = "", [CLIENT_UNWATCH] = "id", [CLIENT_CANCEL] = "id",
		[CLIENT_BYE] = "",
	};

	(void)state;
	for (int verb = 0; verb < CLIENT_VERB_COUNT; verb++)
		for (int option = 0; option < CLIENT_OPTION_COUNT; option++) {
			char line[128], key[16], padded[64];
			bool json = client_verb_rows[verb].json == CLIENT_JSON_REQUIRED;
			bool target = client_verb_rows[verb].required && option != CLIENT_OPTION_ID;

			snprintf(key, sizeof(key), " %.*s ", (int)strcspn(option_texts[option], "="), option_texts[option]);
			snprintf(padded, sizeof(padded), " %s ", takes[verb]);
			snprintf(line, sizeof(line), "%s %s%s%s", lines_before_options[verb], option_texts[option],
			         target ? " id=2" : "", json ? " 1" : "");
			if (strstr(padded, key)) {
				is_fine(line);
				assert_true(q.options & 1u << option);
			} else {
				is_answered(line, ERROR_BAD_ARG, "does not take it");
			}
		}
}

static void options_have_values_of_their_kind(void **state)
{
	(void)state;
	is_fine("1 get a.b c t=0 q=0");
	assert_false(q.quiet);
	is_answered("1 get a.b c t=", ERROR_BAD_ARG, "number");
	is_answered("1 get a.b c t=soon", ERROR_BAD_ARG, "number");
	is_answered("1 get a.b c t=-1", ERROR_BAD_ARG, "number");
	is_answered("1 get a.b c t=1234567890123456", ERROR_BAD_ARG, "number");
	is_answered("1 get a.b c q=2", ERROR_BAD_ARG, "0 or 1");
	is_answered("1 get a.b c q=", ERROR_BAD_ARG, "0 or 1");
	is_answered("1 get a.b c q=true", ERROR_BAD_ARG, "0 or 1");
	is_answered("1 set a.b c if=nonsense 1", ERROR_BAD_ARG, "3f:128");
	is_answered("1 set a.b c if=1 1", ERROR_BAD_ARG, "3f:128");
	is_answered("1 set a.b c if=:1 1", ERROR_BAD_ARG, "3f:128");
	is_answered("1 watch a.b c v=1: ", ERROR_BAD_ARG, "3f:128");
	is_answered("1 hello @ client=", ERROR_BAD_ARG, "text");
	is_answered("1 hello @ client=caf\xc3\xa9", ERROR_BAD_LINE, "printable");
}

static void an_option_stands_once(void **state)
{
	(void)state;
	is_answered("1 get a.b c t=1 t=2", ERROR_BAD_ARG, "twice");
}

static void an_unknown_option_is_an_argument_too_many(void **state)
{
	(void)state;
	is_answered("1 get a.b c colour=red", ERROR_BAD_ARG, "\"option\":\"colour\"");
	is_answered("1 call a.b c colour=red [1]", ERROR_BAD_ARG, "no such option");
	is_answered("1 ping @ x=", ERROR_BAD_ARG, "no such option");
	is_answered("1 get a.b c averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongone=1",
	            ERROR_BAD_ARG, "no such option");
}

/* --- lines to a client --- */

static void writes(struct client_line line, const char *expected)
{
	struct buffer out = { 0 };

	client_format(&line, &out);
	assert_written(&out, expected);
	client_format_tail(&line, &out);
	assert_written(&out, strchr(expected, ' '));
	buffer_fini(&out);
}

static void replies_are_written(void **state)
{
	const struct version v = { 0x3f, 128 }, base = { 0xffffffff, UINT64_MAX };

	(void)state;
	writes((struct client_line){ .id = bytes_of("1"), .word = "ok" }, "1 ok\n");
	writes((struct client_line){ .id = bytes_of("1"), .word = "ok", .v = &v, .json = bytes_of("100") },
	       "1 ok v=3f:128 100\n");
	writes((struct client_line){ .id = bytes_of("2"), .word = "ok", .base = &base, .v = &v, .json = bytes_of("{}") },
	       "2 ok base=ffffffff:18446744073709551615 v=3f:128 {}\n");
	writes((struct client_line){ .id = bytes_of("4"), .word = "err", .code = ERROR_NO_MEMBER,
	                             .json = bytes_of("{\"member\":\"x\"}") }, "4 err no-member {\"member\":\"x\"}\n");
}

static void events_and_notices_are_written(void **state)
{
	const struct version v = { 0, 0 };

	(void)state;
	writes((struct client_line){ .id = bytes_of("w"), .word = "evt", .v = &v, .n = 12, .del = bytes_of("a,b"),
	                             .json = bytes_of("{\"hp\":1}") }, "w evt v=0:0 n=12 del=a,b {\"hp\":1}\n");
	writes((struct client_line){ .id = bytes_of("w"), .word = "end", .code = ERROR_GONE }, "w end gone\n");
	writes((struct client_line){ .word = "bye", .code = ERROR_PROTOCOL }, "* bye protocol\n");
	writes((struct client_line){ .word = "ping" }, "* ping\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(get_reads_one_property, forget_line),
		cmocka_unit_test_teardown(get_reads_several_or_all, forget_line),
		cmocka_unit_test_teardown(watch_takes_what_get_takes, forget_line),
		cmocka_unit_test_teardown(set_assigns_one_or_several, forget_line),
		cmocka_unit_test_teardown(call_may_have_arguments, forget_line),
		cmocka_unit_test_teardown(the_connections_verbs_are_addressed_to_it, forget_line),
		cmocka_unit_test_teardown(unwatch_and_cancel_name_their_target, forget_line),
		cmocka_unit_test_teardown(hello_says_who_and_which_version, forget_line),
		cmocka_unit_test(the_table_stands_in_the_order_of_the_verbs),
		cmocka_unit_test_teardown(each_verb_takes_its_options_and_no_others, forget_line),
		cmocka_unit_test_teardown(options_have_values_of_their_kind, forget_line),
		cmocka_unit_test_teardown(an_option_stands_once, forget_line),
		cmocka_unit_test_teardown(an_unknown_option_is_an_argument_too_many, forget_line),
		cmocka_unit_test(replies_are_written),
		cmocka_unit_test(events_and_notices_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
