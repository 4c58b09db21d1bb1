/* What a child is told: the greeting of a new process, and every later change of the
 * shard map and of its links. */
#ifndef SUPERVISOR_HANDSHAKE_H
#define SUPERVISOR_HANDSHAKE_H

#include "supervisor/node.h"

/* HELLO, classes, shards, identity, listener, and a link to each living peer, one end each. */
void handshake_greet(struct node *n, struct child *c);

/* Gateways accept nobody and tell who is there; not: they accept again. */
void handshake_retire(struct node *n, bool on);

/* The shard map to every child that has to do with shards, the store first: whoever still writes in an old epoch
 * is refused before anybody routes to the new owner. */
void handshake_shards(struct node *n);

#endif
