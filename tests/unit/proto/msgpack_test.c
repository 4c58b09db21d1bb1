/* msgpack in place: what is written is read, by msgpack-c too, and malformed bytes are
 * never read beyond. */
#include "tests/unit/proto/support.h"

#include <msgpack.h>

#include "proto/msgpack.h"

static const uint64_t numbers[] = {
	0, 1, 31, 32, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX,
	(uint64_t)INT64_MAX + 1, UINT64_MAX,
};

static int append(void *out, const char *data, size_t n)
{
	buffer_append(out, data, n);
	return 0;
}

static void whole_numbers_come_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct buffer out = { 0 };
		struct msgpack_reader r;

		msgpack_write_uint(&out, numbers[i]);
		r = msgpack_read(buffer_bytes(&out));
		assert_true(msgpack_read_uint(&r) == numbers[i] && !r.bad && r.at == r.end);
		r = msgpack_read(buffer_bytes(&out));
		if (numbers[i] <= INT64_MAX)
			assert_true(msgpack_read_int(&r) == (int64_t)numbers[i] && !r.bad);
		else
			assert_true(msgpack_read_int(&r) == 0 && r.bad);
		buffer_fini(&out);
	}
}

static void negative_numbers_come_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		int64_t v = -(int64_t)(numbers[i] >> 1) - 1;
		struct buffer out = { 0 };
		struct msgpack_reader r;

		msgpack_write_int(&out, v);
		r = msgpack_read(buffer_bytes(&out));
		assert_true(msgpack_read_int(&r) == v && !r.bad && r.at == r.end);
		r = msgpack_read(buffer_bytes(&out));
		assert_true(msgpack_read_uint(&r) == 0 && r.bad);
		buffer_fini(&out);
	}
}

/* Small numbers that another writer encoded as signed, or wider than need be. */
static void other_writers_numbers_are_read(void **state)
{
	static const struct bytes fives[] = {
		BYTES_LITERAL("\x05"), BYTES_LITERAL("\xcc\x05"), BYTES_LITERAL("\xcd\0\x05"), BYTES_LITERAL("\xce\0\0\0\x05"),
		BYTES_LITERAL("\xcf\0\0\0\0\0\0\0\x05"), BYTES_LITERAL("\xd0\x05"), BYTES_LITERAL("\xd1\0\x05"),
		BYTES_LITERAL("\xd2\0\0\0\x05"), BYTES_LITERAL("\xd3\0\0\0\0\0\0\0\x05"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(fives); i++) {
		struct msgpack_reader r = msgpack_read(fives[i]);

		assert_true(msgpack_read_uint(&r) == 5 && !r.bad);
		r = msgpack_read(fives[i]);
		assert_true(msgpack_read_int(&r) == 5 && !r.bad);
	}
}

static void texts_come_back_as_str_and_as_bin(void **state)
{
	static const size_t lengths[] = { 0, 1, 31, 32, 255, 256, 65535, 65536 };
	char *text = calloc(1, 65536);

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct buffer out = { 0 };
		struct msgpack_reader r;

		msgpack_write_str(&out, (struct bytes){ text, lengths[i] });
		msgpack_write_bin(&out, (struct bytes){ text, lengths[i] });
		r = msgpack_read(buffer_bytes(&out));
		assert_int_equal(msgpack_read_str(&r).len, lengths[i]);
		assert_int_equal(msgpack_read_str(&r).len, lengths[i]);
		assert_true(!r.bad && r.at == r.end);
		buffer_fini(&out);
	}
	free(text);
}

static void after_the_first_failure_everything_fails(void **state)
{
	struct msgpack_reader r = msgpack_read(BYTES_LITERAL("\x01\x02\x03"));

	(void)state;
	assert_int_equal(msgpack_read_str(&r).len, 0);
	assert_true(r.bad);
	assert_int_equal(msgpack_read_uint(&r), 0);
	assert_int_equal(msgpack_read_int(&r), 0);
	assert_false(msgpack_read_bool(&r));
	assert_int_equal(msgpack_read_array(&r), 0);
	assert_int_equal(msgpack_read_map(&r), 0);
	assert_int_equal(msgpack_read_value(&r).len, 0);
	assert_false(msgpack_read_nil(&r));
	assert_true(r.bad);
}

static void nil_is_asked_for_without_harm(void **state)
{
	struct msgpack_reader r = msgpack_read(BYTES_LITERAL("\x01\xc0"));

	(void)state;
	assert_false(msgpack_read_nil(&r));
	assert_int_equal(msgpack_read_uint(&r), 1);
	assert_true(msgpack_read_nil(&r));
	assert_false(r.bad);
	assert_false(msgpack_read_nil(&r)); /* nothing is left */
	assert_true(r.bad);
}

