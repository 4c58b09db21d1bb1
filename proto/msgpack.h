/* Checked reading and appending of msgpack in place, on top of msgpuck: readers
 * never run past the end, whatever the bytes. */
#ifndef PROTO_MSGPACK_H
#define PROTO_MSGPACK_H

#include <stdint.h>

#include "common/buffer.h"

#define MSGPACK_DEPTH_MAX 66 /* JSON's 64 and two levels of envelope */

/* What is left to read. After the first failure every further read fails and
 * `bad` stays set, so a decoder checks once at its end. */
struct msgpack_reader {
	const char *at, *end;
	bool bad;
};

static inline struct msgpack_reader msgpack_read(struct bytes s)
{
	return (struct msgpack_reader){ s.data, s.data ? s.data + s.len : NULL, false };
}

uint64_t msgpack_read_uint(struct msgpack_reader *r);
int64_t msgpack_read_int(struct msgpack_reader *r);
bool msgpack_read_bool(struct msgpack_reader *r);
uint32_t msgpack_read_array(struct msgpack_reader *r); /* number of elements */
uint32_t msgpack_read_map(struct msgpack_reader *r);   /* number of pairs */
struct bytes msgpack_read_str(struct msgpack_reader *r); /* also accepts bin */
/* One whole value of any kind but ext, as its bytes; depth and size are checked. */
struct bytes msgpack_read_value(struct msgpack_reader *r);
/* True (and skipped) where the next value is nil. */
bool msgpack_read_nil(struct msgpack_reader *r);

void msgpack_write_nil(struct buffer *out);
void msgpack_write_bool(struct buffer *out, bool v);
void msgpack_write_uint(struct buffer *out, uint64_t v);
void msgpack_write_int(struct buffer *out, int64_t v);
void msgpack_write_real(struct buffer *out, double v);
void msgpack_write_str(struct buffer *out, struct bytes s);
void msgpack_write_bin(struct buffer *out, struct bytes s);
void msgpack_write_array(struct buffer *out, uint32_t n);
void msgpack_write_map(struct buffer *out, uint32_t n);
void msgpack_write_raw(struct buffer *out, struct bytes value); /* nil where empty */

/* Equal as values: maps whatever their order; 1 and 1.0 differ. Both are whole values,
 * as msgpack_read_value() gives them, or empty. */
bool msgpack_equal(struct bytes a, struct bytes b);

#endif
