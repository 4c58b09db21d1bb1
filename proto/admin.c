/* Lines of the admin protocol, both ways. */
#include "proto/admin.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- commands --- */

static bool tag_valid(struct bytes tag)
{
	if (tag.len == 0 || tag.len > ADMIN_ID_MAX)
		return false;
	for (size_t i = 0; i < tag.len; i++)
		if (!isalnum((unsigned char)tag.data[i]) && tag.data[i] != '-' && tag.data[i] != '_')
			return false;
	return true;
}

/* Cuts the word before the next space off. */
static struct bytes cut(struct bytes *rest)
{
	const char *space = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
	struct bytes word = { rest->data, space ? (size_t)(space - rest->data) : rest->len };

	*rest = space ? (struct bytes){ space + 1, rest->len - word.len - 1 } : (struct bytes){ NULL, 0 };
	return word;
}

/* Length of the key of a `key=value` word, 0 where it is none. */
static size_t option_key(struct bytes word)
{
	size_t i = 0;

	while (i < word.len && ((word.data[i] >= 'a' && word.data[i] <= 'z') || (i > 0 && word.data[i] == '_')))
		i++;
	return i < word.len && word.data[i] == '=' ? i : 0;
}

static const char *add_word(struct admin_command *c, struct bytes word)
{
	size_t key = option_key(word);

	if (c->argument_count == ADMIN_ARGS_MAX || c->option_count == ADMIN_ARGS_MAX)
		return "too many arguments";
	if (key > 0)
		c->options[c->option_count++] = (struct admin_option){
			{ word.data, key }, { word.data + key + 1, word.len - key - 1 } };
	else
		c->arguments[c->argument_count++] = word;
	return NULL;
}

bool admin_parse(struct bytes line, struct admin_command *ret, const char **ret_error)
{
	struct bytes rest = line, word;

	memset(ret, 0, sizeof(*ret));
	if (rest.len > 0 && rest.data[rest.len - 1] == '\r')
		rest.len--;
	*ret_error = NULL;
	for (size_t i = 0; i < rest.len; i++)
		if ((unsigned char)rest.data[i] < 0x20 || rest.data[i] == 0x7f)
			*ret_error = "a control character in the line";
	if (rest.len > 0 && rest.data[0] == '#') {
		word = cut(&rest);
		word = (struct bytes){ word.data + 1, word.len - 1 };
		if (!tag_valid(word))
			*ret_error = "a tag is # and letters, digits, - and _, at most 32";
		else
			ret->id = word;
	}
	if (*ret_error)
		return false;
	ret->verb = cut(&rest);
	if (ret->verb.len == 0) {
		*ret_error = "no command";
		return false;
	}
	while (rest.data && *ret_error == NULL) {
		word = cut(&rest);
		*ret_error = word.len == 0 ? "one space separates" : add_word(ret, word);
	}
	return *ret_error == NULL;
}

/* Whether a row takes an option of this key: fmt and wait belong to all. */
static bool takes_option(const struct admin_verb_row *row, struct bytes key)
{
	struct bytes rest = bytes_of(row->options);

	if (bytes_equal(key, BYTES_LITERAL("fmt")) || bytes_equal(key, BYTES_LITERAL("wait")))
		return true;
	while (rest.len > 0)
		if (bytes_equal(cut(&rest), key))
			return true;
	return false;
}

const char *admin_check(const struct admin_verb_row *row, const struct admin_command *c, char scratch[256])
{
	int count = (int)c->argument_count;

	if (count < row->least || (row->most >= 0 && count > row->most)) {
		snprintf(scratch, 256, "usage: %s%s%s", row->word, row->arguments[0] ? " " : "", row->arguments);
		return scratch;
	}
	for (size_t i = 0; i < c->option_count; i++)
		if (!takes_option(row, c->options[i].key)) {
			snprintf(scratch, 256, "%s takes no option %.*s=", row->word, (int)c->options[i].key.len,
			         c->options[i].key.data);
			return scratch;
		}
	return NULL;
}

/* --- output --- */

static void begin(struct bytes id, struct buffer *out)
{
	if (id.len == 0)
		return;
	buffer_append(out, "#", 1);
	buffer_append_bytes(out, id);
	buffer_append(out, " ", 1);
}

/* What would break the line becomes a space. */
static void append_line(struct bytes text, struct buffer *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		buffer_append(out, (unsigned char)c < 0x20 ? " " : &c, 1);
	}
	buffer_append(out, "\n", 1);
}

void admin_format_data(struct bytes id, struct bytes text, struct buffer *out)
{
	begin(id, out);
	buffer_append_text(out, "= ");
	append_line(text, out);
}

void admin_format_progress(struct bytes id, struct bytes text, struct buffer *out)
{
	begin(id, out);
	buffer_append_text(out, "~ ");
	append_line(text, out);
}

void admin_format_ok(struct bytes id, struct bytes options, struct buffer *out)
{
	begin(id, out);
	buffer_append_text(out, options.len ? "ok " : "ok");
	append_line(options, out);
}

void admin_format_error(struct bytes id, enum admin_exit exit, const char *code,
                        const char *text, struct buffer *out)
{
	begin(id, out);
	buffer_printf(out, "err %d %s ", (int)exit, code);
	append_line(bytes_of(text), out);
}

/* --- stagectl's side --- */

static bool parse_exit(struct bytes word, enum admin_exit *ret)
{
	unsigned n = 0;

	if (word.len == 0 || word.len > 3)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (!isdigit((unsigned char)word.data[i]))
			return false;
		n = n * 10 + (unsigned)(word.data[i] - '0');
	}
	*ret = (enum admin_exit)n;
	return n <= 255;
}

bool admin_parse_output(struct bytes line, struct admin_output *ret)
{
	struct bytes rest = line, word;

	*ret = (struct admin_output){ 0 };
	if (rest.len > 0 && rest.data[rest.len - 1] == '\r')
		rest.len--;
	if (rest.len > 0 && rest.data[0] == '#') {
		word = cut(&rest);
		ret->id = (struct bytes){ word.data + 1, word.len - 1 };
		if (!tag_valid(ret->id))
			return false;
	}
	word = cut(&rest);
	ret->text = rest;
	if (bytes_equal(word, BYTES_LITERAL("="))) {
		ret->kind = ADMIN_OUT_DATA;
	} else if (bytes_equal(word, BYTES_LITERAL("~"))) {
		ret->kind = ADMIN_OUT_PROGRESS;
	} else if (bytes_equal(word, BYTES_LITERAL("ok"))) {
		ret->kind = ADMIN_OUT_OK;
	} else if (bytes_equal(word, BYTES_LITERAL("err"))) {
		ret->kind = ADMIN_OUT_ERROR;
		if (!parse_exit(cut(&rest), &ret->exit))
			return false;
		ret->code = cut(&rest);
		ret->text = rest;
		return ret->code.len > 0;
	} else {
		return false;
	}
	return true;
}
