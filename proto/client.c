/* One line of a client to a request. */
#include "proto/client.h"

#include <ctype.h>

#include "proto/characters.h"
#include "proto/client_hint.h"
#include "proto/client_plain.h"

/* A line on its way: words are cut off its front. */
struct line {
	struct bytes rest;
	struct client_request *request;
	char *scratch;
	const char **hint;
};

/* What is wrong stands in scratch now. */
static enum error_code hinted(struct line *l, enum error_code code)
{
	*l->hint = l->scratch;
	return code;
}

static enum error_code reason(struct line *l, enum error_code code, const char *text)
{
	client_hint_reason(l->scratch, text);
	return hinted(l, code);
}

static enum error_code usage(struct line *l, const struct client_verb_row *verb, enum error_code code,
                             const char *text)
{
	client_hint_usage(l->scratch, verb, text);
	return hinted(l, code);
}

static bool id_valid(struct bytes id)
{
	if (id.len == 0 || id.len > CLIENT_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!character_is(id.data[i], CHARACTER_WORD))
			return false;
	return true;
}

/* Cuts the word before the next space off; false where nothing is left. One space
 * separates: two of them make an empty word. */
static bool next_word(struct line *l, struct bytes *ret)
{
	struct bytes rest = l->rest;
	size_t n = 0;

	if (rest.data == NULL)
		return false;
	while (n < rest.len && rest.data[n] != ' ') /* words are short: sooner done than memchr() is called */
		n++;
	*ret = (struct bytes){ rest.data, n };
	l->rest = n < rest.len ? (struct bytes){ rest.data + n + 1, rest.len - n - 1 } : (struct bytes){ NULL, 0 };
	return true;
}

/* --- options --- */

enum option_kind { OPTION_NUMBER, OPTION_FLAG, OPTION_VERSION, OPTION_ID, OPTION_TEXT };

static const char *const kind_texts[] = {
	[OPTION_NUMBER] = "its value is a number, of at most 15 digits",
	[OPTION_FLAG] = "its value is 0 or 1",
	[OPTION_VERSION] = "its value is a version as the server sent it, like 3f:128",
	[OPTION_ID] = "its value is the ID of a request",
	[OPTION_TEXT] = "its value is a text of 1 to 255 printable ASCII characters",
};

static const struct option_row {
	enum client_option option;
	const char *key;
	enum option_kind kind;
	size_t offset; /* in struct client_request */
} option_rows[CLIENT_OPTION_COUNT] = {
	{ CLIENT_OPTION_T, "t", OPTION_NUMBER, offsetof(struct client_request, t) },
	{ CLIENT_OPTION_Q, "q", OPTION_FLAG, offsetof(struct client_request, quiet) },
	{ CLIENT_OPTION_IF, "if", OPTION_VERSION, offsetof(struct client_request, if_version) },
	{ CLIENT_OPTION_MIN, "min", OPTION_NUMBER, offsetof(struct client_request, min) },
	{ CLIENT_OPTION_V, "v", OPTION_VERSION, offsetof(struct client_request, v) },
	{ CLIENT_OPTION_ONCE, "once", OPTION_FLAG, offsetof(struct client_request, once) },
	{ CLIENT_OPTION_TRACE, "trace", OPTION_TEXT, offsetof(struct client_request, trace) },
	{ CLIENT_OPTION_ID, "id", OPTION_ID, offsetof(struct client_request, target) },
	{ CLIENT_OPTION_PROTO, "proto", OPTION_NUMBER, offsetof(struct client_request, proto) },
	{ CLIENT_OPTION_CLIENT, "client", OPTION_TEXT, offsetof(struct client_request, client) },
	{ CLIENT_OPTION_SESSION, "session", OPTION_TEXT, offsetof(struct client_request, session) },
};

/* Letters and `=` come next. */
static bool looks_like_option(struct bytes rest)
{
	size_t i = 0;

	while (i < rest.len && rest.data[i] >= 'a' && rest.data[i] <= 'z')
		i++;
	return i > 0 && i < rest.len && rest.data[i] == '=';
}

static bool parse_number(struct bytes text, uint64_t *ret)
{
	uint64_t n = 0;

	if (text.len == 0 || text.len > 15)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!isdigit((unsigned char)text.data[i]))
			return false;
		n = n * 10 + (uint64_t)(text.data[i] - '0');
	}
	*ret = n;
	return true;
}

