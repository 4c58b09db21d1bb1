/* JSON in and out: what each value becomes, what is refused, and where. */
#include "tests/unit/proto/json_text.h"

static void every_kind_of_value_comes_back(void **state)
{
	static const char *const texts[] = {
		"null", "true", "false", "0", "-1", "1.5", "\"\"", "\"text\"", "[]", "{}", "[[],{},[{}]]",
		"[1,[2,[3,null]],\"x\",{\"a\":{\"b\":[true,false]}}]", "{\"\":0}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		comes_back(texts[i]);
}

static void blanks_between_are_dropped(void **state)
{
	(void)state;
	comes_back_as(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } }\n", "{\"a\":[1,2],\"b\":{}}");
	comes_back_as(" [ ] ", "[]");
}

/* Reads reals as strtod() does, whichever way is taken. */
static void escapes_are_resolved(void **state)
{
	(void)state;
	comes_back_as("\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001F\"", "\"é😀\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\"");
	comes_back_as("\"\\u0041\\uFFFF\\u07ff\"", "\"A\xef\xbf\xbf\xdf\xbf\"");
	comes_back_as("\"\x7f\"", "\"\\u007f\"");
	comes_back("\"\\u0000\"");
	is_packed_as("\"a\\u0000b\"", BYTES_LITERAL("\xa3" "a\0b"));
	is_packed_as("\"é\"", BYTES_LITERAL("\xa2\xc3\xa9"));
}

static void strings_that_are_none_are_refused(void **state)
{
	(void)state;
	is_refused("\"", JSON_SYNTAX, 1);
	is_refused("\"open", JSON_SYNTAX, 5);
	is_refused("\"open\\", JSON_SYNTAX, 6);
	is_refused("\"esc\\n", JSON_SYNTAX, 6);
	is_refused("\"\\x\"", JSON_STRING, 2);
	is_refused("\"\\u12\"", JSON_STRING, 3);
	is_refused("\"\\u12g4\"", JSON_STRING, 3);
	is_refused("\"\t\"", JSON_STRING, 1);
	is_refused("\"\\n\t\"", JSON_STRING, 3);
	is_refused("'a'", JSON_SYNTAX, 0);
}

static void lone_surrogates_are_refused(void **state)
{
	static const char *const texts[] = {
		"\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"", "\"\\ud83d\\n\"", "\"\\ud83d\\ud83d\"",
		"\"\\ud83d\\u\"", "\"\\udbff\\ue000\"", "\"\xed\xa0\xbd\"",
	};
	struct buffer out = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(parse(bytes_of(texts[i]), &out, NULL), JSON_STRING);
	comes_back_as("\"\\udbff\\udfff\"", "\"\xf4\x8f\xbf\xbf\"");
	buffer_fini(&out);
}

static void bytes_that_are_no_utf8_are_refused(void **state)
{
	static const char *const texts[] = {
		"\"\xff\"", "\"\xc0\x80\"", "\"\xe0\x80\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xc3\"", "\"\x80\"",
		"\"\xe2\x82\"", "\"\xf0\x9f\x98\"", "\"\\n\xff\"", "\"\xc3\\u00a9\"", "{\"\xff\":1}",
	};
	struct buffer out = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(parse(bytes_of(texts[i]), &out, NULL), JSON_STRING);
	buffer_fini(&out);
}

/* Around the eight bytes that are looked at together, and the lengths of heads. */
static void strings_of_every_length_come_back(void **state)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 9, 15, 16, 31, 32, 33, 255, 256, 65535, 65536, 70000 };
	static const char *const ends[] = { "", "\\n", "é", "\\\"", " !#[]~" };

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++)
		for (size_t k = 0; k < COUNT(ends); k++) {
			struct buffer text = { 0 };

			buffer_append_text(&text, "[\"");
			for (size_t n = 0; n < lengths[i]; n++)
				buffer_append_text(&text, "x");
			buffer_append_text(&text, ends[k]);
			buffer_append(&text, "\",7]", 5);
			comes_back(buffer_bytes(&text).data);
			buffer_fini(&text);
		}
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	is_refused("", JSON_SYNTAX, 0);
	is_refused("  ", JSON_SYNTAX, 2);
	is_refused("tru", JSON_SYNTAX, 0);
	is_refused("nul", JSON_SYNTAX, 0);
	is_refused("TRUE", JSON_SYNTAX, 0);
	is_refused("[", JSON_SYNTAX, 1);
	is_refused("[1", JSON_SYNTAX, 2);
	is_refused("[1,", JSON_SYNTAX, 3);
	is_refused("[1,]", JSON_SYNTAX, 3);
	is_refused("[,1]", JSON_SYNTAX, 1);
	is_refused("[1 2]", JSON_SYNTAX, 3);
	is_refused("[1}", JSON_SYNTAX, 2);
	is_refused("{", JSON_SYNTAX, 1);
	is_refused("{\"a\"", JSON_SYNTAX, 4);
	is_refused("{\"a\" 1}", JSON_SYNTAX, 5);
	is_refused("{\"a\":}", JSON_SYNTAX, 5);
	is_refused("{\"a\":1,}", JSON_SYNTAX, 7);
	is_refused("{a:1}", JSON_SYNTAX, 1);
	is_refused("{1:1}", JSON_SYNTAX, 1);
	is_refused("]", JSON_SYNTAX, 0);
	is_refused("// x\n1", JSON_SYNTAX, 0);
	is_refused("\xef\xbb\xbf" "1", JSON_SYNTAX, 0);
	is_refused("1 2", JSON_TRAILING, 2);
	is_refused("[]]", JSON_TRAILING, 2);
	is_refused("truer", JSON_TRAILING, 4);
}

