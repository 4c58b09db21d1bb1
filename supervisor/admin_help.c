/* Owns the admin command `help`: the command table, read aloud. */
#include <stdio.h>

#include "proto/msgpack.h"
#include "supervisor/admin_dispatch.h"

static const struct admin_column columns[] = {
	{ "command", 0 }, { "access", 0 }, { "help", 0 }, { NULL, 0 },
};

static const char *const access_names[] = {
	[ADMIN_NOBODY] = "nobody", [ADMIN_OPERATE] = "operate", [ADMIN_ADMIN] = "admin",
};

static void usage_of(const struct admin_verb_row *row, char out[256])
{
	bool arguments = row->arguments != NULL && row->arguments[0] != '\0';

	snprintf(out, 256, "%s%s%s", row->word, arguments ? " " : "", arguments ? row->arguments : "");
}

static void list(struct admin_run *run)
{
	char usage[256];

	for (const struct admin_verb_row *row = admin_verb_rows; row->word != NULL; row++) {
		struct buffer *out;
		if (admin_dispatch_find(bytes_of(row->word)) == NULL)
			continue;
		usage_of(row, usage);
		out = admin_table_row(&run->table, 3);
		admin_pair_text(out, "command", usage);
		admin_pair_text(out, "access", access_names[row->access]);
		admin_pair_text(out, "help", row->help);
	}
	admin_run_table(run);
}

static void explain(struct admin_run *run, const struct admin_verb_row *row)
{
	struct buffer *out = admin_table_row(&run->table, 5);
	char usage[256];

	usage_of(row, usage);
	admin_pair_text(out, "example", row->example);
	admin_pair_text(out, "usage", usage);
	admin_pair_text(out, "options", row->options != NULL && row->options[0] != '\0' ? row->options : "none");
	admin_pair_text(out, "access", access_names[row->access]);
	admin_pair_text(out, "help", row->help);
	run->table.columns = NULL;
	admin_run_page(run);
}

void admin_help(struct admin_run *run)
{
	const struct admin_verb_row *row = NULL;
	const char *near;
	char text[192];

	admin_table_init(&run->table, columns);
	if (run->command.argument_count == 0) {
		list(run);
		admin_run_ok(run, NULL);
		return;
	}
	row = admin_find(run->command.arguments[0]);
	if (row != NULL) {
		explain(run, row);
		admin_run_ok(run, NULL);
		return;
	}
	near = admin_nearest(run->command.arguments[0]);
	snprintf(text, sizeof(text), "there is no command of this name%s%s%s", near != NULL ? "; did you mean '" : "",
	         near != NULL ? near : "", near != NULL ? "'?" : "");
	admin_run_fail(run, ADMIN_USAGE, "bad-arg", text);
}
