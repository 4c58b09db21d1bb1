/* What a service is told to say to the service manager that started it: sd_notify(3).
 *
 * The few lines of that protocol are written here instead of linking libsystemd: its
 * development package is bound to the exact version of the installed systemd, so that
 * building Stage could replace the service manager of the machine. The manual page
 * itself recommends to implement the protocol where the library is not wanted. */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/bytes.h"

/* Zeroed memory is one that nobody listens to: everything succeeds and does nothing. */
struct notify {
	bool open;
	int fd;
	struct sockaddr_un address;
	socklen_t length; /* of the address */
};

/* Takes $NOTIFY_SOCKET (a path, or `@name` in the abstract namespace) out of the
 * environment, so that no child speaks in our name. 0 also where there is none, or
 * -errno: -EPROTONOSUPPORT for another kind of address. */
int notify_open(struct notify *n);
void notify_close(struct notify *n);

/* One datagram of lines `NAME=value`, with a descriptor (borrowed, -1: none). Waits for
 * a manager that is busy, as libsystemd does, but SEND_LIMIT at most. 0 or -errno. */
int notify_send(const struct notify *n, struct bytes lines, int fd);

/* Waits until the manager has worked off everything sent before: 0, -ETIME, -errno. */
int notify_barrier(const struct notify *n, int limit_ms);

/* Takes $WATCHDOG_USEC and $WATCHDOG_PID out of the environment. The time in ms within
 * which the manager wants a WATCHDOG=1; 0: it does not, or not from this process. */
uint64_t notify_watchdog(void);

#endif
