/* msgpack in place: every read checks what is left before it looks. */
#include "proto/msgpack.h"

#include <msgpuck.h>

static const struct bytes none = { NULL, 0 };

/* One byte at least is left; else the reader goes bad. */
static bool some(struct msgpack_reader *r)
{
	if (!r->bad && r->at < r->end)
		return true;
	r->bad = true;
	return false;
}

static bool fits(struct msgpack_reader *r, ptrdiff_t missing)
{
	if (missing <= 0)
		return true;
	r->bad = true;
	return false;
}

uint64_t msgpack_read_long_uint(struct msgpack_reader *r)
{
	int64_t v;

	if (!some(r))
		return 0;
	if (mp_typeof(*r->at) == MP_UINT)
		return fits(r, mp_check_uint(r->at, r->end)) ? mp_decode_uint(&r->at) : 0;
	/* Some writers encode small numbers as signed. */
	v = msgpack_read_int(r);
	if (v < 0)
		r->bad = true;
	return r->bad ? 0 : (uint64_t)v;
}

int64_t msgpack_read_int(struct msgpack_reader *r)
{
	if (!some(r))
		return 0;
	if (mp_typeof(*r->at) == MP_UINT) {
		uint64_t v = fits(r, mp_check_uint(r->at, r->end)) ? mp_decode_uint(&r->at) : 0;

		if (v > INT64_MAX)
			r->bad = true;
		return r->bad ? 0 : (int64_t)v;
	}
	if (mp_typeof(*r->at) != MP_INT) {
		r->bad = true;
		return 0;
	}
	return fits(r, mp_check_int(r->at, r->end)) ? mp_decode_int(&r->at) : 0;
}

bool msgpack_read_bool(struct msgpack_reader *r)
{
	if (!some(r))
		return false;
	if (mp_typeof(*r->at) != MP_BOOL) {
		r->bad = true;
		return false;
	}
	return mp_decode_bool(&r->at);
}

/* More elements than bytes left is a lie. */
static uint32_t counted(struct msgpack_reader *r, uint32_t n)
{
	if (n > (size_t)(r->end - r->at))
		r->bad = true;
	return r->bad ? 0 : n;
}

uint32_t msgpack_read_long_array(struct msgpack_reader *r)
{
	if (!some(r))
		return 0;
	if (mp_typeof(*r->at) != MP_ARRAY) {
		r->bad = true;
		return 0;
	}
	return fits(r, mp_check_array(r->at, r->end)) ? counted(r, mp_decode_array(&r->at)) : 0;
}

uint32_t msgpack_read_long_map(struct msgpack_reader *r)
{
	if (!some(r))
		return 0;
	if (mp_typeof(*r->at) != MP_MAP) {
		r->bad = true;
		return 0;
	}
	return fits(r, mp_check_map(r->at, r->end)) ? counted(r, mp_decode_map(&r->at)) : 0;
}

/* Whether the head of a string or bin is there: its first byte and its length.
 * (mp_check_binl() asserts that something follows the first byte.) */
static bool head_fits(struct msgpack_reader *r, bool bin)
{
	ptrdiff_t length_size = 1 << (*r->at & 3); /* 0xc4: 1, 0xc5: 2, 0xc6: 4 */

	return fits(r, bin ? 1 + length_size - (r->end - r->at) : mp_check_strl(r->at, r->end));
}

struct bytes msgpack_read_long_str(struct msgpack_reader *r)
{
	bool bin;
	uint32_t len;

	if (!some(r))
		return none;
	bin = mp_typeof(*r->at) == MP_BIN;
	if (!bin && mp_typeof(*r->at) != MP_STR) {
		r->bad = true;
		return none;
	}
	if (!head_fits(r, bin))
		return none;
	len = bin ? mp_decode_binl(&r->at) : mp_decode_strl(&r->at);
	if (len > (size_t)(r->end - r->at)) {
		r->bad = true;
		return none;
	}
	r->at += len;
	return (struct bytes){ r->at - len, len };
}

/* Steps over a string or bin whose length stands behind its first byte. */
static bool skip_sized(struct msgpack_reader *r, bool bin)
{
	uint32_t len;

	if (!head_fits(r, bin))
		return false;
	len = bin ? mp_decode_binl(&r->at) : mp_decode_strl(&r->at);
	if (len > (size_t)(r->end - r->at))
		return false;
	r->at += len;
	return true;
}

/* Steps over what has no elements. Nothing of ours is ext, nor is byte 0xc1. */
static bool skip_leaf(struct msgpack_reader *r, enum mp_type type)
{
	int hint = mp_parser_hint[(unsigned char)*r->at]; /* bytes to follow; below 0: a length */

	if (type == MP_EXT)
		return false;
	if (hint < 0)
		return skip_sized(r, type == MP_BIN);
	if (hint >= r->end - r->at)
		return false;
	r->at += hint + 1;
	return true;
}

/* Steps over one value, nested no deeper than what reads it later may recurse. Not
 * with mp_check(): it counts elements in an int, which an array of 2^32-1 overflows. */
