/* What settings want of each other, and what of them may be shown. */
#include "common/config.h"

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static const char *place_of(const struct config *c, const char *section, const char *key)
{
	const char *place = c->place[config_find(bytes_of(section), bytes_of(key)) - config_rows];

	return place ? place : "environment";
}

/* Only its form, without repeating it: libpq looks closer, in the store. */
static bool is_url(const char *url)
{
	return begins(url, "postgresql://") || begins(url, "postgres://") || strchr(url, '=') != NULL;
}

static bool is_cluster_id(const char *text)
{
	return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static bool check_takeover(const struct config *c, struct buffer *errors)
{
	if (c->store.takeover[0] == '\0' || is_cluster_id(c->store.takeover))
		return true;
	buffer_printf(errors, "%s: [store] takeover is a cluster's id: 32 digits of 0123456789abcdef, as the refusal has it\n",
	              place_of(c, "store", "takeover"));
	return false;
}

static bool check_url(const struct config *c, struct buffer *errors)
{
	if (c->store.engine != CONFIG_ENGINE_POSTGRESQL)
		return true;
	if (c->store.url[0] == '\0')
		buffer_printf(errors, "%s: [store] engine = postgresql needs a url: postgresql://HOST/DATABASE, for example\n",
		              place_of(c, "store", "engine"));
	else if (!is_url(c->store.url))
		buffer_printf(errors, "%s: [store] url is neither postgresql://… nor a list of key=value\n",
		              place_of(c, "store", "url"));
	else
		return true;
	return false;
}

bool config_check(const struct config *c, struct buffer *errors)
{
	bool url = check_url(c, errors), takeover = check_takeover(c, errors);

	return url && takeover;
}

/* --- passwords --- */

/* Between `//NAME:` and the last `@` before the path. */
static size_t skip_user_password(const char *text, struct buffer *out)
{
	const char *begin = strstr(text, "://"), *end = NULL, *colon;

	if (begin == NULL)
		return 0;
	begin += 3;
	for (const char *at = begin; *at && !strchr("/?", *at); at++)
		if (*at == '@')
			end = at;
	colon = end ? memchr(begin, ':', (size_t)(end - begin)) : NULL;
	if (colon == NULL)
		return 0;
	buffer_append(out, text, (size_t)(colon + 1 - text));
	buffer_append_text(out, "***");
	return (size_t)(end - text);
}

/* What follows `password` and `=`: up to the end of a quotation, of a parameter, of a word. */
static const char *skip_value(const char *at)
{
	at += strspn(at, " ");
	if (*at != '\'')
		return at + strcspn(at, " &");
	for (at++; *at && *at != '\''; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

void config_show(const struct config *c, const struct config_row *row, struct buffer *out)
{
	static const char word[] = "password";
	struct buffer text = { 0 };
	const char *at, *found;

	if (!row->secret) {
		config_format(c, row, out);
		return;
	}
	config_format(c, row, &text);
	buffer_append(&text, "", 1);
	at = buffer_bytes(&text).data;
	at += skip_user_password(at, out);
	while ((found = strstr(at, word)) != NULL) {
		const char *equals = found + strlen(word) + strspn(found + strlen(word), " ");

		buffer_append(out, at, (size_t)(equals - at));
		at = equals;
		if (*equals == '=') {
			buffer_append_text(out, "=***");
			at = skip_value(equals + 1);
		}
	}
	buffer_append_text(out, at);
	buffer_fini(&text);
}
