/* Owns the options of `stage` and its help text. */
#include "supervisor/command_line.h"

#include <errno.h>
#include <stddef.h>

#include "common/options.h"

static const struct options_row rows[] = {
	{ "-c", "--config", "FILE", offsetof(struct command_line, config), "read settings from FILE and from stage.d/ beside it" },
	{ "-p", "--port", "PORT", offsetof(struct command_line, port), "listen for clients on PORT; 0 picks a free one" },
	{ NULL, "--join", "ADDRESS[:PORT],…", offsetof(struct command_line, join), "join the cluster that one of these nodes belongs to" },
	{ NULL, "--check-config", NULL, offsetof(struct command_line, check_config), "only say what is wrong with the configuration" },
	{ NULL, "--version", NULL, offsetof(struct command_line, version), "say which version this is" },
	{ "-h", "--help", NULL, offsetof(struct command_line, help), "show this" },
	{ NULL, NULL, NULL, 0, NULL },
};

int command_line_parse(struct command_line *ret, int argc, char **argv, struct buffer *error)
{
	struct command_line parsed = { 0 };
	int next, result = options_parse(rows, &parsed, argc, argv, &next, error);

	if (result == 0 && next < argc) {
		buffer_printf(error, "stage takes no arguments, and %s is one", argv[next]);
		result = -EINVAL;
	}
	if (result == 0)
		*ret = parsed;
	return result;
}

void command_line_help(struct buffer *out)
{
	buffer_append_text(out,
		"Examples:\n"
		"  stage                      start a server with default settings\n"
		"  stage -c my.ini -p 0       with a file of settings, on a free port\n"
		"  stage --join 10.0.0.7      as a node of that node's cluster\n"
		"  stage --check-config       say what is wrong with the configuration\n"
		"\nUsage: stage [OPTION]...\n");
	options_usage(rows, out);
	buffer_append_text(out,
		"\nThe server runs in the foreground and logs to stderr. SIGTERM and SIGINT stop it\n"
		"when everything accepted is finished, a second one hurries; SIGHUP reloads.\n"
		"`stagectl status` tells how it does.\n"
		"\nExit status: 0 stopped as asked, 64 usage, 69 an address or a directory is in use,\n"
		"70 internal, 74 storage, 75 the stop was not clean, 78 configuration.\n");
}
