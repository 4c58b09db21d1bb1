/* Owns the program `stagectl`: one command to a server, its answer to people. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stagectl/command_line.h"
#include "stagectl/progress.h"
#include "stagectl/server.h"

#define SILENCE 60000 /* ms, unless --timeout says otherwise */

static void print(FILE *to, struct bytes text)
{
	if (text.len > 0)
		fwrite(text.data, 1, text.len, to);
}

/* Colours are for people who want them: NO_COLOR and pipes get none. */
static bool colours(void)
{
	const char *no = getenv("NO_COLOR");

	return (no == NULL || no[0] == '\0') && isatty(STDERR_FILENO);
}

static enum admin_exit complain(enum admin_exit exit, struct bytes text)
{
	fflush(stdout);
	fputs(colours() ? "\033[31mstagectl:\033[0m " : "stagectl: ", stderr);
	print(stderr, text);
	fputs("\n", stderr);
	return exit;
}

/* Data to stdout, everything else to stderr; the exit number is the server's. */
static enum admin_exit print_answer(struct server *s, struct buffer *error)
{
	for (;;) {
		enum admin_exit exit = server_read(s, error);
		struct admin_output out;

		if (exit != ADMIN_DONE)
			return complain(exit, buffer_bytes(error));
		if (!admin_parse_output(s->line, &out))
			return complain(ADMIN_DATA, BYTES_LITERAL("what answers there is no Stage server"));
		if (out.kind == ADMIN_OUT_PROGRESS) {
			progress_show(out.text, isatty(STDERR_FILENO));
			continue;
		}
		progress_end();
		if (out.kind == ADMIN_OUT_OK)
			return ADMIN_DONE;
		if (out.kind == ADMIN_OUT_ERROR)
			return complain(out.exit, out.text);
		print(stdout, out.text);
		fputs("\n", stdout);
	}
}

static enum admin_exit run_command(const struct command_line *line)
{
	struct buffer command = { 0 }, error = { 0 };
	int timeout = line->timeout != NULL ? atoi(line->timeout) : SILENCE;
	struct server server;
	enum admin_exit exit;

	if (command_line_format(line, &command, &error) < 0) {
		exit = complain(ADMIN_USAGE, buffer_bytes(&error));
		goto out;
	}
	if (line->node != NULL)
		exit = server_open_remote(&server, line->node, line->token_file, timeout, &error);
	else
		exit = server_open_local(&server, line->config, timeout, &error);
	if (exit != ADMIN_DONE) {
		complain(exit, buffer_bytes(&error));
		goto out;
	}
	exit = server_send(&server, buffer_bytes(&command), &error);
	if (exit == ADMIN_DONE)
		exit = print_answer(&server, &error);
	else
		complain(exit, buffer_bytes(&error));
	server_close(&server);
	if (fflush(stdout) != 0 && exit == ADMIN_DONE)
		exit = complain(ADMIN_INTERNAL, BYTES_LITERAL("the answer could not be written"));
out:
	buffer_fini(&command);
	buffer_fini(&error);
	return exit;
}

static enum admin_exit help(const struct command_line *line)
{
	bool by_word = line->count > 0 && strcmp(line->words[0], "help") == 0;
	const char *word = line->count > by_word ? line->words[by_word] : NULL;
	struct buffer text = { 0 };
	enum admin_exit exit = ADMIN_DONE;

	if (word == NULL) {
		command_line_help(&text);
	} else if (!command_line_help_of(word, &text)) {
		const char *near = admin_nearest(bytes_of(word));
		buffer_printf(&text, near != NULL ? "there is no command %s; did you mean %s?" : "there is no command %s",
		              word, near);
		exit = complain(ADMIN_USAGE, buffer_bytes(&text));
		buffer_clear(&text);
	}
	print(stdout, buffer_bytes(&text));
	buffer_fini(&text);
	return exit;
}

int main(int argc, char **argv)
{
	struct command_line line = { 0 };
	struct buffer error = { 0 };
	enum admin_exit exit = ADMIN_USAGE;

	if (command_line_parse(&line, argc, argv, &error) < 0)
		complain(exit, buffer_bytes(&error));
	else if (line.version)
		exit = puts("stagectl " STAGE_VERSION) < 0 ? ADMIN_INTERNAL : ADMIN_DONE;
	else if (line.help || (line.count > 0 && strcmp(line.words[0], "help") == 0))
		exit = help(&line);
	else if (line.count == 0)
		complain(exit, BYTES_LITERAL("which command? `stagectl help` lists them"));
	else if ((line.node != NULL) != (line.token_file != NULL))
		complain(exit, BYTES_LITERAL("--node and --token-file belong together"));
	else
		exit = run_command(&line);
	free(line.words);
	buffer_fini(&error);
	return (int)exit;
}
