/* Any bytes as each frame between stores: what can be read is written as the same frame
 * again, and pairs lie within their frame. */
#include "tests/fuzz/fuzz.h"

#include "proto/transfer.h"

#define TWICE(name)                                                                   \
	static bool name##_twice(struct bytes body)                                   \
	{                                                                             \
		struct buffer once = { 0 }, again = { 0 };                            \
		struct transfer_##name m;                                             \
                                                                                      \
		if (!transfer_decode_##name(body, &m))                                \
			return false;                                                 \
		transfer_encode_##name(&once, &m);                                    \
		FUZZ_CHECK(transfer_type(buffer_bytes(&once)) == transfer_type(body)); \
		FUZZ_CHECK(transfer_decode_##name(buffer_bytes(&once), &m));          \
		transfer_encode_##name(&again, &m);                                   \
		FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&again)));   \
		buffer_fini(&once);                                                   \
		buffer_fini(&again);                                                  \
		return true;                                                          \
	}

TWICE(begin)
TWICE(end)
TWICE(done)

static bool records(struct bytes body)
{
	struct bytes pairs, key, record;
	struct buffer again = { 0 };

	if (!transfer_decode_records(body, &pairs))
		return false;
	while (transfer_next_pair(&pairs, &key, &record)) {
		FUZZ_CHECK(fuzz_inside(key, body) && fuzz_inside(record, body));
		transfer_add_pair(&again, key, record);
	}
	buffer_fini(&again);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = fuzz_bytes(data, size);
	int kinds = begin_twice(body) + end_twice(body) + done_twice(body) + records(body);

	FUZZ_CHECK(kinds <= 1 && (kinds == 0 || transfer_type(body) != 0));
	return 0;
}
