/* Routing: from an address to the link of the worker that owns its shard, or to a queue
 * until there is one. */
#ifndef WORKER_GATEWAY_ROUTE_H
#define WORKER_GATEWAY_ROUTE_H

#include "worker/gateway/gateway.h"
#include "worker/gateway/pending.h"

uint32_t route_shard(struct bytes address);

/* Sends it to the owner of its shard, behind what is held for it: one connection's requests
 * to one actor keep their order. A PENDING_TELL that was sent is freed. */
void route_send(struct pending *p);
/* Before what is held: a watch is taken up before anything can change its actor. */
void route_send_first(struct pending *p);

/* Out of whatever list it is in. */
void route_take_out(struct pending *p);

/* The owner answered that it is not: again, with the present map or the next one. */
void route_again(struct pending *p);

/* Tells the owner that this gateway's last watch of an address has ended. */
void route_unwatch(struct bytes address, uint32_t shard);

/* A new link to a worker: watches are taken up, what was held is sent. */
void route_connect(uint32_t worker, uint32_t incarnation, int take_fd);

/* The shard map has changed. */
void route_map_changed(void);

/* Requests that no answer has come for: held ones, and those sent. */
uint64_t route_held(void);

#endif
