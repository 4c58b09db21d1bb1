/* Lines that are wrong: which code they get, and that the hint says what is wrong. */
#include "tests/unit/proto/client_line.h"

#include <stdio.h>

static void an_id_is_needed_to_be_answered(void **state)
{
	static const char *const lines[] = {
		"$ ping @", " ping @", "", "é ping @", "1.5 ping @", "* ping @", "@ ping",
		"an-id-that-is-much-longer-than-32-bytes ping @",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		is_answered(lines[i], ERROR_BAD_LINE, "reason");
		assert_int_equal(q.id.len, 0);
	}
	is_fine("abcdefghijklmnopqrstuvwxyzABCD-_ ping @");
	assert_int_equal(q.id.len, CLIENT_ID_MAX);
}

static void every_answer_carries_the_id_that_could_be_read(void **state)
{
	static const char *const lines[] = {
		"7", "7 ", "7 get", "7 get ", "7 get a..b", "7 frob a.b", "7 get a.b c x=1", "7 get a.b c {}", "7  ping @",
		"7 get a.b\tc", "7 set a.b c \"\x01\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_not_equal(parse(lines[i]), ERROR_NONE);
		assert_text(q.id, "7");
		hint_is_json(lines[i]);
	}
}

static void a_mistyped_verb_is_guessed(void **state)
{
	(void)state;
	is_answered("1 gte players.42 hp", ERROR_BAD_VERB, "did you mean get?");
	is_answered("1 unwtach @ id=1", ERROR_BAD_VERB, "did you mean unwatch?");
	is_answered("1 GET players.42 hp", ERROR_BAD_VERB, "lower case: get");
	is_answered("1 frobnicate players.42 hp", ERROR_BAD_VERB, "get set call");
	is_answered("1 frobnicate players.42 hp", ERROR_BAD_VERB, "\"verb\":\"frobnicate\"");
	is_answered("1 \"\\ x", ERROR_BAD_VERB, "reason");
	is_answered("1 \xff x", ERROR_BAD_VERB, "reason");
}

static void a_forgotten_id_is_noticed(void **state)
{
	(void)state;
	is_answered("get players.42 hp", ERROR_BAD_VERB, "1 get …");
	is_answered("ping @", ERROR_BAD_VERB, "1 ping …");
	is_fine("get get get.get get"); /* an ID is what a client says it is */
}

static void an_address_says_which_character_is_wrong(void **state)
{
	(void)state;
	is_answered("1 get players/42 hp", ERROR_BAD_LINE, "character 8");
	is_answered("1 get players..42 hp", ERROR_BAD_LINE, "dots");
	is_answered("1 get .players hp", ERROR_BAD_LINE, "dots");
	is_answered("1 get players. hp", ERROR_BAD_LINE, "dots");
	is_answered("1 get players.%2 hp", ERROR_BAD_LINE, "character 9: behind %");
	is_answered("1 get players.%2x hp", ERROR_BAD_LINE, "hexadecimal");
	is_answered("1 get @ hp", ERROR_BAD_LINE, "@ is the connection");
	is_answered("1 get  players.1 hp", ERROR_BAD_LINE, "two");
	is_answered("1 get \"x\" hp", ERROR_BAD_LINE, "character 1");
	is_answered("1 ping players.1", ERROR_BAD_LINE, "ping @");
	is_answered("1 get", ERROR_BAD_LINE, "get ADDRESS");
}

static void an_address_has_at_most_255_bytes(void **state)
{
	char line[300];

	(void)state;
	snprintf(line, sizeof(line), "1 get %0255d hp", 1);
	is_fine(line);
	snprintf(line, sizeof(line), "1 get %0256d hp", 1);
	is_answered(line, ERROR_BAD_LINE, "at most 255");
}

static void a_member_says_what_is_wrong_with_it(void **state)
{
	char line[128];

	(void)state;
	is_answered("1 get players.42", ERROR_BAD_LINE, "the member is missing");
	is_answered("1 get players.42 hp,", ERROR_BAD_LINE, "a name is missing");
	is_answered("1 get players.42 ,hp", ERROR_BAD_LINE, "a name is missing");
	is_answered("1 get players.42 hp,,dead", ERROR_BAD_LINE, "a name is missing");
	is_answered("1 get players.42 1p", ERROR_BAD_LINE, "begins with a letter");
	is_answered("1 get players.42 h.p", ERROR_BAD_LINE, "character 2");
	is_answered("1 get players.42 hp,*", ERROR_BAD_LINE, "* is not possible");
	is_answered("1 get players.42 hp,dead,hp", ERROR_BAD_ARG, "twice");
	is_answered("1 set players.42 hp,dead 1", ERROR_BAD_LINE, "one name");
	is_answered("1 call players.42 *", ERROR_BAD_LINE, "* is not possible");
	snprintf(line, sizeof(line), "1 get a.b n%063d", 1);
	is_fine(line);
	snprintf(line, sizeof(line), "1 get a.b n%064d", 1);
	is_answered(line, ERROR_BAD_LINE, "at most 64");
}

