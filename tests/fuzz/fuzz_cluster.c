/* Any bytes as a stream that begins with a hello: a hello that can be read is written as
 * the same hello again, and fits. */
#include "tests/fuzz/fuzz.h"

#include "proto/cluster.h"

static void twice(struct bytes map)
{
	struct buffer once = { 0 }, again = { 0 };
	struct cluster_hello m, same;

	if (!cluster_decode_hello(map, &m))
		return;
	FUZZ_CHECK(fuzz_inside(m.cluster, map) && fuzz_inside(m.name, map) && fuzz_inside(m.address, map) &&
	           fuzz_inside(m.argument, map));
	FUZZ_CHECK(cluster_kind_name(m.kind) != NULL && cluster_code_text(m.code) != NULL);
	FUZZ_CHECK(cluster_encode_hello(&once, &m) == 0);
	FUZZ_CHECK(buffer_length(&once) <= CLUSTER_HELLO_MAX);
	FUZZ_CHECK(cluster_decode_hello(buffer_bytes(&once), &same));
	FUZZ_CHECK(cluster_encode_hello(&again, &same) == 0);
	FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&again)));
	buffer_fini(&once);
	buffer_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes stream = fuzz_bytes(data, size), map;
	int found = cluster_next_hello(stream, &map);

	if (found == 1) {
		FUZZ_CHECK(fuzz_inside(map, stream) && map.len <= CLUSTER_HELLO_MAX);
		twice(map);
	} else {
		twice(stream);
	}
	return 0;
}
