/* Reads JSON text to msgpack in one pass: values, arrays and objects. */
#include "proto/json.h"

#include <msgpuck.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/hash.h"
#include "common/memory.h"
#include "proto/json_parser.h"

#define KEYS_LINEAR 12 /* keys of an object compared one by one; more are hashed */

static bool parse_value(struct json_parser *p, unsigned depth);

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

bool json_fail(struct json_parser *p, enum json_error error)
{
	p->error = error;
	return false;
}

static void skip_space(struct json_parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
		p->at++;
}

/* The next character behind blanks, 0 at the end (a NUL is nothing that could follow). */
static char next(struct json_parser *p)
{
	skip_space(p);
	return p->at < p->end ? *p->at : '\0';
}

/* --- keys --- */

static void push_key(struct json_parser *p, struct bytes key)
{
	if (p->key_count == p->key_capacity) {
		bool grown = p->keys != p->inline_keys;

		p->key_capacity *= 2;
		p->keys = memory_grow(grown ? p->keys : NULL, p->key_capacity, sizeof(key));
		if (!grown)
			memcpy(p->keys, p->inline_keys, sizeof(p->inline_keys));
	}
	p->keys[p->key_count++] = key;
}

static bool repeats_among_few(const struct bytes *keys, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (bytes_equal(keys[i], keys[k]))
				return true;
	return false;
}

static bool repeats_among_many(const struct bytes *keys, size_t n)
{
	size_t size = 64;
	uint32_t *slots; /* 1 + index of a key, 0: free */
	bool found = false;

	while (size < n * 2)
		size *= 2;
	slots = memory_new(size * sizeof(*slots));
	for (size_t i = 0; i < n && !found; i++) {
		size_t slot = (size_t)hash_local(keys[i]) & (size - 1);

		while (slots[slot] && !(found = bytes_equal(keys[slots[slot] - 1], keys[i])))
			slot = (slot + 1) & (size - 1);
		slots[slot] = (uint32_t)i + 1;
	}
	free(slots);
	return found;
}

/* --- arrays and objects --- */

/* A container's head took one byte when it opened. From 16 elements on it needs more,
 * and the content makes room. */
static void close_container(struct json_parser *p, char *head, uint32_t n, bool map)
{
	char longer[5];
	size_t size = (size_t)((map ? mp_encode_map(longer, n) : mp_encode_array(longer, n)) - longer);

	if (size > 1) {
		memmove(head + size, head + 1, (size_t)(p->to - head - 1));
		p->to += size - 1;
	}
	memcpy(head, longer, size);
}

/* Behind an element: whether another one follows, else the container is closed. */
static bool another(struct json_parser *p, char closing)
{
	char c = next(p);

	if (c != ',' && c != closing)
		return json_fail(p, JSON_SYNTAX);
	p->at++;
	return c == ',';
}

static bool parse_array(struct json_parser *p, unsigned depth)
{
	char *head = p->to++;
	uint32_t n = 0;

	p->at++;
	if (next(p) == ']') {
		p->at++;
	} else {
		do {
			if (!parse_value(p, depth + 1))
				return false;
			n++;
		} while (another(p, ']'));
	}
	if (p->error)
		return false;
	close_container(p, head, n, false);
	return true;
}

static bool parse_member(struct json_parser *p, unsigned depth)
{
	struct bytes key;

	if (next(p) != '"')
		return json_fail(p, JSON_SYNTAX);
	if (!json_parse_string(p, &key))
		return false;
	push_key(p, key);
	if (next(p) != ':')
		return json_fail(p, JSON_SYNTAX);
	p->at++;
	return parse_value(p, depth + 1);
}

static bool parse_object(struct json_parser *p, unsigned depth)
{
	char *head = p->to++;
	size_t first = p->key_count, n;

	p->at++;
	if (next(p) == '}') {
		p->at++;
	} else {
		do {
			if (!parse_member(p, depth))
				return false;
		} while (another(p, '}'));
	}
	if (p->error)
		return false;
	n = p->key_count - first;
	if (n <= KEYS_LINEAR ? repeats_among_few(p->keys + first, n) : repeats_among_many(p->keys + first, n))
		return json_fail(p, JSON_DUPLICATE);
	p->key_count = first;
	close_container(p, head, (uint32_t)n, true);
	return true;
}

/* --- values --- */

static bool parse_word(struct json_parser *p, struct bytes word, char encoded)
{
	if ((size_t)(p->end - p->at) < word.len || memcmp(p->at, word.data, word.len) != 0)
		return json_fail(p, JSON_SYNTAX);
	p->at += word.len;
	*p->to++ = encoded;
	return true;
}

static bool parse_value(struct json_parser *p, unsigned depth)
{
	struct bytes text;
	char c = next(p);

	switch (c) {
	case '"':
		return json_parse_string(p, &text);
	case '{':
	case '[':
		if (depth >= JSON_DEPTH_MAX)
			return json_fail(p, JSON_DEPTH);
		return c == '{' ? parse_object(p, depth) : parse_array(p, depth);
	case 't':
		return parse_word(p, BYTES_LITERAL("true"), '\xc3');
	case 'f':
		return parse_word(p, BYTES_LITERAL("false"), '\xc2');
	case 'n':
		return parse_word(p, BYTES_LITERAL("null"), '\xc0');
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return json_parse_number(p);
		return json_fail(p, JSON_SYNTAX);
	}
}

enum json_error json_parse(struct bytes text, struct buffer *out, size_t *ret_at)
{
	struct json_parser p;
	char *begin;

	/* Not initialised whole: the inline keys are many, and counted. */
	p.at = text.len ? text.data : "";
	p.end = p.at + text.len;
	p.error = JSON_OK;
	p.keys = p.inline_keys;
	p.key_count = 0;
	p.key_capacity = JSON_KEYS_INLINE;
	/* What grows most is a real, `1e1,` to nine bytes: less than threefold. */
	begin = p.to = buffer_reserve(out, text.len * 3 + 16);
	if (parse_value(&p, 0) && next(&p) != '\0')
		p.error = JSON_TRAILING;
	if (p.error == JSON_OK && p.at != p.end)
		p.error = JSON_TRAILING; /* a NUL */
	if (p.error == JSON_OK)
		buffer_commit(out, (size_t)(p.to - begin));
	if (p.keys != p.inline_keys)
		free(p.keys);
	if (ret_at)
		*ret_at = text.len - (size_t)(p.end - p.at);
	return p.error;
}
