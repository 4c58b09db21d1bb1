/* The effective settings of the node: read in their order of strength, and what of
 * them a running node can take over. */
#ifndef SUPERVISOR_SETTINGS_H
#define SUPERVISOR_SETTINGS_H

#include "common/config.h"

/* What the command line says; NULL: nothing. */
struct settings_given {
	const char *port, *join;
};

/* File (NULL: the default one), fragments, environment, then the command line.
 * All problems, a line each, in errors. 0 or -errno; c is to be released either way. */
int settings_load(struct config *c, const char *file, const struct settings_given *given,
                  struct buffer *errors);

/* Takes over what can change while the node runs; on_note gets a sentence for each
 * setting that differs, this way or at the next start only. */
void settings_apply(struct config *effective, const struct config *loaded, void *owner,
                    void (*on_note)(void *owner, const char *text));

#endif
