/* Owns the options of `stagectl`, its usage errors and its help, all from tables. */
#include "stagectl/command_line.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/memory.h"
#include "common/options.h"
#include "proto/admin.h"

static const struct options_row rows[] = {
	{ "-c", "--config", "FILE", offsetof(struct command_line, config), "find the server that runs with this file" },
	{ NULL, "--node", "HOST:PORT", offsetof(struct command_line, node), "ask the server that listens for admins there" },
	{ NULL, "--token-file", "FILE", offsetof(struct command_line, token_file), "holds the admin token of --node" },
	{ NULL, "--json", NULL, offsetof(struct command_line, json), "print one JSON object per row" },
	{ NULL, "--timeout", "MS", offsetof(struct command_line, timeout), "give up after that many milliseconds of silence" },
	{ NULL, "--yes", NULL, offsetof(struct command_line, yes), "do what destroys something" },
	{ NULL, "--version", NULL, offsetof(struct command_line, version), "say which version this is" },
	{ "-h", "--help", NULL, offsetof(struct command_line, help), "show this, or help on a command" },
	{ NULL, NULL, NULL, 0, NULL },
};

/* Options are wanted before and behind the command's word: each run of options is
 * parsed, each word between them kept. */
int command_line_parse(struct command_line *ret, int argc, char **argv, struct buffer *error)
{
	struct command_line parsed = { 0 };
	bool ended = false;
	int result = 0;

	parsed.words = memory_new(((size_t)argc + 1) * sizeof(*parsed.words));
	for (int at = 0; at < argc - 1 && result == 0;) {
		int next = 1;
		if (!ended)
			result = options_parse(rows, &parsed, argc - at, argv + at, &next, error);
		ended = ended || (next > 1 && strcmp(argv[at + next - 1], "--") == 0);
		at += next - 1;
		if (result == 0 && at < argc - 1)
			parsed.words[parsed.count++] = argv[++at];
	}
	if (result == 0 && parsed.timeout != NULL &&
	    (strspn(parsed.timeout, "0123456789") != strlen(parsed.timeout) || strlen(parsed.timeout) > 9)) {
		buffer_append_text(error, "--timeout needs a number of milliseconds");
		result = -EINVAL;
	}
	if (result < 0)
		free(parsed.words);
	else
		*ret = parsed;
	return result;
}

/* A command that is typed by hand only (`auth`: a token is never in argv) is none here. */
static const struct admin_verb_row *find(const char *word)
{
	const struct admin_verb_row *row = admin_find(bytes_of(word));

	return row != NULL && row->access != ADMIN_NOBODY ? row : NULL;
}

static void append_usage(const struct admin_verb_row *row, struct buffer *out)
{
	bool arguments = row->arguments != NULL && row->arguments[0] != '\0';

	buffer_printf(out, "%s%s%s", row->word, arguments ? " " : "", arguments ? row->arguments : "");
}

void command_line_help(struct buffer *out)
{
	buffer_append_text(out,
		"Examples:\n"
		"  stagectl status                   one page of facts about the local server\n"
		"  stagectl inspect players.42       everything about one actor\n"
		"  stagectl --json workers           for programs: one JSON object per row\n"
		"  stagectl --node db1:51465 --token-file admin.token status\n"
		"\nUsage: stagectl [OPTION]... COMMAND [ARGUMENT]...\n");
	options_usage(rows, out);
	buffer_append_text(out, "\nCommands:\n");
	for (const struct admin_verb_row *row = admin_verb_rows; row->word != NULL; row++) {
		struct buffer usage = { 0 };
		if (row->access == ADMIN_NOBODY)
			continue;
		append_usage(row, &usage);
		buffer_printf(out, "  %-24.*s %s\n", (int)buffer_length(&usage), buffer_bytes(&usage).data, row->help);
		buffer_fini(&usage);
	}
	buffer_append_text(out,
		"\nExit status: 0 done, 1 a negative answer, 64 usage, 65 bad data, 68 unknown node,\n"
		"69 no server answers, 70 internal, 75 temporary or partial, 76 another version, 77 denied, 78 configuration.\n");
}

bool command_line_help_of(const char *word, struct buffer *out)
{
	const struct admin_verb_row *row = find(word);

	if (row == NULL)
		return false;
	if (row->example != NULL && row->example[0] != '\0')
		buffer_printf(out, "Example:\n  %s\n\n", row->example);
	buffer_append_text(out, "Usage: stagectl [OPTION]... ");
	append_usage(row, out);
	buffer_printf(out, "\n  %s\n", row->help);
	if (row->options != NULL && row->options[0] != '\0')
		buffer_printf(out, "  takes: %s\n", row->options);
	return true;
}

static void append_nearest(const char *word, struct buffer *error)
{
	const char *near = admin_nearest(bytes_of(word));

	if (near != NULL)
		buffer_printf(error, "there is no command %s; did you mean %s?", word, near);
	else
		buffer_printf(error, "there is no command %s; `stagectl help` lists them", word);
}

/* What the protocol's grammar cannot carry: an argument is one word on one line. */
static bool sendable(const char *word)
{
	for (const char *at = word; *at != '\0'; at++) {
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return false;
	}
	return word[0] != '\0';
}

static bool destroys(const struct admin_verb_row *row, const struct admin_command *command)
{
	for (size_t i = 0; row->destroys != NULL && i < command->option_count; i++)
		if (bytes_equal(command->options[i].key, bytes_of(row->destroys)))
			return true;
	return false;
}

int command_line_format(const struct command_line *line, struct buffer *out, struct buffer *error)
{
	const struct admin_verb_row *row = find(line->words[0]);
	struct admin_command command;
	const char *wrong = NULL;
	char scratch[256];

	if (row == NULL) {
		append_nearest(line->words[0], error);
		return -EINVAL;
	}
	for (int i = 0; i < line->count; i++) {
		if (!sendable(line->words[i])) {
			buffer_append_text(error, "an argument is one word without blanks");
			return -EINVAL;
		}
		buffer_printf(out, "%s%s", i > 0 ? " " : "", line->words[i]);
	}
	if (admin_parse(buffer_bytes(out), &command, &wrong))
		wrong = admin_check(row, &command, scratch);
	if (wrong != NULL) {
		buffer_printf(error, "%s\nUsage: stagectl [OPTION]... ", wrong);
		append_usage(row, error);
		return -EINVAL;
	}
	if (destroys(row, &command) && !line->yes) {
		buffer_printf(error, "%s= destroys something for good: say --yes as well", row->destroys);
		return -EINVAL;
	}
	if (line->json)
		buffer_append_text(out, " fmt=json");
	if (line->timeout != NULL) /* a little less, so that what came in time is still told */
		buffer_printf(out, " wait=%lu", strtoul(line->timeout, NULL, 10) * 3 / 4);
	return 0;
}
