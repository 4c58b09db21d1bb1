/* Any bytes as each message between supervisors: what can be read is written as the same
 * message again. */
#include "tests/fuzz/fuzz.h"

#include "proto/talk.h"

#define TWICE(name)                                                                 \
	static bool name##_twice(struct bytes body)                                 \
	{                                                                           \
		struct buffer once = { 0 }, again = { 0 };                          \
		struct talk_##name m;                                               \
                                                                                    \
		if (!talk_decode_##name(body, &m))                                  \
			return false;                                               \
		talk_encode_##name(&once, &m);                                      \
		FUZZ_CHECK(talk_type(buffer_bytes(&once)) == talk_type(body));      \
		FUZZ_CHECK(talk_decode_##name(buffer_bytes(&once), &m));            \
		talk_encode_##name(&again, &m);                                     \
		FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&again))); \
		buffer_fini(&once);                                                 \
		buffer_fini(&again);                                                \
		return true;                                                        \
	}

TWICE(propose)
TWICE(taken)
TWICE(join)
TWICE(welcome)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = fuzz_bytes(data, size);
	int kinds = propose_twice(body) + taken_twice(body) + join_twice(body) + welcome_twice(body);

	FUZZ_CHECK(kinds <= 1 && (kinds == 0 || talk_type(body) != 0));
	return 0;
}
