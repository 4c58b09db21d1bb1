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

/* The long forms of what is most often short: see the inline functions below. */
uint64_t msgpack_read_long_uint(struct msgpack_reader *r);
uint32_t msgpack_read_long_array(struct msgpack_reader *r);
uint32_t msgpack_read_long_map(struct msgpack_reader *r);
struct bytes msgpack_read_long_str(struct msgpack_reader *r);
void msgpack_write_long_uint(struct buffer *out, uint64_t v);
void msgpack_write_long_str(struct buffer *out, struct bytes s);
void msgpack_write_long_array(struct buffer *out, uint32_t n);
void msgpack_write_long_map(struct buffer *out, uint32_t n);

/* The first byte of what comes; 0xc1, which msgpack never uses, where nothing does. */
static inline unsigned char msgpack_peek(const struct msgpack_reader *r)
{
	return !r->bad && r->at < r->end ? (unsigned char)*r->at : 0xc1;
}

static inline uint64_t msgpack_read_uint(struct msgpack_reader *r)
{
	unsigned char first = msgpack_peek(r);

	if (first >= 0x80)
		return msgpack_read_long_uint(r);
	r->at++;
	return first;
}

/* Number of elements; never more than bytes are left. */
static inline uint32_t msgpack_read_array(struct msgpack_reader *r)
{
	unsigned char first = msgpack_peek(r);

	if ((first & 0xf0) != 0x90 || (first & 15) >= r->end - r->at)
		return msgpack_read_long_array(r);
	r->at++;
	return first & 15;
}

/* Number of pairs. */
static inline uint32_t msgpack_read_map(struct msgpack_reader *r)
{
	unsigned char first = msgpack_peek(r);

	if ((first & 0xf0) != 0x80 || (first & 15) >= r->end - r->at)
		return msgpack_read_long_map(r);
	r->at++;
	return first & 15;
}

/* Also accepts bin. */
static inline struct bytes msgpack_read_str(struct msgpack_reader *r)
{
	unsigned char first = msgpack_peek(r);
	struct bytes s = { r->at + 1, first & 31 };

	if ((first & 0xe0) != 0xa0 || (first & 31) >= r->end - r->at)
		return msgpack_read_long_str(r);
	r->at += 1 + s.len;
	return s;
}

int64_t msgpack_read_int(struct msgpack_reader *r);
bool msgpack_read_bool(struct msgpack_reader *r);
/* True (and skipped) where the next value is nil. */
bool msgpack_read_nil(struct msgpack_reader *r);
/* One whole value of any kind but ext, as its bytes; depth and size are checked. */
struct bytes msgpack_read_value(struct msgpack_reader *r);

void msgpack_write_nil(struct buffer *out);
void msgpack_write_bool(struct buffer *out, bool v);
void msgpack_write_int(struct buffer *out, int64_t v);
void msgpack_write_real(struct buffer *out, double v);
void msgpack_write_bin(struct buffer *out, struct bytes s);
void msgpack_write_raw(struct buffer *out, struct bytes value); /* nil where empty */

static inline void msgpack_write_byte(struct buffer *out, unsigned byte)
{
	*buffer_reserve(out, 1) = (char)byte;
	buffer_commit(out, 1);
}

static inline void msgpack_write_uint(struct buffer *out, uint64_t v)
{
	if (v < 0x80)
		msgpack_write_byte(out, (unsigned)v);
	else
		msgpack_write_long_uint(out, v);
}

static inline void msgpack_write_str(struct buffer *out, struct bytes s)
{
	char *at;

	if (s.len >= 32) {
		msgpack_write_long_str(out, s);
		return;
	}
	at = buffer_reserve(out, 1 + s.len);
	*at = (char)(0xa0 | s.len);
	if (s.len > 0)
		memcpy(at + 1, s.data, s.len);
	buffer_commit(out, 1 + s.len);
}

static inline void msgpack_write_array(struct buffer *out, uint32_t n)
{
	if (n < 16)
		msgpack_write_byte(out, 0x90 | n);
	else
		msgpack_write_long_array(out, n);
}

static inline void msgpack_write_map(struct buffer *out, uint32_t n)
{
	if (n < 16)
		msgpack_write_byte(out, 0x80 | n);
	else
		msgpack_write_long_map(out, n);
}

/* Equal as values: maps whatever their order; 1 and 1.0 differ. Both are whole values,
 * as msgpack_read_value() gives them, or empty. */
bool msgpack_equal(struct bytes a, struct bytes b);

#endif
