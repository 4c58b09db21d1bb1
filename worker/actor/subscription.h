/* What actors of this worker watch: by the watched address, whoever owns it. */
#ifndef WORKER_ACTOR_SUBSCRIPTION_H
#define WORKER_ACTOR_SUBSCRIPTION_H

#include "worker/actor/host.h"
#include "worker/actor/actor.h"

/* Begins one within a's open step: method(value, address, property) is told the present
 * value first and each change after it, until a's activation ends. */
void subscription_begin(struct worker *w, struct actor *a, struct bytes address,
                        struct bytes property, struct bytes method);

/* The answer to the WATCH that began it. */
void subscription_answer(struct worker *w, uint32_t rid, const struct host_answer *answer);

/* The step that asked for it was rolled back. */
void subscription_forget(struct worker *w, uint32_t rid);

/* An EVENT of a watched actor. Only its present carrier's count: what a former one still
 * brings is the past. */
void subscription_event(struct worker *w, uint16_t peer, const struct ipc_event *event);

/* a's activation has ended. */
void subscription_end_all(struct worker *w, struct actor *a);

/* The shard map has changed, or a shard has left: what is carried another way from now on
 * is asked for again there. */
void subscription_reroute(struct worker *w);

/* The gateway that carries watches of some addresses is new: ask again. */
void subscription_renew(struct worker *w, uint16_t peer);

#endif
