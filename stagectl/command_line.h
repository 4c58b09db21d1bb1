/* The command line of `stagectl`, and what it tells about itself without a server. */
#ifndef STAGECTL_COMMAND_LINE_H
#define STAGECTL_COMMAND_LINE_H

#include "common/buffer.h"

struct command_line {
	const char *config, *node, *token_file, *timeout; /* NULL: not given */
	bool json, yes, version, help;
	int count; /* the command and its arguments */
	char **words;
};

/* 0, or -EINVAL with a sentence in error. Options may stand behind the command, too. */
int command_line_parse(struct command_line *ret, int argc, char **argv, struct buffer *error);

/* Examples, usage and all commands; or one command (a word of the table). */
void command_line_help(struct buffer *out);
bool command_line_help_of(const char *word, struct buffer *out);

/* The line to send, without its end. 0, or -EINVAL with a sentence in error where the
 * words are no command with its arguments. */
int command_line_format(const struct command_line *line, struct buffer *out, struct buffer *error);

#endif
