/* The descriptors that the service manager started this process with: sockets of socket
 * units, and what it has kept for us in its descriptor store; sd_listen_fds(3). */
#ifndef SUPERVISOR_ACTIVATION_H
#define SUPERVISOR_ACTIVATION_H

#include <stdbool.h>
#include <stdint.h>

#define ACTIVATION_FIRST 3 /* the first descriptor that is handed over */
#define ACTIVATION_MOST 256

struct activation_entry {
	int fd; /* close-on-exec; -1 once claimed */
	char name[64];
};

/* Zeroed memory holds nothing. */
struct activation {
	struct activation_entry *entries;
	uint32_t count;
};

/* Takes $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES out of the environment; from now on
 * the descriptors belong to us and no child inherits them. A descriptor without a name is
 * called `unknown`, as the manager itself would. */
void activation_take(struct activation *a);

/* Closes what nobody has claimed. */
void activation_fini(struct activation *a);

/* The first descriptor of that name and family, now the caller's. -1: there is none. */
enum activation_family { ACTIVATION_ANY, ACTIVATION_UNIX, ACTIVATION_TCP };
int activation_claim(struct activation *a, const char *name, enum activation_family family);

#endif
