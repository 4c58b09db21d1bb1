/* JSON text to msgpack in one pass. */
#include "proto/json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/msgpack.h"
#include "proto/utf8.h"

#define DUPLICATES_LINEAR 16 /* keys of an object compared one by one; more are sorted */

struct parser {
	const char *at, *end;
	struct buffer *out;
	enum json_error error;
};

static bool parse_value(struct parser *p, unsigned depth);

const char *json_error_text(enum json_error error)
{
	static const char *const texts[] = {
		[JSON_OK] = "fine",
		[JSON_SYNTAX] = "not JSON",
		[JSON_DEPTH] = "nested deeper than 64 levels",
		[JSON_NUMBER] = "a number that cannot be kept: more than 64 bits, or not finite",
		[JSON_STRING] = "a string that is not UTF-8, or has a lone surrogate or a bad escape",
		[JSON_DUPLICATE] = "an object with the same key twice",
		[JSON_TRAILING] = "something follows the JSON value",
	};

	return texts[error];
}

static bool fail(struct parser *p, enum json_error error)
{
	if (p->error == JSON_OK)
		p->error = error;
	return false;
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
		p->at++;
}

static bool literal(struct parser *p, const char *word, size_t length)
{
	if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
		return fail(p, JSON_SYNTAX);
	p->at += length;
	return true;
}

/* --- numbers --- */

static bool digit(const struct parser *p)
{
	return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static bool digits(struct parser *p)
{
	if (!digit(p))
		return fail(p, JSON_SYNTAX);
	while (digit(p))
		p->at++;
	return true;
}

/* Checks the grammar of a number; *ret_real: it has a fraction or an exponent. */
static bool scan_number(struct parser *p, bool *ret_real)
{
	*ret_real = false;
	if (*p->at == '-')
		p->at++;
	if (p->at < p->end && *p->at == '0')
		p->at++;
	else if (!digits(p))
		return false;
	if (digit(p))
		return fail(p, JSON_SYNTAX);
	if (p->at < p->end && *p->at == '.') {
		*ret_real = true;
		p->at++;
		if (!digits(p))
			return false;
	}
	if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
		*ret_real = true;
		p->at++;
		if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
			p->at++;
		return digits(p);
	}
	return true;
}

static bool write_integer(struct parser *p, const char *begin)
{
	bool negative = *begin == '-';
	uint64_t n = 0;

	for (const char *c = begin + negative; c < p->at; c++) {
		uint64_t d = (uint64_t)(*c - '0');

		if (n > (UINT64_MAX - d) / 10)
			return fail(p, JSON_NUMBER);
		n = n * 10 + d;
	}
	if (n > (uint64_t)INT64_MAX + negative)
		return fail(p, JSON_NUMBER);
	if (negative && n == 0)
		msgpack_write_real(p->out, -0.0);
	else
		msgpack_write_int(p->out, negative ? (int64_t)(0 - n) : (int64_t)n);
	return true;
}

static bool parse_number(struct parser *p)
{
	const char *begin = p->at;
	char copy[400];
	size_t length;
	bool real;
	double value;

	if (!scan_number(p, &real))
		return false;
	if (!real)
		return write_integer(p, begin);
	length = (size_t)(p->at - begin);
	if (length >= sizeof(copy))
		return fail(p, JSON_NUMBER);
	memcpy(copy, begin, length);
	copy[length] = '\0';
	value = strtod(copy, NULL);
	if (!isfinite(value))
		return fail(p, JSON_NUMBER);
	msgpack_write_real(p->out, value);
	return true;
}

