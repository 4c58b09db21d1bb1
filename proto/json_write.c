/* msgpack to JSON text. */
#include <math.h>
#include <msgpuck.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/msgpack.h"
#include "proto/utf8.h"

#define SAFE_INTEGER (INT64_C(1) << 53)

static bool write_value(const char **at, struct buffer *out);

static void write_character(unsigned char c, struct buffer *out)
{
	static const char *const short_forms[0x20] = {
		['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t",
	};

	if (c == '"' || c == '\\')
		buffer_append(out, (char[]){ '\\', (char)c }, 2);
	else if (c < 0x20 && short_forms[c])
		buffer_append_text(out, short_forms[c]);
	else if (c < 0x20 || c == 0x7f)
		buffer_printf(out, "\\u%04x", c);
	else
		buffer_append(out, &c, 1);
}

void json_write_text(struct bytes text, struct buffer *out)
{
	buffer_append_text(out, "\"");
	while (text.len > 0) {
		size_t plain = 0, n;

		while (plain < text.len && (unsigned char)text.data[plain] >= 0x20 && text.data[plain] != '"' &&
		       text.data[plain] != '\\' && (unsigned char)text.data[plain] < 0x7f)
			plain++;
		buffer_append(out, text.data, plain);
		text = (struct bytes){ text.data + plain, text.len - plain };
		if (text.len == 0)
			break;
		n = utf8_sequence(text);
		if (n > 1)
			buffer_append(out, text.data, n);
		else if (n == 1)
			write_character((unsigned char)text.data[0], out);
		else
			buffer_append_text(out, "\xef\xbf\xbd");
		n = n ? n : 1;
		text = (struct bytes){ text.data + n, text.len - n };
	}
	buffer_append_text(out, "\"");
}

static void write_number(uint64_t magnitude, bool negative, struct buffer *out)
{
	char text[24], *at = text + sizeof(text);
	bool wide = magnitude > SAFE_INTEGER;

	if (wide)
		*--at = '"';
	do
		*--at = (char)('0' + magnitude % 10);
	while (magnitude /= 10);
	if (negative)
		*--at = '-';
	if (wide)
		*--at = '"';
	buffer_append(out, at, (size_t)(text + sizeof(text) - at));
}

/* The shortest text that reads back as the same double, always with . or e. */
static bool write_real(double value, struct buffer *out)
{
	char text[32];

	if (!isfinite(value))
		return false;
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buffer_append_text(out, text);
	if (strpbrk(text, ".e") == NULL)
		buffer_append_text(out, ".0");
	return true;
}

static bool write_array(const char **at, struct buffer *out)
{
	uint32_t n = mp_decode_array(at);

	buffer_append_text(out, "[");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			buffer_append_text(out, ",");
		if (!write_value(at, out))
			return false;
	}
	buffer_append_text(out, "]");
	return true;
}

static bool write_map(const char **at, struct buffer *out)
{
	uint32_t n = mp_decode_map(at);

	buffer_append_text(out, "{");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			buffer_append_text(out, ",");
		if (mp_typeof(**at) != MP_STR || !write_value(at, out))
			return false;
		buffer_append_text(out, ":");
		if (!write_value(at, out))
			return false;
	}
	buffer_append_text(out, "}");
	return true;
}

static bool write_value(const char **at, struct buffer *out)
{
	int64_t i;
	uint32_t length;
	const char *text;

	switch (mp_typeof(**at)) {
	case MP_NIL:
		mp_decode_nil(at);
		buffer_append(out, "null", 4);
		return true;
	case MP_BOOL:
		buffer_append_text(out, mp_decode_bool(at) ? "true" : "false");
		return true;
	case MP_UINT:
		write_number(mp_decode_uint(at), false, out);
		return true;
	case MP_INT:
		i = mp_decode_int(at);
		write_number(0 - (uint64_t)i, true, out);
		return true;
	case MP_DOUBLE:
		return write_real(mp_decode_double(at), out);
	case MP_STR:
		text = mp_decode_str(at, &length);
		json_write_text((struct bytes){ text, length }, out);
		return true;
	case MP_ARRAY:
		return write_array(at, out);
	case MP_MAP:
		return write_map(at, out);
	default:
		return false;
	}
}

size_t json_write(struct bytes msgpack, struct buffer *out)
{
	struct msgpack_reader r = msgpack_read(msgpack);
	struct bytes value = msgpack_read_value(&r);
	size_t before = buffer_length(out);
	const char *at = value.data;

	if (r.bad)
		return 0;
	if (!write_value(&at, out)) {
		out->tail = out->head + before;
		return 0;
	}
	return value.len;
}
