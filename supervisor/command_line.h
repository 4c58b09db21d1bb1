/* The command line of `stage`. */
#ifndef SUPERVISOR_COMMAND_LINE_H
#define SUPERVISOR_COMMAND_LINE_H

#include "common/buffer.h"

struct command_line {
	const char *config, *port, *join; /* NULL: not given */
	bool check_config, version, help;
};

/* 0, or -EINVAL with a sentence in error. */
int command_line_parse(struct command_line *ret, int argc, char **argv, struct buffer *error);

void command_line_help(struct buffer *out);

#endif
