/* One peer of the admin listener: its lines in, its answers out, its commands. */
#ifndef SUPERVISOR_ADMIN_CONNECTION_H
#define SUPERVISOR_ADMIN_CONNECTION_H

#include <ev.h>

#include "common/buffer.h"
#include "proto/admin.h"

struct admin_run;
struct admin_server;
struct node;

#define ADMIN_TAGGED_MAX 32          /* tagged commands side by side */
#define ADMIN_OUTPUT_MAX (64u << 20) /* unread bytes of output that end a connection */
#define ADMIN_FIRST_LINE_MAX 1024    /* bytes of a line before the peer is known */

struct admin_connection {
	struct admin_connection *next;
	struct admin_server *server;
	struct node *node;
	int fd;
	bool known;    /* access holds; else the first command must be `auth` */
	enum admin_access access;
	char who[64];  /* for the audit log */
	bool skipping; /* the rest of a line that was too long */
	bool ended;    /* end of input: what was asked is still answered */
	bool closing;  /* nothing more is read or written; the server frees it */
	struct buffer in, out;
	struct buffer waiting; /* untagged lines that wait for the untagged one before */
	struct admin_run *runs;
	struct ev_io reader, writer;
	struct ev_timer pump;  /* fed, never started */
	struct ev_timer deadline; /* of `auth` */
};

/* Takes fd. known false: TCP, where the token decides. */
struct admin_connection *admin_connection_new(struct admin_server *server, struct node *node, int take_fd,
                                              bool known, enum admin_access access, const char *who);
void admin_connection_free(struct admin_connection *c);

/* For commands: where output lines are appended; admin_connection_flush() lets them go
 * before the command ends. */
struct buffer *admin_connection_out(struct admin_connection *c);
void admin_connection_flush(struct admin_connection *c);

/* A command has ended: what waits comes next, from the loop. */
void admin_connection_on_done(struct admin_connection *c);

/* It can be freed: closed, from outside of its callbacks. */
bool admin_connection_over(const struct admin_connection *c);

#endif