static void a_nul_ends_nothing(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	assert_int_equal(parse(BYTES_LITERAL("1\0"), &out, NULL), JSON_TRAILING);
	assert_int_equal(parse(BYTES_LITERAL("[1\0]"), &out, NULL), JSON_SYNTAX);
	assert_int_equal(parse(BYTES_LITERAL("\0"), &out, NULL), JSON_SYNTAX);
	assert_int_equal(parse(BYTES_LITERAL("\"a\0b\""), &out, NULL), JSON_STRING);
	assert_int_equal(json_parse((struct bytes){ NULL, 0 }, &out, NULL), JSON_SYNTAX);
	buffer_fini(&out);
}

static void nested(struct buffer *text, const char *open, const char *close, unsigned depth)
{
	buffer_clear(text);
	for (unsigned i = 0; i < depth; i++)
		buffer_append_text(text, open);
	buffer_append_text(text, "0");
	for (unsigned i = 0; i < depth; i++)
		buffer_append_text(text, close);
	buffer_append(text, "", 1);
}

static void sixty_four_levels_are_enough(void **state)
{
	struct buffer text = { 0 };

	(void)state;
	nested(&text, "[", "]", 64);
	comes_back(buffer_bytes(&text).data);
	nested(&text, "{\"k\":", "}", 64);
	comes_back(buffer_bytes(&text).data);
	nested(&text, "[", "]", 65);
	is_refused(buffer_bytes(&text).data, JSON_DEPTH, 64);
	nested(&text, "[", "]", 100000);
	is_refused(buffer_bytes(&text).data, JSON_DEPTH, 64);
	buffer_fini(&text);
}

static void a_key_stands_once_in_an_object(void **state)
{
	(void)state;
	is_refused("{\"a\":1,\"a\":2}", JSON_DUPLICATE, 13);
	is_refused("{\"a\":1,\"\\u0061\":2}", JSON_DUPLICATE, 18);
	is_refused("[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]", JSON_DUPLICATE, 25);
	comes_back("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}");
	comes_back("[{\"a\":1},{\"a\":1}]");
	comes_back_as("{\"a\\u0000\":1,\"a\":2}", "{\"a\\u0000\":1,\"a\":2}");
}

/* n keys, and the last one again where twice; 1 MB of them must not take long. */
static void many_keys(struct buffer *text, unsigned n, bool twice)
{
	buffer_clear(text);
	buffer_append_text(text, "{");
	for (unsigned i = 0; i < n; i++)
		buffer_printf(text, "\"k%u\":[%u],", i, i);
	buffer_printf(text, "\"k%u\":0}", twice ? n - 1 : n);
	buffer_append(text, "", 1);
}

static void a_key_is_found_among_many(void **state)
{
	static const unsigned counts[] = { 1, 11, 12, 13, 14, 15, 16, 23, 24, 25, 63, 64, 65, 1000, 65534, 65536, 100000 };
	struct buffer text = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		many_keys(&text, counts[i], false);
		comes_back(buffer_bytes(&text).data);
		many_keys(&text, counts[i], true);
		is_refused(buffer_bytes(&text).data, JSON_DUPLICATE, buffer_length(&text) - 1);
	}
	buffer_fini(&text);
}

