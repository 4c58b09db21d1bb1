/* Owns how the generator speaks to redis-server: the same operations as commands in RESP. */
#include <errno.h>
#include <stdio.h>

#include "tests/bench/protocol.h"

static void bulk(struct buffer *out, struct bytes s)
{
	buffer_printf(out, "$%zu\r\n", s.len);
	buffer_append_bytes(out, s);
	buffer_append_text(out, "\r\n");
}

static struct bytes set_value(const struct options *o, const struct operation *op, char *scratch, size_t size)
{
	if (o->value_size > 0)
		return protocol_text(o, op->value);
	return (struct bytes){ scratch, (size_t)snprintf(scratch, size, "%lld", (long long)op->value) };
}

/* A property is a key of its own: GET, SET, INCR. */
static void request_strings(const struct options *o, const struct operation *op, struct buffer *out)
{
	const char *property = op->verb == VERB_CALL ? o->property : options_property(o);
	char key[512], number[32];
	int n = snprintf(key, sizeof(key), "%s.%llu.%s", o->address, (unsigned long long)op->key, property);

	switch (op->verb) {
	case VERB_GET:
		buffer_append_text(out, "*2\r\n$3\r\nGET\r\n");
		bulk(out, (struct bytes){ key, (size_t)n });
		break;
	case VERB_SET:
		buffer_append_text(out, "*3\r\n$3\r\nSET\r\n");
		bulk(out, (struct bytes){ key, (size_t)n });
		bulk(out, set_value(o, op, number, sizeof(number)));
		break;
	default:
		buffer_append_text(out, "*2\r\n$4\r\nINCR\r\n");
		bulk(out, (struct bytes){ key, (size_t)n });
		break;
	}
}

/* An actor is a hash, a property its field: HGET, HSET, HINCRBY. */
static void request_hashes(const struct options *o, const struct operation *op, struct buffer *out)
{
	const char *property = op->verb == VERB_CALL ? o->property : options_property(o);
	static const char *const heads[VERB_COUNT] = {
		[VERB_GET] = "*3\r\n$4\r\nHGET\r\n", [VERB_SET] = "*4\r\n$4\r\nHSET\r\n",
		[VERB_CALL] = "*4\r\n$7\r\nHINCRBY\r\n",
	};
	char key[512], number[32];
	int n = snprintf(key, sizeof(key), "%s.%llu", o->address, (unsigned long long)op->key);

	buffer_append_text(out, heads[op->verb]);
	bulk(out, (struct bytes){ key, (size_t)n });
	bulk(out, bytes_of(property));
	if (op->verb == VERB_SET)
		bulk(out, set_value(o, op, number, sizeof(number)));
	else if (op->verb == VERB_CALL)
		bulk(out, BYTES_LITERAL("1"));
}

/* `$5\r\nhello\r\n`: the content is what a get answers; absent is what a new actor has. */
static ssize_t bulk_reply(const struct options *o, struct bytes unread, size_t head, int64_t length,
                          struct reply *ret)
{
	if (length < 0) {
		ret->value = o->value_size > 0 ? VALUE_TEXT : VALUE_INTEGER;
		return (ssize_t)head;
	}
	if (unread.len - head < (size_t)length + 2)
		return 0;
	ret->text = (struct bytes){ unread.data + head, (size_t)length };
	ret->value = VALUE_TEXT;
	if (o->value_size == 0 && protocol_integer(ret->text, &ret->integer))
		ret->value = VALUE_INTEGER;
	return (ssize_t)head + length + 2;
}

static ssize_t reply(const struct options *o, struct bytes unread, struct reply *ret)
{
	const char *end = unread.len ? memchr(unread.data, '\n', unread.len) : NULL;
	const char *space;
	struct bytes line;
	struct reply r = { 0 };
	int64_t length = 0;
	ssize_t used;

	if (end == NULL)
		return 0;
	used = end - unread.data + 1;
	if (used < 3 || end[-1] != '\r')
		return -EPROTO;
	line = (struct bytes){ unread.data + 1, (size_t)used - 3 };
	switch (unread.data[0]) {
	case '+':
		break;
	case '-':
		space = memchr(line.data, ' ', line.len);
		r.kind = REPLY_ERROR;
		r.code = (struct bytes){ line.data, space ? (size_t)(space - line.data) : line.len };
		break;
	case ':':
		r.value = VALUE_INTEGER;
		if (!protocol_integer(line, &r.integer))
			return -EPROTO;
		break;
	case '$':
		if (!protocol_integer(line, &length))
			return -EPROTO;
		used = bulk_reply(o, unread, (size_t)used, length, &r);
		break;
	default:
		return -EPROTO;
	}
	if (used > 0)
		*ret = r;
	return used;
}

const struct protocol protocol_redis = {
	.name = "redis", .help = "redis-server with GET, SET, INCR", .port = 6379,
	.request = request_strings, .reply = reply,
};

const struct protocol protocol_redis_hash = {
	.name = "redis-hash", .help = "redis-server with HGET, HSET, HINCRBY", .port = 6379,
	.request = request_hashes, .reply = reply,
};
