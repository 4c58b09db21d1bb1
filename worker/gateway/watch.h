/* Watches of sessions: begun, told, caught up, ended. Whose word they are told: source.h. */
#ifndef WORKER_GATEWAY_WATCH_H
#define WORKER_GATEWAY_WATCH_H

#include "worker/gateway/pending.h"

/* The verb: asks the actor for the snapshot; the watch is live from its answer on. */
void watch_request(struct session *s, const struct client_request *q);

/* The answer to a client's watch request: sent, and the watch is live. */
void watch_answered(struct pending *p, const struct ipc_reply *reply);

/* The request failed or its session is gone: the watch never was. */
void watch_abandon(struct watch *take_watch);

/* What the subject's source says: changes; all of it anew; that there is nothing any more. */
void watch_tell_changed(struct subject *s, struct version v, struct bytes changed, struct bytes removed);
void watch_tell_anew(struct subject *s, struct version v, struct bytes all);
void watch_tell_end(struct subject *s, enum error_code code);

/* Ends one; nothing of it is sent from now on. */
void watch_end(struct watch *take_watch);
void watch_end_all(struct session *s);

/* The session reads again: its watches that are behind are sent what they are owed. */
void watch_catch_up(struct session *s);
/* Before an answer that shows the effects on an actor: what the session's own watches on it
 * are owed goes first, min= and slowness or not. */
void watch_flush_before_reply(struct session *s, struct bytes address);

/* The subject of an address, made if need be; released when nobody uses it any more. */
struct subject *watch_subject(struct bytes address);
struct subject *watch_find_subject(struct bytes address);
void watch_release_subject(struct subject *s);

#endif
