/* The admin protocol (proto/admin-protocol.md): command lines to structs, output
 * lines to bytes. Pure; who may do what and the handlers are the supervisor's. */
#ifndef PROTO_ADMIN_H
#define PROTO_ADMIN_H

#include <stdint.h>

#include "common/buffer.h"

#define ADMIN_LINE_MAX 65536 /* bytes */
#define ADMIN_ARGS_MAX 64
#define ADMIN_ID_MAX 32

/* Exit numbers on the wire; stagectl passes them on. */
enum admin_exit {
	ADMIN_DONE = 0, ADMIN_NEGATIVE = 1, ADMIN_USAGE = 64, ADMIN_DATA = 65, ADMIN_NO_NODE = 68,
	ADMIN_UNREACHABLE = 69, ADMIN_INTERNAL = 70, ADMIN_TEMPORARY = 75, ADMIN_VERSION = 76,
	ADMIN_DENIED = 77, ADMIN_CONFIGURATION = 78,
};

enum admin_access { ADMIN_NOBODY, ADMIN_OPERATE, ADMIN_ADMIN };

/* One command: shared by the server's dispatch, stagectl's usage, help and man page. */
struct admin_verb_row {
	const char *word;
	enum admin_access access;
	int least, most;       /* arguments; most -1: any number */
	const char *arguments; /* as in usage: `ADDRESS`, `[PATTERN]` */
	const char *options;   /* space-separated keys it takes besides fmt= and wait= */
	const char *help;      /* one line */
	const char *example;   /* shown first by `help VERB` */
	const char *destroys;  /* the option with which it destroys something; NULL: none */
};

/* Ends with word NULL. */
extern const struct admin_verb_row admin_verb_rows[];

const struct admin_verb_row *admin_find(struct bytes word);

/* The word nearest to a wrong one, or NULL where none is near. */
const char *admin_nearest(struct bytes word);

struct admin_option {
	struct bytes key, value;
};

/* Everything points into the line. */
struct admin_command {
	struct bytes id; /* empty: untagged */
	struct bytes verb;
	size_t argument_count, option_count;
	struct bytes arguments[ADMIN_ARGS_MAX];
	struct admin_option options[ADMIN_ARGS_MAX];
};

/* Grammar only: the verb may be unknown. An argument that begins with letters and `=`
 * is an option. false: *ret_error is a sentence; ret->id is set where readable. */
bool admin_parse(struct bytes line, struct admin_command *ret, const char **ret_error);

/* ERROR_USAGE sentence where the arguments do not fit the row; NULL where they do. */
const char *admin_check(const struct admin_verb_row *row, const struct admin_command *c, char scratch[256]);

void admin_format_data(struct bytes id, struct bytes text, struct buffer *out);
void admin_format_progress(struct bytes id, struct bytes text, struct buffer *out);
void admin_format_ok(struct bytes id, struct bytes options, struct buffer *out);
void admin_format_error(struct bytes id, enum admin_exit exit, const char *code,
                        const char *text, struct buffer *out);

/* stagectl's side: one output line taken apart. */
struct admin_output {
	struct bytes id;
	enum { ADMIN_OUT_DATA, ADMIN_OUT_PROGRESS, ADMIN_OUT_OK, ADMIN_OUT_ERROR } kind;
	enum admin_exit exit;
	struct bytes code, text;
};

bool admin_parse_output(struct bytes line, struct admin_output *ret);

#endif
