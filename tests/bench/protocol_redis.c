/* Owns how the generator speaks to redis-server: the same operations as commands in RESP. */
#include <errno.h>

#include "tests/bench/protocol.h"

static void bulk(struct buffer *out, struct bytes s)
{
	buffer_append_text(out, "$");
	protocol_number(out, s.len);
	buffer_append_text(out, "\r\n");
	buffer_append_bytes(out, s);
	buffer_append_text(out, "\r\n");
}

static size_t decimals(uint64_t number)
{
	size_t n = 1;

	while (number >= 10) {
		number /= 10;
		n++;
	}
	return n;
}

static void number_bulk(struct buffer *out, uint64_t number)
{
	buffer_append_text(out, "$");
	protocol_number(out, decimals(number));
	buffer_append_text(out, "\r\n");
	protocol_number(out, number);
	buffer_append_text(out, "\r\n");
}

/* `ADDRESS.KEY`, or `ADDRESS.KEY.FIELD` where a field is given. */
static void key_bulk(const struct settings *s, const struct operation *op, const char *field,
		     struct buffer *out)
{
	buffer_append_text(out, "$");
	protocol_number(out, strlen(s->address) + 1 + decimals(op->key) +
				     (field ? 1 + strlen(field) : 0));
	buffer_append_text(out, "\r\n");
	buffer_append_text(out, s->address);
	buffer_append_text(out, ".");
	protocol_number(out, op->key);
	if (field != NULL) {
		buffer_append_text(out, ".");
		buffer_append_text(out, field);
	}
	buffer_append_text(out, "\r\n");
}

static void value_bulk(const struct settings *s, const struct operation *op, struct buffer *out)
{
	if (s->value_size > 0)
		bulk(out, protocol_text(s, op->value));
	else
		number_bulk(out, (uint64_t)op->value);
}

static const char *property(const struct settings *s, const struct operation *op)
{
	return op->verb == VERB_CALL ? s->property : settings_property(s);
}

/* A property is a key of its own. */
static void request_strings(const struct settings *s, const struct operation *op,
			    struct buffer *out)
{
	static const char *const commands[VERB_COUNT] = {
		[VERB_GET] = "*2\r\n$3\r\nGET\r\n",
		[VERB_SET] = "*3\r\n$3\r\nSET\r\n",
		[VERB_CALL] = "*2\r\n$4\r\nINCR\r\n",
	};

	buffer_append_text(out, commands[op->verb]);
	key_bulk(s, op, property(s, op), out);
	if (op->verb == VERB_SET)
		value_bulk(s, op, out);
}

/* An actor is a hash, a property its field. */
static void request_hashes(const struct settings *s, const struct operation *op, struct buffer *out)
{
	static const char *const commands[VERB_COUNT] = {
		[VERB_GET] = "*3\r\n$4\r\nHGET\r\n",
		[VERB_SET] = "*4\r\n$4\r\nHSET\r\n",
		[VERB_CALL] = "*4\r\n$7\r\nHINCRBY\r\n",
	};

	buffer_append_text(out, commands[op->verb]);
	key_bulk(s, op, NULL, out);
	bulk(out, bytes_of(property(s, op)));
	if (op->verb == VERB_SET)
		value_bulk(s, op, out);
	else if (op->verb == VERB_CALL)
		bulk(out, BYTES_LITERAL("1"));
}

/* `$5\r\nhello\r\n`: the content is what a get answers; absent is what a new actor has. */
static ssize_t bulk_reply(const struct settings *s, struct bytes unread, size_t head,
			  int64_t length, struct reply *ret)
{
	if (length < 0) {
		ret->value = s->value_size > 0 ? VALUE_TEXT : VALUE_INTEGER;
		return (ssize_t)head;
	}
	if (unread.len - head < (size_t)length + 2)
		return 0;
	ret->text = (struct bytes){ unread.data + head, (size_t)length };
	ret->value = VALUE_TEXT;
	if (s->value_size == 0 && protocol_integer(ret->text, &ret->integer))
		ret->value = VALUE_INTEGER;
	return (ssize_t)head + length + 2;
}

/* A key is a channel: to set it is to publish the value, to watch it is to subscribe. */
static void request_pubsub(const struct settings *s, const struct operation *op, struct buffer *out)
{
	buffer_append_text(out, op->verb == VERB_WATCH ? "*2\r\n$9\r\nSUBSCRIBE\r\n"
						       : "*3\r\n$7\r\nPUBLISH\r\n");
	key_bulk(s, op, property(s, op), out);
	if (op->verb == VERB_SET)
		value_bulk(s, op, out);
}

static ssize_t reply(const struct settings *s, struct bytes unread, struct reply *ret)
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
		r.code =
			(struct bytes){ line.data, space ? (size_t)(space - line.data) : line.len };
		break;
	case ':':
		r.value = VALUE_INTEGER;
		if (!protocol_integer(line, &r.integer))
			return -EPROTO;
		break;
	case '$':
		if (!protocol_integer(line, &length))
			return -EPROTO;
		used = bulk_reply(s, unread, (size_t)used, length, &r);
		break;
	default:
		return -EPROTO;
	}
	if (used > 0)
		*ret = r;
	return used;
}

/* Bytes of the line at `from`, its end included; 0: it is not all there. */
static size_t line_at(struct bytes unread, size_t from)
{
	const char *end = from < unread.len ? memchr(unread.data + from, '\n', unread.len - from) : NULL;

	return end ? (size_t)(end - unread.data) + 1 - from : 0;
}

/* Three elements, each a line or a bulk string of two: a message, or that a subscription holds. */
static ssize_t reply_pubsub(const struct settings *s, struct bytes unread, struct reply *ret)
{
	static const char message[] = "*3\r\n$7\r\nmessage\r\n";
	size_t used = line_at(unread, 0);

	if (unread.len == 0 || unread.data[0] != '*')
		return reply(s, unread, ret);
	for (unsigned element = 0; element < 3 && used > 0; element++) {
		unsigned lines = used < unread.len && unread.data[used] == '$' ? 2 : 1;

		for (; lines > 0; lines--) {
			size_t n = line_at(unread, used);

			if (n == 0)
				return 0;
			used += n;
		}
	}
	if (used > 0)
		*ret = (struct reply){
			.kind = used > sizeof(message) && memcmp(unread.data, message, sizeof(message) - 1) == 0
					? REPLY_EVENT
					: REPLY_OK,
		};
	return (ssize_t)used;
}

const struct protocol protocol_redis = {
	.name = "redis",
	.help = "redis-server with GET, SET, INCR",
	.port = 6379,
	.request = request_strings,
	.reply = reply,
};

const struct protocol protocol_redis_hash = {
	.name = "redis-hash",
	.help = "redis-server with HGET, HSET, HINCRBY",
	.port = 6379,
	.request = request_hashes,
	.reply = reply,
};

const struct protocol protocol_redis_pubsub = {
	.name = "redis-pubsub",
	.help = "redis-server with PUBLISH and SUBSCRIBE, for --watchers",
	.port = 6379,
	.events = true,
	.sets_only = true,
	.request = request_pubsub,
	.reply = reply_pubsub,
};