/* --- strings --- */

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
static bool unescape_unicode(struct parser *p, struct buffer *text)
{
	char utf8[4];
	int high = p->end - p->at >= 4 ? hex4(p->at) : -1, low;
	uint32_t code = (uint32_t)high;

	if (high < 0)
		return fail(p, JSON_STRING);
	p->at += 4;
	if (high >= 0xdc00 && high <= 0xdfff)
		return fail(p, JSON_STRING);
	if (high >= 0xd800 && high <= 0xdbff) {
		if (p->end - p->at < 6 || p->at[0] != '\\' || p->at[1] != 'u')
			return fail(p, JSON_STRING);
		low = hex4(p->at + 2);
		if (low < 0xdc00 || low > 0xdfff)
			return fail(p, JSON_STRING);
		p->at += 6;
		code = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
	}
	buffer_append(text, utf8, utf8_encode(code, utf8));
	return true;
}

static bool unescape(struct parser *p, struct buffer *text)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	p->at++;
	if (p->at == p->end)
		return fail(p, JSON_STRING);
	if (*p->at == 'u') {
		p->at++;
		return unescape_unicode(p, text);
	}
	found = *p->at ? strchr(from, *p->at) : NULL;
	if (found == NULL)
		return fail(p, JSON_STRING);
	buffer_append(text, &to[found - from], 1);
	p->at++;
	return true;
}

/* The rest of a string with escapes, from its first one on. */
static bool parse_escaped(struct parser *p, const char *begin)
{
	struct buffer text = { 0 };
	bool good = true;

	buffer_append(&text, begin, (size_t)(p->at - begin));
	while (good && p->at < p->end && *p->at != '"') {
		unsigned char c = (unsigned char)*p->at;

		if (c < 0x20) {
			good = fail(p, JSON_STRING);
		} else if (c == '\\') {
			good = unescape(p, &text);
		} else {
			buffer_append(&text, p->at, 1);
			p->at++;
		}
	}
	if (good && p->at == p->end)
		good = fail(p, JSON_SYNTAX);
	if (good && !utf8_valid(buffer_bytes(&text)))
		good = fail(p, JSON_STRING);
	if (good) {
		p->at++;
		msgpack_write_str(p->out, buffer_bytes(&text));
	}
	buffer_fini(&text);
	return good;
}

static bool parse_string(struct parser *p)
{
	const char *begin = ++p->at;
	unsigned char seen = 0;

	while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= 0x20)
		seen |= (unsigned char)*p->at++;
	if (p->at == p->end)
		return fail(p, JSON_SYNTAX);
	if (*p->at != '"')
		return parse_escaped(p, begin);
	if (seen & 0x80 && !utf8_valid((struct bytes){ begin, (size_t)(p->at - begin) }))
		return fail(p, JSON_STRING);
	msgpack_write_str(p->out, (struct bytes){ begin, (size_t)(p->at - begin) });
	p->at++;
	return true;
}

/* --- arrays and objects: their heads are put in when their length is known --- */

/* What stands from `from` on becomes the content of an array or map of n. */
static void put_head(struct buffer *out, size_t from, uint32_t n, bool map)
{
	struct buffer head = { 0 };
	size_t length = buffer_length(out) - from;

	if (map)
		msgpack_write_map(&head, n);
	else
		msgpack_write_array(&head, n);
	buffer_reserve(out, buffer_length(&head));
	memmove(out->data + out->head + from + buffer_length(&head), out->data + out->head + from, length);
	memcpy(out->data + out->head + from, head.data, buffer_length(&head));
	buffer_commit(out, buffer_length(&head));
	buffer_fini(&head);
}

static bool parse_array(struct parser *p, unsigned depth)
{
	size_t from = buffer_length(p->out);
	uint32_t n = 0;

	if (depth >= JSON_DEPTH_MAX)
		return fail(p, JSON_DEPTH);
	p->at++;
	skip_space(p);
	if (p->at < p->end && *p->at == ']') {
		p->at++;
		msgpack_write_array(p->out, 0);
		return true;
	}
	for (;;) {
		if (!parse_value(p, depth + 1))
			return false;
		n++;
		skip_space(p);
		if (p->at == p->end || (*p->at != ',' && *p->at != ']'))
			return fail(p, JSON_SYNTAX);
		if (*p->at++ == ']')
			break;
	}
	put_head(p->out, from, n, false);
	return true;
}