/* --- what is a value --- */

static bool is_value(struct bytes bytes)
{
	struct bytes copy = heap_copy(bytes);
	struct msgpack_reader r = msgpack_read(copy);
	size_t length = msgpack_read_value(&r).len;

	assert_true(r.bad == (length == 0));
	heap_free(copy);
	return length == bytes.len && length > 0;
}

static void nothing_is_read_from(struct bytes bytes)
{
	struct bytes copy = heap_copy(bytes);
	struct msgpack_reader r = msgpack_read(copy);

	msgpack_read_str(&r);
	assert_true(r.bad);
	r = msgpack_read(copy);
	msgpack_read_uint(&r);
	assert_true(r.bad);
	r = msgpack_read(copy);
	msgpack_read_int(&r);
	assert_true(r.bad);
	heap_free(copy);
}

/* Whole values of every head that a length or content follows. */
static const struct bytes whole[] = {
	BYTES_LITERAL("\xcc\x01"), BYTES_LITERAL("\xcd\0\x01"), BYTES_LITERAL("\xce\0\0\0\x01"),
	BYTES_LITERAL("\xcf\0\0\0\0\0\0\0\x01"), BYTES_LITERAL("\xd0\x01"), BYTES_LITERAL("\xd1\0\x01"),
	BYTES_LITERAL("\xd2\0\0\0\x01"), BYTES_LITERAL("\xd3\0\0\0\0\0\0\0\x01"), BYTES_LITERAL("\xca\0\0\0\0"),
	BYTES_LITERAL("\xcb\0\0\0\0\0\0\0\0"), BYTES_LITERAL("\xa3" "abc"), BYTES_LITERAL("\xd9\x02" "ab"),
	BYTES_LITERAL("\xda\0\x02" "ab"), BYTES_LITERAL("\xdb\0\0\0\x02" "ab"), BYTES_LITERAL("\xc4\x02" "ab"),
	BYTES_LITERAL("\xc5\0\x02" "ab"), BYTES_LITERAL("\xc6\0\0\0\x02" "ab"), BYTES_LITERAL("\x92\x01\x91\x02"),
	BYTES_LITERAL("\xdc\0\x02\x01\x02"), BYTES_LITERAL("\xdd\0\0\0\x02\x01\x02"), BYTES_LITERAL("\x81\xa1" "a\x01"),
	BYTES_LITERAL("\xde\0\x01\xa1" "a\x01"), BYTES_LITERAL("\xdf\0\0\0\x01\xa1" "a\x01"),
};

static void what_is_cut_off_is_no_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(whole); i++) {
		assert_true(is_value(whole[i]));
		for (size_t n = 0; n < whole[i].len; n++) {
			assert_false(is_value((struct bytes){ whole[i].data, n }));
			nothing_is_read_from((struct bytes){ whole[i].data, n });
		}
	}
}

/* msgpuck counts elements in an int: such an array looked empty to it. */
static void more_elements_than_bytes_are_a_lie(void **state)
{
	static const struct bytes lies[] = {
		BYTES_LITERAL("\xdd\xff\xff\xff\xff"), BYTES_LITERAL("\xdf\xff\xff\xff\xff"),
		BYTES_LITERAL("\xdf\x80\0\0\0"), BYTES_LITERAL("\xdf\x7f\xff\xff\xff\x01"),
		BYTES_LITERAL("\x92\xdd\xff\xff\xff\xfe\x01\x02"), BYTES_LITERAL("\xdb\xff\xff\xff\xff" "a"),
		BYTES_LITERAL("\xc6\xff\xff\xff\xff" "a"), BYTES_LITERAL("\xdc\xff\xff\x01"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lies); i++)
		assert_false(is_value(lies[i]));
}

