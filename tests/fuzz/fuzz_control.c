/* Any bytes as each kind of control message: what can be read is written as the same
 * message again. */
#include "tests/fuzz/fuzz.h"

#include "proto/control.h"
#include "proto/control_cluster.h"
#include "proto/control_tunnel.h"

#define TWICE(name)                                                                 \
	static bool name##_twice(struct bytes message)                              \
	{                                                                           \
		struct buffer once = { 0 }, again = { 0 };                          \
		struct control_##name m;                                            \
                                                                                    \
		if (!control_decode_##name(message, &m))                            \
			return false;                                               \
		control_encode_##name(&once, &m);                                   \
		FUZZ_CHECK(control_type(buffer_bytes(&once)) == control_type(message)); \
		FUZZ_CHECK(control_decode_##name(buffer_bytes(&once), &m));         \
		control_encode_##name(&again, &m);                                  \
		FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&again))); \
		buffer_fini(&once);                                                 \
		buffer_fini(&again);                                                \
		return true;                                                        \
	}

TWICE(hello)
TWICE(peer)
TWICE(classes)
TWICE(failed)
TWICE(query)
TWICE(rows)
TWICE(alarm)
TWICE(identity)
TWICE(dial)
TWICE(dialed)
TWICE(arrived)

TWICE(node)
TWICE(peer_lost)
TWICE(transfer)
TWICE(transferred)
TWICE(foreign)

static bool outdone(struct bytes message)
{
	struct buffer again = { 0 };
	struct bytes cells;

	if (!control_decode_outdone(message, &cells))
		return false;
	FUZZ_CHECK(control_outdone_count(cells) <= CONTROL_OUTDONE_MOST && fuzz_inside(cells, message));
	for (uint32_t i = 0; i < control_outdone_count(cells); i++) {
		struct control_outdone one = control_outdone_at(cells, i);

		control_outdone_add(&again, &one);
	}
	FUZZ_CHECK(bytes_equal(cells, buffer_bytes(&again)));
	buffer_fini(&again);
	return true;
}

static bool drop(struct bytes message)
{
	struct bytes list;

	if (!control_decode_drop(message, &list))
		return false;
	FUZZ_CHECK(control_list_count(list) <= CONTROL_SHARDS_MAX && fuzz_inside(list, message));
	for (uint32_t i = 0; i < control_list_count(list); i++)
		FUZZ_CHECK(control_list_at(list, i) <= UINT16_MAX);
	return true;
}

static bool shards(struct bytes message)
{
	struct control_shards m;

	if (!control_decode_shards(message, &m))
		return false;
	FUZZ_CHECK(m.count > 0 && m.count <= CONTROL_SHARDS_MAX && fuzz_inside(m.cells, message));
	for (uint32_t i = 0; i < m.count; i++)
		control_shard_at(&m, i);
	return true;
}

static bool released(struct bytes message)
{
	struct control_released m;

	if (!control_decode_released(message, &m))
		return false;
	FUZZ_CHECK(control_released_count(&m) <= CONTROL_SHARDS_MAX && fuzz_inside(m.cells, message));
	for (uint32_t i = 0; i < control_released_count(&m); i++)
		FUZZ_CHECK(control_released_at(&m, i) <= UINT16_MAX);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = fuzz_bytes(data, size);
	int kinds = hello_twice(message) + peer_twice(message) + classes_twice(message) + failed_twice(message) +
	            query_twice(message) + rows_twice(message) + alarm_twice(message) + shards(message) + released(message) +
	            node_twice(message) + peer_lost_twice(message) + transfer_twice(message) + transferred_twice(message) + drop(message) + outdone(message) +
	            foreign_twice(message) +
	            identity_twice(message) + dial_twice(message) + dialed_twice(message) + arrived_twice(message);

	FUZZ_CHECK(kinds <= 1 && (kinds == 0 || control_type(message) != 0));
	FUZZ_CHECK(control_role_name((enum control_role)(size % CONTROL_ROLE_COUNT)) != NULL);
	return 0;
}
