/* A property's value as an actor holds it: scalars in place, the rest as msgpack. */
#ifndef WORKER_ACTOR_VALUE_H
#define WORKER_ACTOR_VALUE_H

#include <stdint.h>

#include "common/buffer.h"

enum value_type {
	VALUE_NULL, VALUE_FALSE, VALUE_TRUE, VALUE_INT, VALUE_REAL,
	VALUE_PACKED, /* a string, array or map: one msgpack value of len bytes, owned */
};

/* Zeroed memory is null. */
struct value {
	uint8_t type; /* enum value_type */
	uint32_t len;
	union {
		int64_t i;
		double real;
		char *packed;
	};
};

void value_fini(struct value *v);

/* Takes one whole msgpack value of the JSON kinds apart. -EINVAL, -ENOMEM. */
int value_unpack(struct bytes msgpack, struct value *ret);
void value_pack(const struct value *v, struct buffer *out);

/* -ENOMEM */
int value_copy(const struct value *v, struct value *ret);

/* The same type and bits (1 and 1.0 differ, 0.0 and -0.0 differ); maps whatever
 * their order. */
bool value_equal(const struct value *a, const struct value *b);

/* Bytes it counts against its actor's quota. */
size_t value_size(const struct value *v);

#endif