static void a_list_has_at_most_64_names(void **state)
{
	struct buffer line = { 0 };

	(void)state;
	buffer_append_text(&line, "1 get a.b p");
	for (int i = 1; i < MEMBERS_MAX; i++)
		buffer_printf(&line, ",p%d", i);
	assert_int_equal(parse_bytes(buffer_bytes(&line)), ERROR_NONE);
	assert_int_equal(q.member_count, MEMBERS_MAX);
	buffer_append_text(&line, ",more");
	assert_int_equal(parse_bytes(buffer_bytes(&line)), ERROR_BAD_LINE);
	buffer_fini(&line);
}

static void json_stands_where_it_belongs(void **state)
{
	(void)state;
	is_answered("1 set a.b c", ERROR_BAD_LINE, "the JSON is missing");
	is_answered("1 auth @", ERROR_BAD_LINE, "auth @ JSON");
	is_answered("1 get a.b c {}", ERROR_BAD_LINE, "too much");
	is_answered("1 ping @ {}", ERROR_BAD_LINE, "too much");
	is_answered("1 get a.b c {} t=1", ERROR_BAD_LINE, "too much");
	is_answered("1 set a.b c ", ERROR_BAD_LINE, "a space at the end");
	is_answered("1 ping @ ", ERROR_BAD_LINE, "a space at the end");
	is_answered("1 ping @  t=1", ERROR_BAD_LINE, "two");
	/* What stands behind the options is the JSON's to judge. */
	is_fine("1 set a.b c {} t=1");
	assert_text(q.json, "{} t=1");
	is_fine("1 set a.b c T=1");
	assert_text(q.json, "T=1");
}

static void one_cr_at_the_end_is_dropped(void **state)
{
	(void)state;
	is_fine("1 ping @\r");
	is_fine("1 set a.b c 1\r");
	assert_text(q.json, "1");
	is_answered("1 ping @\r\r", ERROR_BAD_LINE, "control");
}

static void control_characters_are_no_part_of_a_line(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < 10; at++) {
			char line[] = "1 set a.b c \"0123456789\"";
			bool control = c < 0x20 || c == 0x7f;

			line[13 + at] = (char)c;
			assert_int_equal(parse_bytes((struct bytes){ line, sizeof(line) - 1 }),
			                 control ? ERROR_BAD_LINE : ERROR_NONE);
			assert_text(q.id, "1");
		}
}

static void a_first_line_looks_like_this_protocol_or_not(void **state)
{
	static const char *const plausible[] = {
		"1 get players.42 hp", "1 gte players.1 hp", "hello world", "ping @", "a b", "1 PING @", "x get.y",
		"1 ping @\r",
	};
	static const char *const implausible[] = {
		"GET / HTTP/1.1", "GET /players.1 HTTP/1.1\r", "POST /1 HTTP/1.1", "OPTIONS * HTTP/1.0",
		"CONNECT host:80 HTTP/1.1", "Host: localhost", "\x16\x03\x01\x02", "1", "", " ", "1 ", "{\"a\":1}",
		"$$$$ ping @", "1  ping @",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(plausible); i++)
		assert_true(client_first_line_plausible(bytes_of(plausible[i])));
	for (size_t i = 0; i < COUNT(implausible); i++)
		assert_false(client_first_line_plausible(bytes_of(implausible[i])));
	assert_false(client_first_line_plausible((struct bytes){ NULL, 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_id_is_needed_to_be_answered, forget_line),
		cmocka_unit_test_teardown(every_answer_carries_the_id_that_could_be_read, forget_line),
		cmocka_unit_test_teardown(a_mistyped_verb_is_guessed, forget_line),
		cmocka_unit_test_teardown(a_forgotten_id_is_noticed, forget_line),
		cmocka_unit_test_teardown(an_address_says_which_character_is_wrong, forget_line),
		cmocka_unit_test_teardown(an_address_has_at_most_255_bytes, forget_line),
		cmocka_unit_test_teardown(a_member_says_what_is_wrong_with_it, forget_line),
		cmocka_unit_test_teardown(a_list_has_at_most_64_names, forget_line),
		cmocka_unit_test_teardown(json_stands_where_it_belongs, forget_line),
		cmocka_unit_test_teardown(one_cr_at_the_end_is_dropped, forget_line),
		cmocka_unit_test_teardown(control_characters_are_no_part_of_a_line, forget_line),
		cmocka_unit_test(a_first_line_looks_like_this_protocol_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
