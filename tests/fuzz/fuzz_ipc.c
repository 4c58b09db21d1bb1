/* Any bytes as each kind of frame: what can be read is written as the same frame again;
 * and as msgpack, where msgpack-c has to agree. */
#include "tests/fuzz/fuzz.h"

#include <msgpack.h>

#include "proto/ipc.h"
#include "proto/msgpack.h"

/* Reads a frame, writes it, reads that and writes it once more: the same bytes. */
#define TWICE(name, type)                                                          \
	static bool name##_twice(struct bytes body)                                \
	{                                                                          \
		struct buffer once = { 0 }, again = { 0 };                         \
		type m;                                                            \
                                                                                   \
		if (!ipc_decode_##name(body, &m))                                  \
			return false;                                              \
		FUZZ_CHECK(ipc_type(body) != 0);                                   \
		ipc_encode_##name(&once, &m);                                      \
		FUZZ_CHECK(ipc_decode_##name(buffer_bytes(&once), &m));            \
		ipc_encode_##name(&again, &m);                                     \
		FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&again))); \
		buffer_fini(&once);                                                \
		buffer_fini(&again);                                               \
		return true;                                                       \
	}

TWICE(request, struct ipc_request)
TWICE(reply, struct ipc_reply)
TWICE(event, struct ipc_event)
TWICE(unwatch, struct ipc_unwatch)
TWICE(load, struct ipc_load)
TWICE(loaded, struct ipc_loaded)
TWICE(committed, struct ipc_committed)

/* Whom it is for can be known beforehand. */
static void peek(struct bytes body)
{
	struct ipc_request m;
	struct bytes address = { NULL, 0 };

	if (ipc_peek_address(body, &address))
		FUZZ_CHECK(ipc_type(body) == IPC_REQUEST);
	if (ipc_decode_request(body, &m))
		FUZZ_CHECK(ipc_peek_address(body, &address) && bytes_equal(address, m.address));
}

static bool plain(struct bytes body)
{
	uint32_t rid;
	uint64_t seq;

	return ipc_decode_cancel(body, &rid) + ipc_decode_reset(body, &seq) + ipc_decode_map(body, &seq) +
	       ipc_decode_bye(body, &seq) + ipc_decode_sync(body, &seq) + ipc_decode_fence(body, &seq) == 1;
}

static bool batch(struct bytes body)
{
	struct ipc_batch_head head;
	struct ipc_batch_entry entry;
	struct bytes entries;
	uint32_t read = 0;

	if (!ipc_decode_batch(body, &head, &entries))
		return false;
	while (ipc_next_entry(&entries, &entry)) {
		FUZZ_CHECK(fuzz_inside(entry.address, body) && fuzz_inside(entry.record, body));
		read++;
	}
	FUZZ_CHECK(read <= body.len);
	return true;
}

static void as_msgpack(struct bytes body)
{
	struct msgpack_reader r = msgpack_read(body);
	struct bytes value = msgpack_read_value(&r);
	msgpack_unpacked theirs;
	size_t length = 0;
	msgpack_unpack_return result;

	if (r.bad)
		return;
	FUZZ_CHECK(value.data == body.data && value.data + value.len == r.at && value.len > 0);
	msgpack_unpacked_init(&theirs);
	result = msgpack_unpack_next(&theirs, body.data, body.len, &length);
	/* msgpack-c gives up at 32 levels. */
	if (result == MSGPACK_UNPACK_SUCCESS)
		FUZZ_CHECK(length == value.len);
	else
		FUZZ_CHECK(result == MSGPACK_UNPACK_NOMEM_ERROR || result == MSGPACK_UNPACK_PARSE_ERROR);
	msgpack_unpacked_destroy(&theirs);
	FUZZ_CHECK(msgpack_equal(value, value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = fuzz_bytes(data, size);
	int kinds = request_twice(body) + reply_twice(body) + event_twice(body) + unwatch_twice(body) +
	            load_twice(body) + loaded_twice(body) + committed_twice(body) + plain(body) + batch(body);

	FUZZ_CHECK(kinds <= 1 && (kinds == 0 || ipc_type(body) != 0));
	peek(body);
	as_msgpack(body);
	return 0;
}
