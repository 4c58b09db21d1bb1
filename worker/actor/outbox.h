/* What leaves an actor: frames to gateways and to this worker itself. Nothing leaves
 * before it is safe: while an actor has a commit under way its frames wait in that
 * batch, in order, and go out or turn into errors with it. */
#ifndef WORKER_ACTOR_OUTBOX_H
#define WORKER_ACTOR_OUTBOX_H

#include "proto/ipc.h"
#include "worker/actor/actor.h"

struct worker;

/* A reply to m, with what has changed since; marks it answered. Does nothing where
 * nobody waits for one or it was answered before. */
void outbox_reply(struct worker *w, struct actor *a, struct message *m, const struct ipc_reply *reply);

/* ERROR_* with {"key": text} or no details where key is NULL. */
void outbox_fail(struct worker *w, struct actor *a, struct message *m, enum error_code code,
                 const char *key, struct bytes text);

/* The same, at once, whatever the actor's commits: nothing of the request ran. */
void outbox_refuse(struct worker *w, struct message *m, enum error_code code, const char *key,
                   struct bytes text);

/* An event to every gateway that watches a, and to this worker's own watchers. */
void outbox_event(struct worker *w, struct actor *a, const struct ipc_event *event);
/* To the same: what they were told may not be true any more, they are to ask again. */
void outbox_doubt(struct worker *w, struct actor *a);

/* A request of actor a to another (or a tell, or a watch), towards whoever owns it;
 * written into `into`, which goes out with the step. */
void outbox_request(struct worker *w, const struct actor *a, const struct ipc_request *request,
                    struct buffer *into);

/* A step's requests have become safe to send, or wait for its batch. */
void outbox_take(struct worker *w, struct actor *a, struct buffer *requests);

/* A settled batch's frames: sent, or (code) each reply among them answered with the code and
 * the others dropped. Who would have heard the actor's end is forgotten as a watcher by now,
 * and asks again. */
void outbox_release(struct worker *w, struct buffer *frames);
void outbox_revoke(struct worker *w, struct buffer *frames, enum error_code code, struct bytes text);

/* Sends one frame body to a peer now. A peer that is away gets nothing: what it had
 * asked died with it. */
void outbox_send(struct worker *w, uint16_t peer, struct bytes body);

#endif
