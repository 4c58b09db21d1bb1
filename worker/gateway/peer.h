/* The links to actor workers and other nodes: made, lost, made again. */
#ifndef WORKER_GATEWAY_PEER_H
#define WORKER_GATEWAY_PEER_H

#include "proto/control_cluster.h"
#include "worker/gateway/gateway.h"

/* All are unused afterwards but the actor workers. */
void peer_init_all(uint32_t workers);
void peer_fini_all(void);

/* A link to a worker or node that has (re)started: watches are taken up, what was held is
 * sent. What its predecessor has said is read to the end first. */
void peer_connect(struct peer *peer, uint32_t incarnation, int take_fd);

/* A gateway of another node asks here from now on. */
void peer_ask(uint32_t incarnation, int take_fd);

/* Another node has come, gone, or is declared down or up. */
void peer_node(const struct control_node *m);

/* It ends in good order (IPC_BYE): what it has not looked at has not been executed, and
 * nothing more is sent there. It may still answer the rest. */
bool peer_bye(struct peer *peer, struct bytes body);

/* It has no link, or one that takes nothing any more. */
bool peer_is_away(const struct peer *peer);

/* Hands over what was written after the links had their turn; the last thing before the
 * loop sleeps. True: it must not sleep yet. */
bool peer_flush_all(void);

/* The owner of that number in the shard map; NULL: there is none at present. */
struct peer *peer_owner(uint32_t owner);

/* Its bit among those that watch through this gateway (subject.h). */
uint32_t peer_bit(const struct peer *peer);

#endif
