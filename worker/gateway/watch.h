/* Watches of sessions: begun, told, caught up, taken up at new owners, ended. */
#ifndef WORKER_GATEWAY_WATCH_H
#define WORKER_GATEWAY_WATCH_H

#include "worker/gateway/pending.h"

/* The verb: asks the actor for the snapshot; the watch is live from its answer on. */
void watch_request(struct session *s, const struct client_request *q);

/* The answer to a client's watch request: sent, and the watch is live. */
void watch_answered(struct pending *p, const struct ipc_reply *reply);

/* The request failed or its session is gone: the watch never was. */
void watch_abandon(struct watch *take_watch);

/* An EVENT frame, to sessions and to the actor workers and nodes that watch through here.
 * From whoever is not the owner by now it counts only where it is the next state of the same
 * numbering: a former owner's last word may come seconds late. */
void watch_event(const struct peer *from, const struct ipc_event *event, struct bytes body);

/* Ends one; nothing of it is sent from now on. */
void watch_end(struct watch *take_watch);
void watch_end_all(struct session *s);

/* The session reads again: its watches that are behind are sent what they are owed. */
void watch_catch_up(struct session *s);
/* Before an answer that shows the effects on an actor: what the session's own watches on it
 * are owed goes first, min= and slowness or not. */
void watch_flush_before_reply(struct session *s, struct bytes address);

/* A worker or the shard map is new: owners that have not been asked yet are asked what
 * changed since. */
void watch_take_up(void);
/* The answer to that. False: the owner could not say, ask it again. */
bool watch_taken_up(struct pending *p, const struct ipc_reply *reply);
/* Asks again in a while; the request goes where nobody needs it any more. */
void watch_ask_later(struct pending *take_pending);

/* The peer watches nothing through here any more. */
void watch_forget_relays(const struct peer *peer);

/* The link to a node is lost: what it owns is taken up again as soon as it is back. */
void watch_lost(uint32_t owner);

/* The subject of an address, made if need be; released when nobody uses it any more. */
struct subject *watch_subject(struct bytes address);
struct subject *watch_find_subject(struct bytes address);
void watch_release_subject(struct subject *s);

#endif