static void ext_and_the_unused_byte_are_no_values(void **state)
{
	static const struct bytes bad[] = {
		BYTES_LITERAL("\xc1"), BYTES_LITERAL("\xd4\x01\x01"), BYTES_LITERAL("\xd8\x01" "0123456789abcdef"),
		BYTES_LITERAL("\xc7\x01\x01\x01"), BYTES_LITERAL("\x91\xc1"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(is_value(bad[i]));
}

static void depth_has_an_end(void **state)
{
	char deep[MSGPACK_DEPTH_MAX + 2];

	(void)state;
	memset(deep, '\x91', sizeof(deep));
	deep[MSGPACK_DEPTH_MAX] = '\x01';
	assert_true(is_value((struct bytes){ deep, MSGPACK_DEPTH_MAX + 1 }));
	deep[MSGPACK_DEPTH_MAX] = '\x91';
	deep[MSGPACK_DEPTH_MAX + 1] = '\x01';
	assert_false(is_value((struct bytes){ deep, MSGPACK_DEPTH_MAX + 2 }));
}

/* --- msgpack-c has the last word --- */

static void write_some_of_everything(struct buffer *out)
{
	msgpack_write_array(out, 8 + (uint32_t)COUNT(numbers) * 2);
	msgpack_write_nil(out);
	msgpack_write_bool(out, true);
	msgpack_write_bool(out, false);
	msgpack_write_real(out, -2.5e-7);
	msgpack_write_str(out, bytes_of("text"));
	msgpack_write_bin(out, BYTES_LITERAL("b\0n"));
	msgpack_write_raw(out, (struct bytes){ NULL, 0 });
	msgpack_write_map(out, 1);
	msgpack_write_str(out, bytes_of(""));
	msgpack_write_array(out, 0);
	for (size_t i = 0; i < COUNT(numbers); i++) {
		msgpack_write_uint(out, numbers[i]);
		msgpack_write_int(out, -(int64_t)(numbers[i] >> 1) - 1);
	}
}

/* Both write the shortest form: packed again it is the same to the byte. */
static void msgpack_c_reads_what_is_written(void **state)
{
	struct buffer ours = { 0 }, theirs = { 0 };
	msgpack_unpacked unpacked;
	msgpack_packer packer;
	size_t length = 0;

	(void)state;
	write_some_of_everything(&ours);
	msgpack_unpacked_init(&unpacked);
	assert_int_equal(msgpack_unpack_next(&unpacked, buffer_bytes(&ours).data, buffer_length(&ours), &length),
	                 MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(length, buffer_length(&ours));
	msgpack_packer_init(&packer, &theirs, append);
	assert_int_equal(msgpack_pack_object(&packer, unpacked.data), 0);
	assert_true(bytes_equal(buffer_bytes(&ours), buffer_bytes(&theirs)));
	msgpack_unpacked_destroy(&unpacked);
	buffer_fini(&ours);
	buffer_fini(&theirs);
}

static bool msgpack_c_takes(struct bytes text, size_t *ret_length)
{
	msgpack_unpacked unpacked;
	size_t length = 0;
	bool good;

	msgpack_unpacked_init(&unpacked);
	good = msgpack_unpack_next(&unpacked, text.data, text.len, &length) == MSGPACK_UNPACK_SUCCESS;
	msgpack_unpacked_destroy(&unpacked);
	*ret_length = length;
	return good;
}

static bool is_ext(unsigned char head)
{
	return (head >= 0xc7 && head <= 0xc9) || (head >= 0xd4 && head <= 0xd8);
}

/* Every two bytes, and some behind them: both say whether that is a value, and how long. */
static void msgpack_c_agrees_what_is_a_value(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 256 * 256; n++) {
		char bytes[] = { (char)(n >> 8), (char)n, 1, (char)0xa2, 'x', 'y' };
		struct bytes text = { bytes, sizeof(bytes) };
		struct msgpack_reader r = msgpack_read(text);
		size_t ours = msgpack_read_value(&r).len, theirs;
		unsigned char head = (unsigned char)bytes[0], second = (unsigned char)bytes[1];
		bool holds_second = head >= 0x81 && head <= 0x9f && head != 0x90;

		/* msgpack-c would allocate what these say they hold; ext is none of ours. */
		if ((head >= 0xdc && head <= 0xdf) || (holds_second && second >= 0xdc && second <= 0xdf))
			continue;
		if (is_ext(head) || (holds_second && is_ext(second)))
			assert_true(r.bad);
		else if (msgpack_c_takes(text, &theirs))
			assert_int_equal(ours, theirs);
		else
			assert_true(r.bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers_come_back),
		cmocka_unit_test(negative_numbers_come_back),
		cmocka_unit_test(other_writers_numbers_are_read),
		cmocka_unit_test(texts_come_back_as_str_and_as_bin),
		cmocka_unit_test(after_the_first_failure_everything_fails),
		cmocka_unit_test(nil_is_asked_for_without_harm),
		cmocka_unit_test(what_is_cut_off_is_no_value),
		cmocka_unit_test(more_elements_than_bytes_are_a_lie),
		cmocka_unit_test(ext_and_the_unused_byte_are_no_values),
		cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(msgpack_c_reads_what_is_written),
		cmocka_unit_test(msgpack_c_agrees_what_is_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