static bool parse_flag(struct bytes text, bool *ret)
{
	if (text.len != 1 || (text.data[0] != '0' && text.data[0] != '1'))
		return false;
	*ret = text.data[0] == '1';
	return true;
}

static bool parse_option_value(struct client_request *q, const struct option_row *row, struct bytes value)
{
	void *at = (char *)q + row->offset;

	switch (row->kind) {
	case OPTION_NUMBER:
		return parse_number(value, at);
	case OPTION_FLAG:
		return parse_flag(value, at);
	case OPTION_VERSION:
		return version_parse(value, at);
	case OPTION_ID:
		*(struct bytes *)at = value;
		return id_valid(value);
	case OPTION_TEXT:
		*(struct bytes *)at = value;
		return value.len > 0 && value.len <= 255;
	}
	return false;
}

static const struct option_row *find_option(struct bytes key)
{
	for (size_t i = 0; i < CLIENT_OPTION_COUNT; i++)
		if (bytes_equal(key, bytes_of(option_rows[i].key)))
			return &option_rows[i];
	return NULL;
}

static enum error_code wrong_option(struct line *l, enum error_code code, struct bytes key, const char *text)
{
	client_hint_option(l->scratch, key, text);
	return hinted(l, code);
}

static enum error_code parse_option(struct line *l, const struct client_verb_row *verb, struct bytes word)
{
	struct client_request *q = l->request;
	const char *equals = memchr(word.data, '=', word.len);
	struct bytes key = { word.data, (size_t)(equals - word.data) };
	struct bytes value = { equals + 1, word.len - key.len - 1 };
	const struct option_row *row = find_option(key);

	if (row == NULL)
		return wrong_option(l, ERROR_BAD_ARG, key, "there is no such option");
	if (!(verb->options & 1u << row->option))
		return wrong_option(l, ERROR_BAD_ARG, key, "this verb does not take it");
	if (q->options & 1u << row->option)
		return wrong_option(l, ERROR_BAD_ARG, key, "it stands there twice");
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] < 0x21 || value.data[i] > 0x7e)
			return wrong_option(l, ERROR_BAD_LINE, key, "an option holds printable ASCII characters only");
	if (!parse_option_value(q, row, value))
		return wrong_option(l, ERROR_BAD_ARG, key, kind_texts[row->kind]);
	q->options |= 1u << row->option;
	return ERROR_NONE;
}

static enum error_code parse_options(struct line *l, const struct client_verb_row *verb)
{
	struct bytes word;

	while (l->rest.data && looks_like_option(l->rest)) {
		enum error_code code;

		next_word(l, &word);
		code = parse_option(l, verb, word);
		if (code)
			return code;
	}
	if (verb->required & ~l->request->options)
		return usage(l, verb, ERROR_BAD_ARG, "an option is missing");
	return ERROR_NONE;
}

/* --- address, members, JSON --- */

static enum error_code parse_address(struct line *l, const struct client_verb_row *verb)
{
	struct client_request *q = l->request;

	if (!next_word(l, &q->address))
		return usage(l, verb, ERROR_BAD_LINE, "the address is missing");
	if (verb->connection) {
		if (bytes_equal(q->address, BYTES_LITERAL("@")))
			return ERROR_NONE;
		return usage(l, verb, ERROR_BAD_LINE, "this verb is addressed to the connection, @");
	}
	if (address_valid(q->address))
		return ERROR_NONE;
	client_hint_address(l->scratch, q->address);
	return hinted(l, ERROR_BAD_LINE);
}

static enum error_code add_member(struct line *l, struct bytes name)
{
	struct client_request *q = l->request;

	if (!name_valid(name)) {
		client_hint_member(l->scratch, name);
		return hinted(l, ERROR_BAD_LINE);
	}
	if (q->member_count == MEMBERS_MAX)
		return reason(l, ERROR_BAD_LINE, "a list has at most 64 names");
	for (size_t i = 0; i < q->member_count; i++)
		if (bytes_equal(q->members[i], name))
			return reason(l, ERROR_BAD_ARG, "a name stands in the list twice");
	q->members[q->member_count++] = name;
	return ERROR_NONE;
}

static enum error_code parse_member_list(struct line *l, struct bytes list)
{
	enum error_code code = ERROR_NONE;

