/* Listening sockets: bound by the supervisor, served by whoever gets the descriptor. */
#ifndef SUPERVISOR_LISTENER_H
#define SUPERVISOR_LISTENER_H

#include <stdint.h>

#include "common/buffer.h"

#define LISTENER_BACKLOG 4096

struct listener {
	bool open;
	bool lent;        /* a socket unit's: its name on disk is not ours */
	const char *kept; /* its name in the service manager's descriptor store, or NULL */
	int fd;
	char address[320]; /* as people write it, with the true port: `*:51463` */
};

/* Binds and listens on `host:port`, `*:port` (IPv4 and IPv6 on one socket, IPv4
 * alone where there is no IPv6) or `[v6]:port`; port 0 picks a free one.
 * 0 or -errno with a sentence in error. */
int listener_tcp(struct listener *l, const char *address, const char *purpose, struct buffer *error);

/* Binds and listens on directory/name, readable and writable by owner and group
 * only. A socket that a dead server left is replaced; -EADDRINUSE where a living one
 * answers. The caller holds the directory's lock. */
int listener_unix(struct listener *l, const char *directory, const char *name, struct buffer *error);

/* Takes over a socket that somebody else has bound. -EINVAL with a sentence in error
 * where it is no listening stream socket; it is closed then. */
int listener_adopt(struct listener *l, int take_fd, const char *purpose, struct buffer *error);

/* Whether a listening socket is what listener_tcp() or listener_unix() would bind; port 0
 * is any port. A Unix socket must also still have its name. */
bool listener_is_tcp(int fd, const char *address);
bool listener_is_unix(int fd, const char *directory, const char *name);

/* Closes it; a Unix socket's name goes away too, where nobody else holds the socket.
 * Zeroed memory is fine. */
void listener_fini(struct listener *l);

#endif
