/* The sandbox of the actor worker: what the process gives up for good before any code of
 * the user's is compiled or run. */
#ifndef WORKER_ACTOR_SANDBOX_SANDBOX_H
#define WORKER_ACTOR_SANDBOX_SANDBOX_H

#include "common/config.h"

/* Gives up all that [workers] sandbox says, and logs one line with what is in force, and
 * one more for each part that this machine does not have or this build cannot bear. To be called
 * once, when every descriptor, timer and signal that is made and not received has been made.
 *
 * *ret_level: `full: user nobody, …`, `partly: …; missing: …` or `off`; the caller frees it.
 * A newer Landlock is in it by its number only: what an older one does not know of, the
 * filter of system calls forbids as well.
 *
 * Errors: -EPERM, with a sentence in why, where a part is missing that is `required`; all
 * others are in force. */
int sandbox_enter(const struct config *config, char **ret_level, struct buffer *why);

#endif
