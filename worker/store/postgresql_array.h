/* Parameters and results of statements in PostgreSQL's binary form: big-endian integers, and
 * arrays of one dimension. Pure. */
#ifndef WORKER_STORE_POSTGRESQL_ARRAY_H
#define WORKER_STORE_POSTGRESQL_ARRAY_H

#include <stdint.h>

#include "common/buffer.h"

/* Types by their numbers in pg_type. */
#define POSTGRESQL_BYTEA 17
#define POSTGRESQL_INT8 20
#define POSTGRESQL_INT4 23

/* An array is a buffer of its own: begin, then elements of that one type, then end, even
 * where there are no elements. */
void postgresql_array_begin(struct buffer *array, uint32_t type);
void postgresql_array_int4(struct buffer *array, uint32_t value);
void postgresql_array_int8(struct buffer *array, uint64_t value);
void postgresql_array_bytes(struct buffer *array, struct bytes value);
void postgresql_array_end(struct buffer *array, uint32_t count);

/* A value of a result; 0 where it is not of that width. */
uint64_t postgresql_integer(struct bytes value);

#endif
