/* Owns the list of protocols and what they share: texts and integers. */
#include "tests/bench/protocol.h"

#include "common/memory.h"

#define TEXTS 4096 /* different ones */

static const struct protocol *const rows[] = { &protocol_stage, &protocol_redis,
					       &protocol_redis_hash, &protocol_redis_pubsub };

const char *const verb_names[VERB_COUNT] = {
	[VERB_GET] = "get",     [VERB_SET] = "set",         [VERB_CALL] = "call",
	[VERB_WATCH] = "watch", [VERB_UNWATCH] = "unwatch",
};

const struct protocol *protocol_row(unsigned i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? rows[i] : NULL;
}

const struct protocol *protocol_find(const char *name)
{
	const struct protocol *row;

	for (unsigned i = 0; (row = protocol_row(i)) != NULL; i++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

struct bytes protocol_text(const struct settings *s, int64_t value)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	static char *pattern; /* lives as long as the process */
	uint64_t x = 88172645463325252u;

	if (pattern == NULL) {
		pattern = memory_new(s->value_size + TEXTS);
		for (uint64_t i = 0; i < s->value_size + TEXTS; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			pattern[i] = letters[(x >> 32) % 64];
		}
	}
	return (struct bytes){ pattern + (uint64_t)value % TEXTS, s->value_size };
}

void protocol_number(struct buffer *out, uint64_t number)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	buffer_append(out, at, (size_t)(digits + sizeof(digits) - at));
}

bool protocol_integer(struct bytes s, int64_t *ret)
{
	bool negative = s.len > 0 && s.data[0] == '-';
	size_t i = negative ? 1 : 0;
	int64_t value = 0;

	if (i == s.len || s.len - i > 18)
		return false;
	for (; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		value = value * 10 + (s.data[i] - '0');
	}
	*ret = negative ? -value : value;
	return true;
}