static int compare_keys(const void *left, const void *right)
{
	const struct bytes *a = left, *b = right;
	int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Whether two of the n keys that stand in the content are the same. */
static bool has_duplicate(struct bytes content, uint32_t n)
{
	struct msgpack_reader r = msgpack_read(content);
	struct bytes few[DUPLICATES_LINEAR], *keys = few;
	bool found = false;

	if (n > DUPLICATES_LINEAR)
		keys = malloc(n * sizeof(*keys));
	if (keys == NULL)
		return true; /* refused, as what cannot be checked */
	for (uint32_t i = 0; i < n; i++) {
		keys[i] = msgpack_read_str(&r);
		msgpack_read_value(&r);
	}
	if (n > DUPLICATES_LINEAR)
		qsort(keys, n, sizeof(*keys), compare_keys);
	for (uint32_t i = 1; i < n && !found; i++)
		for (uint32_t k = n > DUPLICATES_LINEAR ? i - 1 : 0; k < i && !found; k++)
			found = bytes_equal(keys[i], keys[k]);
	if (keys != few)
		free(keys);
	return found;
}

static bool parse_member(struct parser *p, unsigned depth)
{
	skip_space(p);
	if (p->at == p->end || *p->at != '"')
		return fail(p, JSON_SYNTAX);
	if (!parse_string(p))
		return false;
	skip_space(p);
	if (p->at == p->end || *p->at != ':')
		return fail(p, JSON_SYNTAX);
	p->at++;
	return parse_value(p, depth + 1);
}

static bool parse_object(struct parser *p, unsigned depth)
{
	size_t from = buffer_length(p->out);
	struct bytes content;
	uint32_t n = 0;

	if (depth >= JSON_DEPTH_MAX)
		return fail(p, JSON_DEPTH);
	p->at++;
	skip_space(p);
	if (p->at < p->end && *p->at == '}') {
		p->at++;
		msgpack_write_map(p->out, 0);
		return true;
	}
	for (;;) {
		if (!parse_member(p, depth))
			return false;
		n++;
		skip_space(p);
		if (p->at == p->end || (*p->at != ',' && *p->at != '}'))
			return fail(p, JSON_SYNTAX);
		if (*p->at++ == '}')
			break;
	}
	content = (struct bytes){ p->out->data + p->out->head + from, buffer_length(p->out) - from };
	if (n > 1 && has_duplicate(content, n))
		return fail(p, JSON_DUPLICATE);
	put_head(p->out, from, n, true);
	return true;
}

static bool parse_value(struct parser *p, unsigned depth)
{
	skip_space(p);
	if (p->at == p->end)
		return fail(p, JSON_SYNTAX);
	switch (*p->at) {
	case '"':
		return parse_string(p);
	case '{':
		return parse_object(p, depth);
	case '[':
		return parse_array(p, depth);
	case 't':
		return literal(p, "true", 4) && (msgpack_write_bool(p->out, true), true);
	case 'f':
		return literal(p, "false", 5) && (msgpack_write_bool(p->out, false), true);
	case 'n':
		return literal(p, "null", 4) && (msgpack_write_nil(p->out), true);
	default:
		if (*p->at == '-' || digit(p))
			return parse_number(p);
		return fail(p, JSON_SYNTAX);
	}
}

enum json_error json_parse(struct bytes text, struct buffer *out, size_t *ret_at)
{
	struct parser p = { .at = text.data, .end = text.data + text.len, .out = out };
	size_t before = buffer_length(out);

	if (parse_value(&p, 0)) {
		skip_space(&p);
		if (p.at != p.end)
			fail(&p, JSON_TRAILING);
	}
	if (p.error != JSON_OK)
		out->tail = out->head + before;
	if (ret_at)
		*ret_at = (size_t)(p.at - text.data);
	return p.error;
}
