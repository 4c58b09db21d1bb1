/* Command-line options as rows of a table: parsing and usage text come from the row. */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include "common/buffer.h"

struct options_row {
	const char *letter;   /* `-c`; NULL: none */
	const char *word;     /* `--config`; NULL ends the table */
	const char *argument; /* `FILE`; NULL: it takes none */
	size_t offset;        /* in the program's struct: const char * with an argument, else bool */
	const char *help;     /* one line */
};

/* Reads options (`-c FILE`, `-cFILE`, `--config FILE`, `--config=FILE`) into *ret up to
 * the first word that is none; `--` ends them. ret_next gets the index of that word.
 * 0, or -EINVAL with a sentence in error. The texts are argv's own. */
int options_parse(const struct options_row *rows, void *ret, int argc, char **argv,
                  int *ret_next, struct buffer *error);

/* A line per option. */
void options_usage(const struct options_row *rows, struct buffer *out);

#endif
