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

uint64_t msgpack_read_uint(struct msgpack_reader *r)
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

uint32_t msgpack_read_array(struct msgpack_reader *r)
{
	if (!some(r))
		return 0;
	if (mp_typeof(*r->at) != MP_ARRAY) {
		r->bad = true;
		return 0;
	}
	return fits(r, mp_check_array(r->at, r->end)) ? counted(r, mp_decode_array(&r->at)) : 0;
}

uint32_t msgpack_read_map(struct msgpack_reader *r)
{
	if (!some(r))
		return 0;
	if (mp_typeof(*r->at) != MP_MAP) {
		r->bad = true;
		return 0;
	}
	return fits(r, mp_check_map(r->at, r->end)) ? counted(r, mp_decode_map(&r->at)) : 0;
}

struct bytes msgpack_read_str(struct msgpack_reader *r)
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
	if (!fits(r, bin ? mp_check_binl(r->at, r->end) : mp_check_strl(r->at, r->end)))
		return none;
	len = bin ? mp_decode_binl(&r->at) : mp_decode_strl(&r->at);
	if (len > (size_t)(r->end - r->at)) {
		r->bad = true;
		return none;
	}
	r->at += len;
	return (struct bytes){ r->at - len, len };
}

/* Depth is bounded here, because what reads the value recurses into it. */
static bool shallow(const char *at, unsigned depth)
{
	const char *rest = at;
	bool map = mp_typeof(*at) == MP_MAP;
	uint32_t n;

	if (!map && mp_typeof(*at) != MP_ARRAY)
		return true;
	if (depth >= MSGPACK_DEPTH_MAX)
		return false;
	n = map ? mp_decode_map(&rest) * 2 : mp_decode_array(&rest);
	while (n-- > 0) {
		if (!shallow(rest, depth + 1))
			return false;
		mp_next(&rest);
	}
	return true;
}

struct bytes msgpack_read_value(struct msgpack_reader *r)
{
	const char *begin = r->at;

	if (!some(r))
		return none;
	if (mp_check(&r->at, r->end) != 0 || !shallow(begin, 0)) {
		r->bad = true;
		return none;
	}
	return (struct bytes){ begin, (size_t)(r->at - begin) };
}

bool msgpack_read_nil(struct msgpack_reader *r)
{
	if (!some(r) || mp_typeof(*r->at) != MP_NIL)
		return false;
	mp_decode_nil(&r->at);
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

void msgpack_write_uint(struct buffer *out, uint64_t v)
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

void msgpack_write_str(struct buffer *out, struct bytes s)
{
	char *at = buffer_reserve(out, s.len + 5);

	wrote(out, at, mp_encode_str(at, s.len ? s.data : "", (uint32_t)s.len));
}

void msgpack_write_bin(struct buffer *out, struct bytes s)
{
	char *at = buffer_reserve(out, s.len + 5);

	wrote(out, at, mp_encode_bin(at, s.len ? s.data : "", (uint32_t)s.len));
}

void msgpack_write_array(struct buffer *out, uint32_t n)
{
	char *at = buffer_reserve(out, 5);

	wrote(out, at, mp_encode_array(at, n));
}

void msgpack_write_map(struct buffer *out, uint32_t n)
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

/* --- comparing --- */

static bool equal(const char *a, const char *b);

static bool equal_arrays(const char *a, const char *b)
{
	uint32_t n = mp_decode_array(&a);

	if (n != mp_decode_array(&b))
		return false;
	for (; n > 0; n--) {
		if (!equal(a, b))
			return false;
		mp_next(&a);
		mp_next(&b);
	}
	return true;
}

/* The value of a key in the map at `map`, or NULL. */
static const char *lookup(const char *map, const char *key)
{
	uint32_t n = mp_decode_map(&map);

	for (; n > 0; n--) {
		const char *k = map;

		mp_next(&map);
		if (equal(k, key))
			return map;
		mp_next(&map);
	}
	return NULL;
}

static bool equal_maps(const char *a, const char *b)
{
	const char *b_map = b;
	uint32_t n = mp_decode_map(&a);

	if (n != mp_decode_map(&b))
		return false;
	for (; n > 0; n--) {
		const char *key = a, *found;

		mp_next(&a);
		/* Mostly both are in the same order. */
		if (b && equal(key, b))
			found = (mp_next(&b), b);
		else
			found = lookup(b_map, key), b = NULL;
		if (found == NULL || !equal(a, found))
			return false;
		mp_next(&a);
		if (b)
			mp_next(&b);
	}
	return true;
}

static bool equal(const char *a, const char *b)
{
	const char *a_end = a, *b_end = b;
	enum mp_type type = mp_typeof(*a);

	if (type != mp_typeof(*b))
		return false;
	if (type == MP_ARRAY)
		return equal_arrays(a, b);
	if (type == MP_MAP)
		return equal_maps(a, b);
	if (type == MP_STR) {
		uint32_t a_len = mp_decode_strl(&a), b_len = mp_decode_strl(&b);

		return bytes_equal((struct bytes){ a, a_len }, (struct bytes){ b, b_len });
	}
	mp_next(&a_end);
	mp_next(&b_end);
	return a_end - a == b_end - b && memcmp(a, b, (size_t)(a_end - a)) == 0;
}

bool msgpack_equal(struct bytes a, struct bytes b)
{
	if (a.len == b.len && memcmp(a.data, b.data, a.len) == 0)
		return true;
	return equal(a.data, b.data);
}
