/* The stream between two stores, there and back. */
#include "tests/unit/proto/support.h"

#include "proto/transfer.h"

static void every_frame_comes_back_as_it_was(void **state)
{
	struct buffer out = { 0 };
	struct transfer_begin begin;
	struct transfer_end end;
	struct transfer_done done;
	struct bytes pairs;

	(void)state;
	transfer_encode_begin(&out, &(struct transfer_begin){ TRANSFER_FORMAT, BYTES_LITERAL("\1\0\2\0") });
	assert_int_equal(transfer_type(buffer_bytes(&out)), TRANSFER_BEGIN);
	assert_true(transfer_decode_begin(buffer_bytes(&out), &begin));
	assert_true(begin.format == TRANSFER_FORMAT && begin.shards.len == 4);
	assert_false(transfer_decode_end(buffer_bytes(&out), &end));
	buffer_clear(&out);
	transfer_encode_begin(&out, &(struct transfer_begin){ TRANSFER_FORMAT, BYTES_LITERAL("odd") });
	assert_false(transfer_decode_begin(buffer_bytes(&out), &begin));
	buffer_clear(&out);
	transfer_encode_records(&out, BYTES_LITERAL("pairs"));
	assert_true(transfer_decode_records(buffer_bytes(&out), &pairs));
	assert_text(pairs, "pairs");
	buffer_clear(&out);
	transfer_encode_end(&out, &(struct transfer_end){ 1, UINT64_MAX, 3 });
	assert_true(transfer_decode_end(buffer_bytes(&out), &end));
	assert_true(end.records == 1 && end.bytes == UINT64_MAX && end.sum == 3);
	buffer_clear(&out);
	transfer_encode_done(&out, &(struct transfer_done){ 7, BYTES_LITERAL("no room") });
	assert_true(transfer_decode_done(buffer_bytes(&out), &done));
	assert_true(done.records == 7);
	assert_text(done.error, "no room");
	buffer_fini(&out);
}

static void pairs_stand_one_behind_the_other(void **state)
{
	struct buffer out = { 0 };
	struct bytes rest, key, record;

	(void)state;
	transfer_add_pair(&out, BYTES_LITERAL("\0\1a"), BYTES_LITERAL("first"));
	transfer_add_pair(&out, BYTES_LITERAL("\0\1b"), (struct bytes){ 0 });
	rest = buffer_bytes(&out);
	assert_true(transfer_next_pair(&rest, &key, &record));
	assert_true(bytes_equal(key, BYTES_LITERAL("\0\1a")));
	assert_text(record, "first");
	assert_true(transfer_next_pair(&rest, &key, &record));
	assert_true(bytes_equal(key, BYTES_LITERAL("\0\1b")) && record.len == 0);
	assert_false(transfer_next_pair(&rest, &key, &record));
	assert_int_equal(rest.len, 0);
	buffer_fini(&out);
}

static void what_is_cut_off_is_no_pair(void **state)
{
	struct buffer out = { 0 };
	struct bytes key, record;

	(void)state;
	transfer_add_pair(&out, BYTES_LITERAL("key"), BYTES_LITERAL("record"));
	for (size_t cut = 0; cut < buffer_length(&out); cut++) {
		struct bytes part = heap_copy((struct bytes){ buffer_bytes(&out).data, cut }), rest = part;

		assert_false(transfer_next_pair(&rest, &key, &record));
		assert_int_equal(rest.len, cut);
		heap_free(part);
	}
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_comes_back_as_it_was),
		cmocka_unit_test(pairs_stand_one_behind_the_other),
		cmocka_unit_test(what_is_cut_off_is_no_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
