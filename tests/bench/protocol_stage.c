/* Owns how the generator speaks Stage's client protocol (proto/client-protocol.md). */
#include <errno.h>

#include "tests/bench/protocol.h"

/* `ID VERB ADDRESS.KEY MEMBER` */
static void head(const struct settings *s, const struct operation *op, const char *member,
		 struct buffer *out)
{
	protocol_number(out, op->id);
	buffer_append_text(out, " ");
	buffer_append_text(out, verb_names[op->verb]);
	buffer_append_text(out, " ");
	buffer_append_text(out, s->address);
	buffer_append_text(out, ".");
	protocol_number(out, op->key);
	buffer_append_text(out, " ");
	buffer_append_text(out, member);
}

static void request(const struct settings *s, const struct operation *op, struct buffer *out)
{
	switch (op->verb) {
	case VERB_GET:
	case VERB_WATCH:
		head(s, op, settings_property(s), out);
		break;
	case VERB_SET:
		head(s, op, settings_property(s), out);
		buffer_append_text(out, s->value_size > 0 ? " \"" : " ");
		if (s->value_size > 0)
			buffer_append_bytes(out, protocol_text(s, op->value));
		else
			protocol_number(out, (uint64_t)op->value);
		if (s->value_size > 0)
			buffer_append_text(out, "\"");
		break;
	case VERB_CALL:
		head(s, op, s->method, out);
		buffer_append_text(out, " [1]");
		break;
	case VERB_UNWATCH:
		protocol_number(out, op->id);
		buffer_append_text(out, " unwatch @ id=");
		protocol_number(out, op->target);
		break;
	case VERB_COUNT:
		break;
	}
	buffer_append_text(out, "\n");
}

/* Takes the next word off the front of the line, and the space after it. */
static struct bytes word(struct bytes *line)
{
	const char *space = memchr(line->data, ' ', line->len);
	struct bytes w = { line->data, space ? (size_t)(space - line->data) : line->len };
	size_t used = w.len + (space ? 1 : 0);

	line->data += used;
	line->len -= used;
	return w;
}

/* `v=3f:127 n=2 {…}`: drops the options, what remains is JSON or nothing. */
static void skip_options(struct bytes *line)
{
	size_t i = 0;

	while (i < line->len && line->data[i] >= 'a' && line->data[i] <= 'z')
		i++;
	if (i == 0 || i == line->len || line->data[i] != '=')
		return;
	word(line);
	skip_options(line);
}

static void value(struct bytes json, struct reply *ret)
{
	ret->text = json;
	ret->value = VALUE_OTHER;
	if (json.len == 0)
		ret->value = VALUE_NONE;
	else if (json.data[0] == '{')
		ret->value = VALUE_OBJECT;
	else if (protocol_integer(json, &ret->integer))
		ret->value = VALUE_INTEGER;
	else if (json.data[0] == '"' && json.len >= 2 && json.data[json.len - 1] == '"') {
		ret->value = VALUE_TEXT;
		ret->text = (struct bytes){ json.data + 1, json.len - 2 };
	}
}

/* The number after `"inflight":` in the greeting; 0 where it is not there. */
static uint64_t advertised(struct bytes json)
{
	static const char name[] = "\"inflight\":";
	const char *at = memmem(json.data, json.len, name, sizeof(name) - 1);
	uint64_t n = 0;

	if (at == NULL)
		return 0;
	at += sizeof(name) - 1;
	for (const char *end = json.data + json.len; at < end && *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (uint64_t)(*at - '0');
	return n;
}

static int notice(struct bytes line, struct reply *ret)
{
	struct bytes kind = word(&line);

	ret->kind = REPLY_NOTICE;
	if (bytes_equal(kind, BYTES_LITERAL("stage"))) {
		ret->kind = REPLY_GREETING;
		word(&line);
		ret->depth = advertised(line);
	} else if (bytes_equal(kind, BYTES_LITERAL("ping"))) {
		ret->kind = REPLY_PING;
	} else if (bytes_equal(kind, BYTES_LITERAL("err")) ||
		   bytes_equal(kind, BYTES_LITERAL("bye"))) {
		ret->kind = REPLY_BYE;
		ret->code = word(&line);
	} else if (!bytes_equal(kind, BYTES_LITERAL("drain"))) {
		return -EPROTO;
	}
	return 0;
}

static int answer(struct bytes id, struct bytes line, struct reply *ret)
{
	static const struct {
		const char *word;
		enum reply_kind kind;
		bool code;
	} words[] = {
		{ "ok", REPLY_OK, false },     { "err", REPLY_ERROR, true },
		{ "evt", REPLY_EVENT, false }, { "snap", REPLY_EVENT, false },
		{ "end", REPLY_END, true },
	};
	struct bytes kind = word(&line);
	int64_t number;

	if (!protocol_integer(id, &number) || number < 0)
		return -EPROTO;
	ret->has_id = true;
	ret->id = (uint64_t)number;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!bytes_equal(kind, bytes_of(words[i].word)))
			continue;
		ret->kind = words[i].kind;
		if (words[i].code)
			ret->code = word(&line);
		skip_options(&line);
		value(line, ret);
		return 0;
	}
	return -EPROTO;
}

static ssize_t reply(const struct settings *s, struct bytes unread, struct reply *ret)
{
	const char *end = unread.len ? memchr(unread.data, '\n', unread.len) : NULL;
	struct bytes line, id;
	struct reply r = { 0 };
	int error;

	(void)s;
	if (end == NULL)
		return 0;
	line = (struct bytes){ unread.data, (size_t)(end - unread.data) };
	id = word(&line);
	error = bytes_equal(id, BYTES_LITERAL("*")) ? notice(line, &r) : answer(id, line, &r);
	if (error < 0)
		return error;
	*ret = r;
	return end - unread.data + 1;
}

const struct protocol protocol_stage = {
	.name = "stage",
	.help = "Stage's client protocol",
	.port = 51463,
	.greets = true,
	.watches = true,
	.events = true,
	.objects = true,
	.request = request,
	.reply = reply,
};
