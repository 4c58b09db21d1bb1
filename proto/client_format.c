/* Lines to a client. */
#include "proto/client.h"

static void append_version(const char *key, const struct version *v, struct buffer *out)
{
	if (v == NULL)
		return;
	buffer_append_text(out, key);
	version_format(*v, out);
}

void client_format_tail(const struct client_line *line, struct buffer *out)
{
	buffer_append(out, " ", 1);
	buffer_append_text(out, line->word);
	if (line->code != ERROR_NONE) {
		buffer_append(out, " ", 1);
		buffer_append_text(out, error_rows[line->code].name);
	}
	append_version(" base=", line->base, out);
	append_version(" v=", line->v, out);
	if (line->n > 0)
		buffer_printf(out, " n=%llu", (unsigned long long)line->n);
	if (line->del.len > 0) {
		buffer_append_text(out, " del=");
		buffer_append_bytes(out, line->del);
	}
	if (line->json.len > 0) {
		buffer_append(out, " ", 1);
		buffer_append_bytes(out, line->json);
	}
	buffer_append(out, "\n", 1);
}

void client_format(const struct client_line *line, struct buffer *out)
{
	if (line->id.len > 0)
		buffer_append_bytes(out, line->id);
	else
		buffer_append(out, "*", 1);
	client_format_tail(line, out);
}
