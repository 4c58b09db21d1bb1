/* Starts a child's program: fork, exec, its channel as CONTROL_FD, nothing else. */
#ifndef SUPERVISOR_SPAWN_H
#define SUPERVISOR_SPAWN_H

#include <sys/types.h>

#include "common/buffer.h"
#include "proto/control.h"

/* `stage-gateway`, `stage-actor`, `stage-store`, `stage-tunnel`. */
const char *spawn_program_name(enum control_role role);

/* Where the role's program is: $STAGE_LIBEXECDIR, else beside `stage` in the build
 * tree, else where it was installed. Allocated. NULL with a sentence in error where it
 * cannot be executed. */
char *spawn_find(enum control_role role, struct buffer *error);

/* Starts it. The child gets the supervisor's stderr, /dev/null for input, and `fd`
 * (borrowed) as CONTROL_FD; it does not hear a terminal's or a service manager's
 * signals to the group, because the supervisor drains it in order; it dies with the
 * supervisor. 0 or -errno. */
int spawn_start(const char *program, const char *title, int fd, pid_t *ret_pid);

#endif