static void arrays_of_every_length_come_back(void **state)
{
	static const unsigned counts[] = { 1, 15, 16, 17, 65535, 65536 };

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		struct buffer text = { 0 };

		buffer_append_text(&text, "[[");
		for (unsigned n = 1; n < counts[i]; n++)
			buffer_append_text(&text, "7,");
		buffer_append(&text, "0],[1]]", 8);
		comes_back(buffer_bytes(&text).data);
		buffer_fini(&text);
	}
}

/* The output is reserved once: nothing may grow more than threefold. */
static void no_text_grows_beyond_what_is_reserved(void **state)
{
	static const char *const units[] = { "1e1,", "1.0,", "-0,", "99999,", "-1,", "\"\",", "\"\\n\",", "[],", "{},", "[1e1]," };

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++) {
		struct buffer text = { 0 }, out = { 0 };

		buffer_append_text(&text, "[");
		for (int n = 0; n < 70000; n++)
			buffer_append_text(&text, units[i]);
		buffer_append_text(&text, "0]");
		assert_int_equal(parse(buffer_bytes(&text), &out, NULL), JSON_OK);
		assert_true(buffer_length(&out) <= buffer_length(&text) * 3 + 16);
		buffer_fini(&text);
		buffer_fini(&out);
	}
}

static void text_becomes_a_literal_whatever_it_is(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	json_write_text(BYTES_LITERAL("say \"hi\"\n\x01\x7f\0é"), &out);
	assert_written(&out, "\"say \\\"hi\\\"\\n\\u0001\\u007f\\u0000é\"");
	json_write_text(BYTES_LITERAL("\xff" "a\xc3\xe2\x82" "b\xed\xa0\x80"), &out);
	assert_written(&out, "\"\xef\xbf\xbd" "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	json_write_text((struct bytes){ NULL, 0 }, &out);
	assert_written(&out, "\"\"");
	buffer_fini(&out);
}

static void what_json_cannot_say_is_not_written(void **state)
{
	static const struct bytes values[] = {
		{ "", 0 },
		BYTES_LITERAL("\x92\x01"),                             /* an element is missing */
		BYTES_LITERAL("\xc4\x01x"),                            /* bin */
		BYTES_LITERAL("\x92\x01\xc4\x01x"),
		BYTES_LITERAL("\x81\x01\x02"),                         /* a key that is no string */
		BYTES_LITERAL("\xd4\x01\x00"),                         /* ext */
		BYTES_LITERAL("\xc1"),
		BYTES_LITERAL("\xcb\x7f\xf0\0\0\0\0\0\0"),             /* infinity */
		BYTES_LITERAL("\xcb\x7f\xf8\0\0\0\0\0\0"),             /* not a number */
		BYTES_LITERAL("\xdd\xff\xff\xff\xff"),
		BYTES_LITERAL("\xdf\x80\x00\x00\x00"),
	};
	struct buffer out = { 0 };

	(void)state;
	buffer_append_text(&out, "before");
	for (size_t i = 0; i < COUNT(values); i++) {
		struct bytes copy = heap_copy(values[i]);

		assert_int_equal(json_write(copy, &out), 0);
		assert_text(buffer_bytes(&out), "before");
		heap_free(copy);
	}
	buffer_fini(&out);
}

static void only_the_first_value_is_written(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	assert_int_equal(json_write(BYTES_LITERAL("\x91\x01\x02\x03"), &out), 2);
	assert_written(&out, "[1]");
	buffer_fini(&out);
}

static void every_error_has_a_sentence(void **state)
{
	(void)state;
	for (int error = JSON_OK; error <= JSON_TRAILING; error++)
		assert_true(strlen(json_error_text((enum json_error)error)) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_comes_back),
		cmocka_unit_test(blanks_between_are_dropped),
		cmocka_unit_test(escapes_are_resolved),
		cmocka_unit_test(strings_that_are_none_are_refused),
		cmocka_unit_test(lone_surrogates_are_refused),
		cmocka_unit_test(bytes_that_are_no_utf8_are_refused),
		cmocka_unit_test(strings_of_every_length_come_back),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_nul_ends_nothing),
		cmocka_unit_test(sixty_four_levels_are_enough),
		cmocka_unit_test(a_key_stands_once_in_an_object),
		cmocka_unit_test(a_key_is_found_among_many),
		cmocka_unit_test(arrays_of_every_length_come_back),
		cmocka_unit_test(no_text_grows_beyond_what_is_reserved),
		cmocka_unit_test(text_becomes_a_literal_whatever_it_is),
		cmocka_unit_test(what_json_cannot_say_is_not_written),
		cmocka_unit_test(only_the_first_value_is_written),
		cmocka_unit_test(every_error_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