static bool skip_value(struct msgpack_reader *r)
{
	uint64_t left[MSGPACK_DEPTH_MAX + 1]; /* values still to come, at each depth up to this one */
	unsigned depth = 0;

	left[0] = 1;
	for (;;) {
		enum mp_type type;

		while (left[depth] == 0) {
			if (depth-- == 0)
				return true;
		}
		left[depth]--;
		if (r->at >= r->end)
			return false;
		type = mp_typeof(*r->at);
		if (type != MP_ARRAY && type != MP_MAP) {
			if (!skip_leaf(r, type))
				return false;
		} else if (depth < MSGPACK_DEPTH_MAX) {
			left[++depth] = type == MP_ARRAY ? msgpack_read_array(r) : 2 * (uint64_t)msgpack_read_map(r);
			if (r->bad)
				return false;
		} else {
			return false;
		}
	}
}

/* Bytes of what says with its first byte how long it is and has no elements; 0: anything else. */
static size_t fixed_size(unsigned char first)
{
	static const unsigned char sizes[0x20] = {
		[0x00] = 1, [0x02] = 1, [0x03] = 1, [0x0b] = 9,              /* nil, false, true, a real */
		[0x0c] = 2, [0x0d] = 3, [0x0e] = 5, [0x0f] = 9,              /* uint */
		[0x10] = 2, [0x11] = 3, [0x12] = 5, [0x13] = 9,              /* int */
	};

	if (first < 0x80 || first >= 0xe0)
		return 1;
	if (first >= 0xc0)
		return sizes[first - 0xc0];
	return first >= 0xa0 ? 1 + (first & 31u) : 0;
}

/* Steps over a short array or map of such, which is what most requests hold. False: it is
 * something else, and r stands where it stood. */
static bool skip_few(struct msgpack_reader *r)
{
	unsigned char first = (unsigned char)*r->at;
	unsigned n = first < 0x90 ? 2 * (first & 15u) : first < 0xa0 ? first & 15u : 0;
	const char *at = r->at + 1;

	for (size_t size; n > 0; n--, at += size) {
		size = at < r->end ? fixed_size((unsigned char)*at) : 0;
		if (size == 0 || size > (size_t)(r->end - at))
			return false;
	}
	r->at = at;
	return true;
}

struct bytes msgpack_read_value(struct msgpack_reader *r)
{
	const char *begin = r->at;
	size_t size;

	if (!some(r))
		return none;
	size = fixed_size((unsigned char)*begin);
	if (size > 0 && size <= (size_t)(r->end - begin)) {
		r->at += size;
		return (struct bytes){ begin, size };
	}
	if ((*begin & 0xe0) == 0x80 && skip_few(r))
		return (struct bytes){ begin, (size_t)(r->at - begin) };
	if (!skip_value(r)) {
		r->bad = true;
		return none;
	}
	return (struct bytes){ begin, (size_t)(r->at - begin) };
}

bool msgpack_read_nil(struct msgpack_reader *r)
{
	if (!some(r) || *r->at != '\xc0')
		return false;
	r->at++;
	return true;
}

/* --- writing --- */

static void wrote(struct buffer *out, const char *begin, const char *end)
{
	buffer_commit(out, (size_t)(end - begin));
}

void msgpack_write_nil(struct buffer *out)
{
	char *at = buffer_reserve(out, 1);

	wrote(out, at, mp_encode_nil(at));
}

void msgpack_write_bool(struct buffer *out, bool v)
{
	char *at = buffer_reserve(out, 1);

	wrote(out, at, mp_encode_bool(at, v));
}

void msgpack_write_long_uint(struct buffer *out, uint64_t v)
{
	char *at = buffer_reserve(out, 9);

	wrote(out, at, mp_encode_uint(at, v));
}

void msgpack_write_int(struct buffer *out, int64_t v)
{
	char *at = buffer_reserve(out, 9);

	wrote(out, at, v < 0 ? mp_encode_int(at, v) : mp_encode_uint(at, (uint64_t)v));
}

void msgpack_write_real(struct buffer *out, double v)
{
	char *at = buffer_reserve(out, 9);

	wrote(out, at, mp_encode_double(at, v));
}

void msgpack_write_long_str(struct buffer *out, struct bytes s)
{
	char *at = buffer_reserve(out, s.len + 5);

	wrote(out, at, mp_encode_str(at, s.len ? s.data : "", (uint32_t)s.len));
}

void msgpack_write_bin(struct buffer *out, struct bytes s)
{
	char *at = buffer_reserve(out, s.len + 5);

	wrote(out, at, mp_encode_bin(at, s.len ? s.data : "", (uint32_t)s.len));
}

void msgpack_write_long_array(struct buffer *out, uint32_t n)
{
	char *at = buffer_reserve(out, 5);

	wrote(out, at, mp_encode_array(at, n));
}

void msgpack_write_long_map(struct buffer *out, uint32_t n)
{
	char *at = buffer_reserve(out, 5);

	wrote(out, at, mp_encode_map(at, n));
}

void msgpack_write_raw(struct buffer *out, struct bytes value)
{
	if (value.len == 0)
		msgpack_write_nil(out);
	else
		buffer_append_bytes(out, value);
}
