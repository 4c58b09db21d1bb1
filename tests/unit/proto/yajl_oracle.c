/* yajl's events to msgpack, written as plainly as can be. */
#include "tests/unit/proto/yajl_oracle.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#include "proto/json.h"
#include "proto/msgpack.h"

/* An open array or object: its elements, already packed. */
struct level {
	bool map;
	uint32_t count;
	struct buffer content;
	struct buffer keys; /* packed, one behind the other */
};

struct oracle {
	struct level levels[JSON_DEPTH_MAX + 1];
	unsigned depth; /* levels[0] is the text itself */
};

static struct buffer *element(struct oracle *o)
{
	if (!o->levels[o->depth].map)
		o->levels[o->depth].count++;
	return &o->levels[o->depth].content;
}

static int on_null(void *to)
{
	msgpack_write_nil(element(to));
	return 1;
}

static int on_boolean(void *to, int v)
{
	msgpack_write_bool(element(to), v);
	return 1;
}

static int on_number(void *to, const char *text, size_t length)
{
	char *copy = strndup(text, length), *end;
	bool real = strpbrk(copy, ".eE") != NULL, good;
	long long integer = 0;
	double value = 0;

	errno = 0;
	if (real)
		value = strtod(copy, &end);
	else
		integer = strtoll(copy, &end, 10);
	good = *end == '\0' && (real ? isfinite(value) : errno == 0);
	if (good && real)
		msgpack_write_real(element(to), value);
	else if (good && copy[0] == '-' && integer == 0)
		msgpack_write_real(element(to), -0.0);
	else if (good)
		msgpack_write_int(element(to), integer);
	free(copy);
	return good;
}

/* yajl looks at the shape of UTF-8 only: here each sequence is decoded, and has to be
 * the one that its code point is encoded to. */
static bool is_utf8(const unsigned char *text, size_t length)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least, most;
	} rows[] = {
		{ 0x80, 0x00, 0, 0x7f }, { 0xe0, 0xc0, 0x80, 0x7ff }, { 0xf0, 0xe0, 0x800, 0xffff },
		{ 0xf8, 0xf0, 0x10000, 0x10ffff },
	};

	while (length > 0) {
		size_t more = 0;
		uint32_t code;

		while (more < 4 && (*text & rows[more].mask) != rows[more].lead)
			more++;
		if (more == 4 || more >= length)
			return false;
		code = *text & (unsigned char)~rows[more].mask;
		for (size_t i = 1; i <= more; i++) {
			if ((text[i] & 0xc0) != 0x80)
				return false;
			code = code << 6 | (text[i] & 0x3f);
		}
		if (code < rows[more].least || code > rows[more].most || (code >= 0xd800 && code <= 0xdfff))
			return false;
		text += more + 1;
		length -= more + 1;
	}
	return true;
}

static int on_string(void *to, const unsigned char *text, size_t length)
{
	msgpack_write_str(element(to), (struct bytes){ (const char *)text, length });
	return is_utf8(text, length);
}

static int begin(struct oracle *o, bool map)
{
	element(o);
	if (o->depth == JSON_DEPTH_MAX)
		return 0;
	o->levels[++o->depth] = (struct level){ .map = map };
	return 1;
}

static int on_begin_map(void *to)
{
	return begin(to, true);
}

static int on_begin_array(void *to)
{
	return begin(to, false);
}

static int on_key(void *to, const unsigned char *text, size_t length)
{
	struct oracle *o = to;
	struct level *level = &o->levels[o->depth];
	struct bytes key = { (const char *)text, length };
	struct msgpack_reader keys = msgpack_read(buffer_bytes(&level->keys));

	if (!is_utf8(text, length))
		return 0;
	for (uint32_t i = 0; i < level->count; i++)
		if (bytes_equal(msgpack_read_str(&keys), key))
			return 0;
	level->count++;
	msgpack_write_str(&level->keys, key);
	msgpack_write_str(&level->content, key);
	return 1;
}

static int on_end(void *to)
{
	struct oracle *o = to;
	struct level *inner = &o->levels[o->depth--];
	struct buffer *outer = &o->levels[o->depth].content;

	if (inner->map)
		msgpack_write_map(outer, inner->count);
	else
		msgpack_write_array(outer, inner->count);
	buffer_append_bytes(outer, buffer_bytes(&inner->content));
	buffer_fini(&inner->content);
	buffer_fini(&inner->keys);
	return 1;
}

bool yajl_oracle(struct bytes text, struct buffer *out)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null, .yajl_boolean = on_boolean, .yajl_number = on_number,
		.yajl_string = on_string, .yajl_start_map = on_begin_map, .yajl_map_key = on_key,
		.yajl_end_map = on_end, .yajl_start_array = on_begin_array, .yajl_end_array = on_end,
	};
	struct oracle o = { 0 };
	yajl_handle handle = yajl_alloc(&callbacks, NULL, &o);
	bool good = yajl_parse(handle, (const unsigned char *)text.data, text.len) == yajl_status_ok &&
	            yajl_complete_parse(handle) == yajl_status_ok && o.depth == 0 && o.levels[0].count == 1;

	if (good)
		buffer_append_bytes(out, buffer_bytes(&o.levels[0].content));
	for (unsigned i = 0; i <= JSON_DEPTH_MAX; i++) {
		buffer_fini(&o.levels[i].content);
		buffer_fini(&o.levels[i].keys);
	}
	yajl_free(handle);
	return good;
}

/* `\ud8` to `\udf` somewhere: a surrogate, perhaps a lone one. */
static bool has_surrogate(struct bytes text)
{
	for (size_t i = 0; i + 4 <= text.len; i++)
		if (text.data[i] == '\\' && text.data[i + 1] == 'u' && tolower(text.data[i + 2]) == 'd' &&
		    strchr("89abcdef", tolower((unsigned char)text.data[i + 3])))
			return true;
	return false;
}

static bool ends_inside_string(struct bytes text)
{
	bool inside = false;

	for (size_t i = 0; i < text.len; i++) {
		if (inside && text.data[i] == '\\')
			i++;
		else if (text.data[i] == '"')
			inside = !inside;
	}
	return inside;
}

static bool has_strange_blank(struct bytes text)
{
	return text.len > 0 && (memchr(text.data, '\v', text.len) || memchr(text.data, '\f', text.len));
}

bool yajl_oracle_errs(struct bytes text)
{
	return has_surrogate(text) || ends_inside_string(text) || has_strange_blank(text);
}
