/* Writes msgpack as JSON text. */
#include <float.h>
#include <math.h>
#include <msgpuck.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/msgpack.h"
#include "proto/utf8.h"

#define SAFE_INTEGER (UINT64_C(1) << 53) /* further away a browser loses digits */
#define REAL_MAX 32                      /* bytes of the longest real and its NUL */

static bool write_value(const char **at, struct buffer *out);

/* --- strings --- */

/* Everything but the characters of a JSON string that stand for themselves. DEL is
 * one in JSON, but a line of the client protocol holds no control character. */
static void write_escape(unsigned char c, struct buffer *out)
{
	static const char short_forms[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
	};

	if (c == '"' || c == '\\')
		buffer_append(out, (char[]){ '\\', (char)c }, 2);
	else if (c < 0x20 && short_forms[c])
		buffer_append(out, (char[]){ '\\', short_forms[c] }, 2);
	else if (c < 0x80)
		buffer_printf(out, "\\u%04x", c);
	else
		buffer_append_text(out, "\xef\xbf\xbd");
}

/* Bytes at the beginning of text that are one character standing for itself, or 0. */
static size_t plain_character(struct bytes text)
{
	unsigned char c = (unsigned char)text.data[0];

	if (c >= 0x80)
		return utf8_sequence(text);
	return c >= 0x20 && c != 0x7f && c != '"' && c != '\\';
}

void json_write_text(struct bytes text, struct buffer *out)
{
	size_t from = 0, at = 0;

	buffer_append(out, "\"", 1);
	while (at < text.len) {
		size_t n = plain_character((struct bytes){ text.data + at, text.len - at });

		if (n > 0) {
			at += n;
			continue;
		}
		buffer_append(out, text.data + from, at - from);
		write_escape((unsigned char)text.data[at], out);
		from = ++at;
	}
	if (at > from)
		buffer_append(out, text.data + from, at - from);
	buffer_append(out, "\"", 1);
}

/* --- numbers --- */

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

/* Some writers encode small numbers as signed, too. */
static void write_signed(int64_t v, struct buffer *out)
{
	write_number(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, out);
}

/* `1e+05` to `1e5`; `1` to `1.0`. */
static void tidy_real(char *text)
{
	char *e = strchr(text, 'e'), *digits;

	if (e == NULL) {
		if (strchr(text, '.') == NULL)
			strcat(text, ".0");
		return;
	}
	digits = e[1] == '-' ? e + 2 : e + 1;
	memmove(digits, digits + strspn(digits, "+0"), strlen(digits + strspn(digits, "+0")) + 1);
}

/* Digits enough that the same double is read back; fewer hold for subnormal ones. */
static bool write_real(double value, struct buffer *out)
{
	int precision = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
	char text[REAL_MAX];

	if (!isfinite(value))
		return false;
	do
		snprintf(text, sizeof(text), "%.*g", precision, value);
	while (precision++ < 17 && strtod(text, NULL) != value);
	tidy_real(text);
	buffer_append_text(out, text);
	return true;
}

/* --- containers --- */

static bool write_array(const char **at, struct buffer *out)
{
	uint32_t n = mp_decode_array(at);

	buffer_append(out, "[", 1);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			buffer_append(out, ",", 1);
		if (!write_value(at, out))
			return false;
	}
	buffer_append(out, "]", 1);
	return true;
}

static bool write_map(const char **at, struct buffer *out)
{
	uint32_t n = mp_decode_map(at);

	buffer_append(out, "{", 1);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			buffer_append(out, ",", 1);
		if (mp_typeof(**at) != MP_STR || !write_value(at, out))
			return false;
		buffer_append(out, ":", 1);
		if (!write_value(at, out))
			return false;
	}
	buffer_append(out, "}", 1);
	return true;
}

static bool write_value(const char **at, struct buffer *out)
{
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
		write_signed(mp_decode_int(at), out);
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
