/* Routing: from an address to the link of the worker or node that owns its shard, or to a
 * queue until there is one.
 *
 * Requests for one actor reach it in the order they came. A shard that moves keeps this
 * promise: while requests routed by its former epoch are unanswered (the former owner may
 * yet hand them back with ERROR_MOVED), those that come after them wait. */
#ifndef WORKER_GATEWAY_ROUTE_H
#define WORKER_GATEWAY_ROUTE_H

#include "worker/gateway/gateway.h"
#include "worker/gateway/pending.h"

uint32_t route_shard(struct bytes address);

/* Sends it to the owner of its shard, behind what waits for it. */
void route_send(struct pending *p);
/* Before what waits: a watch is taken up before anything can change its actor. */
void route_send_first(struct pending *p);

/* Out of whatever list it is in. */
void route_take_out(struct pending *p);

/* The owner answered that it is not: again, with the present map or the next one. */
void route_again(struct pending *p);

/* Its answer came too early to be passed on: again in a while. */
void route_later(struct pending *p);

/* A worker's answer to IPC_FENCE. */
bool route_fenced(struct peer *peer, struct bytes body);

/* Its worker is gone: it waits for the successor, or goes to who owns its shard by now. */
void route_rescue(struct pending *p);

/* Tells that peer that nothing at this address is to be heard from it any more. */
void route_stop(const struct peer *peer, struct bytes address);
/* Tells the owner that this gateway's last watch of an address has ended. */
void route_unwatch(struct bytes address, uint32_t shard);

/* A worker is there: what is held for it is sent. */
void route_send_held(struct peer *peer);

/* Says on a link that what follows on it is routed by the present map or a later one. */
void route_mark(struct link *link);

/* The shard map has changed. */
void route_map_changed(void);

/* Sends what no longer has to wait; before the loop sleeps. */
void route_settle(void);

/* Its deadline is over before it was handed to anybody: it is answered, and told why. */
void route_late(struct pending *take_pending);

/* Whether so much waits for a worker or its link that actors' requests are refused. */
bool route_is_clogged(struct bytes address);

/* How many wait. */
uint64_t route_held(void);

#endif
