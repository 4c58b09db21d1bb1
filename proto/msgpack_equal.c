/* Owns what it means that two msgpack values are equal. */
#include <msgpuck.h>
#include <stdlib.h>

#include "proto/msgpack.h"

#define PAIRS_LINEAR 16 /* larger maps in different orders are sorted */

struct pair {
	struct bytes key; /* a string's characters, or all bytes of another key */
	enum mp_type type;
	const char *value;
};

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

static struct pair *read_pairs(const char *at, uint32_t n, struct pair *pairs)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *begin = at;
		uint32_t len;

		pairs[i].type = mp_typeof(*at);
		if (pairs[i].type == MP_STR) {
			begin = mp_decode_str(&at, &len);
		} else {
			mp_next(&at);
			len = (uint32_t)(at - begin);
		}
		pairs[i].key = (struct bytes){ begin, len };
		pairs[i].value = at;
		mp_next(&at);
	}
	return pairs;
}

static int compare_pairs(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	size_t common = a->key.len < b->key.len ? a->key.len : b->key.len;
	int order = (a->type > b->type) - (a->type < b->type);

	if (order == 0)
		order = memcmp(a->key.data, b->key.data, common);
	return order ? order : (a->key.len > b->key.len) - (a->key.len < b->key.len);
}

static bool equal_pairs(const struct pair *a, const struct pair *b)
{
	return a->type == b->type && bytes_equal(a->key, b->key) && equal(a->value, b->value);
}

/* Without memory to find out they count as different: then a change is written that
 * is none, which does no harm. */
static bool equal_sorted(const char *a, const char *b, uint32_t n)
{
	struct pair *pairs = malloc(2 * (size_t)n * sizeof(*pairs));
	bool same = pairs != NULL;

	if (same) {
		qsort(read_pairs(a, n, pairs), n, sizeof(*pairs), compare_pairs);
		qsort(read_pairs(b, n, pairs + n), n, sizeof(*pairs), compare_pairs);
	}
	for (uint32_t i = 0; same && i < n; i++)
		same = equal_pairs(&pairs[i], &pairs[n + i]);
	free(pairs);
	return same;
}

static bool equal_few(const char *a, const char *b, uint32_t n)
{
	struct pair left[PAIRS_LINEAR], right[PAIRS_LINEAR];

	read_pairs(a, n, left);
	read_pairs(b, n, right);
	for (uint32_t i = 0; i < n; i++) {
		bool found = false;

		for (uint32_t k = 0; k < n && !found; k++)
			found = equal_pairs(&left[i], &right[k]);
		if (!found)
			return false;
	}
	return true;
}

/* Mostly both are in the same order; where they are not, from there on. */
static bool equal_maps(const char *a, const char *b)
{
	uint32_t n = mp_decode_map(&a);

	if (n != mp_decode_map(&b))
		return false;
	for (; n > 0; n--) {
		const char *a_value = a, *b_value = b;

		mp_next(&a_value);
		mp_next(&b_value);
		if (!equal(a, b))
			return n > PAIRS_LINEAR ? equal_sorted(a, b, n) : equal_few(a, b, n);
		if (!equal(a_value, b_value))
			return false;
		mp_next(&a_value);
		mp_next(&b_value);
		a = a_value;
		b = b_value;
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
	if (a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0))
		return true;
	return a.len > 0 && b.len > 0 && equal(a.data, b.data);
}
