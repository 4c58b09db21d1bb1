/* Numbers in JSON: integers and reals keep their kind and every bit, or are refused. */
#include "tests/unit/proto/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void an_integer_stays_one_and_a_real_too(void **state)
{
	(void)state;
	is_packed_as("1", BYTES_LITERAL("\x01"));
	is_packed_as("1.0", BYTES_LITERAL("\xcb\x3f\xf0\0\0\0\0\0\0"));
	is_packed_as("1e0", BYTES_LITERAL("\xcb\x3f\xf0\0\0\0\0\0\0"));
	is_packed_as("-1", BYTES_LITERAL("\xff"));
	is_packed_as("-0", BYTES_LITERAL("\xcb\x80\0\0\0\0\0\0\0"));
	is_packed_as("0", BYTES_LITERAL("\0"));
	is_packed_as("255", BYTES_LITERAL("\xcc\xff"));
	is_packed_as("9223372036854775807", BYTES_LITERAL("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"));
	is_packed_as("-9223372036854775808", BYTES_LITERAL("\xd3\x80\0\0\0\0\0\0\0"));
	comes_back("1.0");
	comes_back("-0.0");
	comes_back_as("-0", "-0.0");
}

static void integers_that_a_browser_would_spoil_are_written_as_strings(void **state)
{
	(void)state;
	comes_back("9007199254740992");
	comes_back("-9007199254740992");
	comes_back_as("9007199254740993", "\"9007199254740993\"");
	comes_back_as("-9007199254740993", "\"-9007199254740993\"");
	comes_back_as("9223372036854775807", "\"9223372036854775807\"");
	comes_back_as("-9223372036854775808", "\"-9223372036854775808\"");
	comes_back("\"9007199254740993\""); /* a string stays one, however it looks */
}

static void unsigned_integers_of_64_bits_are_written(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	json_write(BYTES_LITERAL("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), &out);
	assert_written(&out, "\"18446744073709551615\"");
	json_write(BYTES_LITERAL("\xd0\x05"), &out); /* 5, written as signed */
	assert_written(&out, "5");
	buffer_fini(&out);
}

static void reals_are_as_short_as_they_can_be(void **state)
{
	(void)state;
	comes_back("0.1");
	comes_back("0.30000000000000004");
	comes_back("-2.5e-7");
	comes_back("1e300");
	comes_back("5e-324");
	comes_back("1.7976931348623157e308");
	comes_back("2.2250738585072014e-308");
	comes_back("123456789.125");
	comes_back_as("1E+2", "100.0");
	comes_back_as("1e-400", "0.0");
	comes_back_as("0.00000000000000000000000000000000000000000000000000000000000000000001", "1e-68");
	comes_back_as("123456789012345678901234567890.0", "1.2345678901234568e29");
	comes_back_as("9007199254740993.0", "9007199254740992.0"); /* to even, as IEEE says */
}

static void a_real_of_any_length_is_read(void **state)
{
	struct buffer text = { 0 }, out = { 0 };

	(void)state;
	buffer_append_text(&text, "0.");
	for (int i = 0; i < 5000; i++)
		buffer_append_text(&text, "3");
	assert_int_equal(parse(buffer_bytes(&text), &out, NULL), JSON_OK);
	json_write(buffer_bytes(&out), &text);
	assert_memory_equal(buffer_bytes(&text).data + 5002, "0.3333333333333333", 18);
	buffer_fini(&text);
	buffer_fini(&out);
}

static void reals_are_read_exactly(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct buffer packed = { 0 };
		uint64_t bits;
		double value;
		char text[64];

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		if (i % 2)
			snprintf(text, sizeof(text), "%u.%ue%d", (unsigned)(seed >> 40), (unsigned)(seed >> 20 & 0xfffff),
			         (int)(seed >> 8 & 63) - 32);
		else
			snprintf(text, sizeof(text), "%.*e", (int)(seed >> 8 & 15) + 1,
			         ldexp((double)(seed >> 11), (int)(seed & 0x3ff) - 512));
		assert_int_equal(json_parse(bytes_of(text), &packed, NULL), JSON_OK);
		assert_int_equal(buffer_length(&packed), 9);
		memcpy(&bits, buffer_bytes(&packed).data + 1, 8);
		bits = __builtin_bswap64(bits);
		memcpy(&value, &bits, 8);
		if (value != strtod(text, NULL))
			fail_msg("%s is read as %.17g", text, value);
		buffer_fini(&packed);
	}
}

static void numbers_that_cannot_be_kept_are_refused(void **state)
{
	(void)state;
	is_refused("9223372036854775808", JSON_NUMBER, 19);
	is_refused("-9223372036854775809", JSON_NUMBER, 20);
	is_refused("18446744073709551616", JSON_NUMBER, 20);
	is_refused("123456789012345678901234567890", JSON_NUMBER, 30);
	is_refused("[1e309]", JSON_NUMBER, 6);
	is_refused("-1e999999999999", JSON_NUMBER, 15);
}

static void what_is_no_number_is_refused(void **state)
{
	(void)state;
	is_refused("01", JSON_SYNTAX, 1);
	is_refused("-", JSON_SYNTAX, 1);
	is_refused("-a", JSON_SYNTAX, 1);
	is_refused("+1", JSON_SYNTAX, 0);
	is_refused(".5", JSON_SYNTAX, 0);
	is_refused("1.", JSON_SYNTAX, 2);
	is_refused("1.e5", JSON_SYNTAX, 2);
	is_refused("1e", JSON_SYNTAX, 2);
	is_refused("1e+", JSON_SYNTAX, 3);
	is_refused("0x10", JSON_TRAILING, 1);
	is_refused("NaN", JSON_SYNTAX, 0);
	is_refused("Infinity", JSON_SYNTAX, 0);
	is_refused("-Infinity", JSON_SYNTAX, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_integer_stays_one_and_a_real_too),
		cmocka_unit_test(integers_that_a_browser_would_spoil_are_written_as_strings),
		cmocka_unit_test(unsigned_integers_of_64_bits_are_written),
		cmocka_unit_test(reals_are_as_short_as_they_can_be),
		cmocka_unit_test(a_real_of_any_length_is_read),
		cmocka_unit_test(reals_are_read_exactly),
		cmocka_unit_test(numbers_that_cannot_be_kept_are_refused),
		cmocka_unit_test(what_is_no_number_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