	while (list.data && code == ERROR_NONE) {
		const char *comma = memchr(list.data, ',', list.len);
		struct bytes name = { list.data, comma ? (size_t)(comma - list.data) : list.len };

		code = add_member(l, name);
		list = comma ? (struct bytes){ comma + 1, list.len - name.len - 1 } : (struct bytes){ NULL, 0 };
	}
	return code;
}

static enum error_code parse_members(struct line *l, const struct client_verb_row *verb)
{
	struct client_request *q = l->request;
	struct bytes word;

	if (verb->members == CLIENT_MEMBERS_NONE)
		return ERROR_NONE;
	if (!next_word(l, &word))
		return usage(l, verb, ERROR_BAD_LINE, "the member is missing");
	q->all = verb->members != CLIENT_MEMBERS_NAME && bytes_equal(word, BYTES_LITERAL("*"));
	if (q->all)
		return ERROR_NONE;
	return verb->members == CLIENT_MEMBERS_LIST ? parse_member_list(l, word) : add_member(l, word);
}

static enum error_code parse_json(struct line *l, const struct client_verb_row *verb)
{
	struct client_request *q = l->request;

	if (l->rest.data && l->rest.len == 0)
		return reason(l, ERROR_BAD_LINE, "a space at the end of the line");
	if (l->rest.data == NULL && verb->json == CLIENT_JSON_REQUIRED)
		return usage(l, verb, ERROR_BAD_LINE, "the JSON is missing");
	if (l->rest.data && verb->json == CLIENT_JSON_NONE)
		return usage(l, verb, ERROR_BAD_LINE,
		             l->rest.data[0] == ' ' ? "one space separates, and here are two" : "something is too much");
	q->json = l->rest;
	return ERROR_NONE;
}

/* --- the line --- */

static const struct client_verb_row *find_verb(struct bytes word)
{
	for (size_t i = 0; i < CLIENT_VERB_COUNT; i++)
		if (client_verb_rows[i].word[0] == word.data[0] && bytes_equal(word, bytes_of(client_verb_rows[i].word)))
			return &client_verb_rows[i];
	return NULL;
}

static struct bytes without_cr(struct bytes line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

enum error_code client_parse(struct bytes line, struct client_request *ret,
                             char scratch[256], const char **ret_hint)
{
	struct line l = { .rest = without_cr(line), .request = ret, .scratch = scratch, .hint = ret_hint };
	const struct client_verb_row *verb;
	struct bytes id = { NULL, 0 }, word;
	enum error_code code;
	bool control;

	/* Not the whole struct: its list of members is large, and counted. */
	memset(ret, 0, offsetof(struct client_request, members));
	memset(&ret->options, 0, sizeof(*ret) - offsetof(struct client_request, options));
	*ret_hint = NULL;
	if (client_parse_plain(l.rest, ret))
		return ERROR_NONE;
	control = client_has_control_character(l.rest);
	next_word(&l, &id);
	if (!id_valid(id)) {
		client_hint_id(scratch, id);
		return hinted(&l, ERROR_BAD_LINE);
	}
	ret->id = id;
	if (control)
		return reason(&l, ERROR_BAD_LINE, "a control character in the line");
	if (!next_word(&l, &word) || word.len == 0)
		return reason(&l, ERROR_BAD_LINE, "a line is ID VERB ADDRESS and more, one space between");
	verb = find_verb(word);
	if (verb == NULL) {
		client_hint_verb(scratch, id, word);
		return hinted(&l, ERROR_BAD_VERB);
	}
	ret->verb = verb->verb;
	code = parse_address(&l, verb);
	if (code == ERROR_NONE)
		code = parse_members(&l, verb);
	if (code == ERROR_NONE)
		code = parse_options(&l, verb);
	if (code == ERROR_NONE)
		code = parse_json(&l, verb);
	return code;
}

bool client_first_line_plausible(struct bytes line)
{
	struct line l = { .rest = without_cr(line) };
	struct bytes id, verb;

	if (!next_word(&l, &id) || !id_valid(id) || !next_word(&l, &verb) || verb.len == 0)
		return false;
	if (bytes_equal(verb, BYTES_LITERAL("@")))
		return true; /* the ID was forgotten */
	for (size_t i = 0; i < verb.len; i++)
		if (!character_is(verb.data[i], CHARACTER_WORD) && verb.data[i] != '.')
			return false;
	return true;
}
