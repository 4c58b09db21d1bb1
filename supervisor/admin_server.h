/* The admin listeners of a node and their connections. */
#ifndef SUPERVISOR_ADMIN_SERVER_H
#define SUPERVISOR_ADMIN_SERVER_H

struct admin_server;
struct node;

#define ADMIN_CONNECTIONS_MAX 128

/* Serves the node's admin listeners, on its loop. */
struct admin_server *admin_server_new(struct node *node);
void admin_server_free(struct admin_server *s);

/* A connection is over: free it from the loop. */
void admin_server_reap_soon(struct admin_server *s);

#endif
