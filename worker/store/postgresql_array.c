/* Integers and arrays as PostgreSQL sends and receives them in binary. */
#include "worker/store/postgresql_array.h"

#include <endian.h>

#define COUNT_AT 12 /* bytes before the number of elements */

static void put32(struct buffer *out, uint32_t value)
{
	uint32_t big = htobe32(value);

	buffer_append(out, &big, sizeof(big));
}

static void put64(struct buffer *out, uint64_t value)
{
	uint64_t big = htobe64(value);

	buffer_append(out, &big, sizeof(big));
}

void postgresql_array_begin(struct buffer *array, uint32_t type)
{
	buffer_clear(array);
	put32(array, 1); /* dimensions */
	put32(array, 0); /* no NULL among them */
	put32(array, type);
	put32(array, 0); /* elements: postgresql_array_end() */
	put32(array, 1); /* the first one's index */
}

void postgresql_array_int4(struct buffer *array, uint32_t value)
{
	put32(array, sizeof(value));
	put32(array, value);
}

void postgresql_array_int8(struct buffer *array, uint64_t value)
{
	put32(array, sizeof(value));
	put64(array, value);
}

void postgresql_array_bytes(struct buffer *array, struct bytes value)
{
	put32(array, (uint32_t)value.len);
	buffer_append_bytes(array, value);
}

void postgresql_array_end(struct buffer *array, uint32_t count)
{
	uint32_t big = htobe32(count);

	memcpy(array->data + array->head + COUNT_AT, &big, sizeof(big));
}

uint64_t postgresql_integer(struct bytes value)
{
	uint32_t four;
	uint64_t eight;

	if (value.len == sizeof(eight)) {
		memcpy(&eight, value.data, sizeof(eight));
		return be64toh(eight);
	}
	if (value.len != sizeof(four))
		return 0;
	memcpy(&four, value.data, sizeof(four));
	return be32toh(four);
}
