/* Reads JSON strings: escapes, surrogate pairs, UTF-8. */
#include <msgpuck.h>
#include <stdint.h>

#include "proto/json_parser.h"
#include "proto/utf8.h"

#define HEAD_MAX 5 /* bytes of the longest head of a msgpack string */

static int hex4(const char *s)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		char c = s[i];
		int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;

		if (d < 0)
			return -1;
		value = value << 4 | d;
	}
	return value;
}

/* A \uXXXX escape, or two that make a surrogate pair; at stands behind the `u`. */
static bool unescape_unicode(struct json_parser *p)
{
	int high = p->end - p->at >= 4 ? hex4(p->at) : -1, low;
	uint32_t code = (uint32_t)high;

	if (high < 0)
		return json_fail(p, JSON_STRING);
	if (high >= 0xdc00 && high <= 0xdfff)
		return json_fail(p, JSON_STRING);
	p->at += 4;
	if (high >= 0xd800 && high <= 0xdbff) {
		low = p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u' ? hex4(p->at + 2) : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return json_fail(p, JSON_STRING);
		p->at += 6;
		code = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
	}
	p->to += utf8_encode(code, p->to);
	return true;
}

static bool unescape(struct json_parser *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	p->at++;
	if (p->at == p->end)
		return json_fail(p, JSON_SYNTAX);
	if (*p->at == 'u') {
		p->at++;
		return unescape_unicode(p);
	}
	found = memchr(from, *p->at, sizeof(from) - 1);
	if (found == NULL)
		return json_fail(p, JSON_STRING);
	*p->to++ = to[found - from];
	p->at++;
	return true;
}

/* Copies up to the closing quote. Escapes never give half a UTF-8 sequence, so that
 * the whole can be checked at its end. */
static bool copy_escaped(struct json_parser *p)
{
	while (p->at < p->end && *p->at != '"') {
		if ((unsigned char)*p->at < 0x20)
			return json_fail(p, JSON_STRING);
		if (*p->at != '\\')
			*p->to++ = *p->at++;
		else if (!unescape(p))
			return false;
	}
	return p->at < p->end || json_fail(p, JSON_SYNTAX);
}

/* How long the string gets is known at its end only: its head is put before it then. */
static bool parse_escaped(struct json_parser *p, const char *begin, struct bytes *ret_text)
{
	char *head = p->to, *text = head + HEAD_MAX;
	size_t length = (size_t)(p->at - begin);

	memcpy(text, begin, length);
	p->to = text + length;
	if (!copy_escaped(p))
		return false;
	length = (size_t)(p->to - text);
	if (!utf8_valid((struct bytes){ text, length }))
		return json_fail(p, JSON_STRING);
	p->to = mp_encode_strl(head, (uint32_t)length);
	memmove(p->to, text, length);
	*ret_text = (struct bytes){ p->to, length };
	p->to += length;
	p->at++;
	return true;
}

/* Eight bytes at once, as long as they are plain ASCII without quote or backslash. */
static const char *skip_plain(const char *at, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;

	while (end - at >= 8) {
		uint64_t eight, quote, slash;

		memcpy(&eight, at, 8);
		quote = eight ^ ones * '"';
		slash = eight ^ ones * '\\';
		if ((eight | (eight - ones * 0x20) | (quote - ones) | (slash - ones)) & tops)
			break;
		at += 8;
	}
	return at;
}

bool json_parse_string(struct json_parser *p, struct bytes *ret_text)
{
	const char *begin = ++p->at;
	unsigned char seen = 0;
	size_t length;

	p->at = skip_plain(p->at, p->end);
	while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= 0x20)
		seen |= (unsigned char)*p->at++;
	if (p->at == p->end)
		return json_fail(p, JSON_SYNTAX);
	if (*p->at != '"')
		return parse_escaped(p, begin, ret_text);
	length = (size_t)(p->at - begin);
	if (seen & 0x80 && !utf8_valid((struct bytes){ begin, length }))
		return json_fail(p, JSON_STRING);
	p->to = mp_encode_strl(p->to, (uint32_t)length);
	memcpy(p->to, begin, length);
	*ret_text = (struct bytes){ p->to, length };
	p->to += length;
	p->at++;
	return true;
}
