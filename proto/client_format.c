/* Lines to a client. */
#include "proto/client.h"

#include <stdio.h>

/* What a line takes at most beside its texts: words, spaces, versions, a number. */
#define FRAME_MAX 192

static char *put(char *at, struct bytes s)
{
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

static char *put_text(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	return at;
}

static char *put_version(char *at, const char *key, const struct version *v)
{
	return v ? version_write(*v, put_text(at, key)) : at;
}

static char *put_tail(char *at, const struct client_line *line)
{
	*at++ = ' ';
	at = put_text(at, line->word);
	if (line->code != ERROR_NONE) {
		*at++ = ' ';
		at = put_text(at, error_rows[line->code].name);
	}
	at = put_version(at, " base=", line->base);
	at = put_version(at, " v=", line->v);
	if (line->n > 0)
		at += sprintf(at, " n=%llu", (unsigned long long)line->n);
	if (line->del.len > 0)
		at = put(put_text(at, " del="), line->del);
	if (line->json.len > 0) {
		*at++ = ' ';
		at = put(at, line->json);
	}
	*at++ = '\n';
	return at;
}

void client_format_tail(const struct client_line *line, struct buffer *out)
{
	char *at = buffer_reserve(out, FRAME_MAX + line->del.len + line->json.len);

	buffer_commit(out, (size_t)(put_tail(at, line) - at));
}

void client_format(const struct client_line *line, struct buffer *out)
{
	struct bytes id = line->id.len > 0 ? line->id : BYTES_LITERAL("*");
	char *at = buffer_reserve(out, FRAME_MAX + id.len + line->del.len + line->json.len);

	buffer_commit(out, (size_t)(put_tail(put(at, id), line) - at));
}
