/* Answers that are kept: while the owner of a watched actor is being asked what its watchers
 * have missed, they hear of no change. An answer that is ahead of what they hold waits until
 * they do, so that whoever watches an actor sees its own effect first (subject.h). */
#ifndef WORKER_GATEWAY_KEPT_H
#define WORKER_GATEWAY_KEPT_H

#include "worker/gateway/pending.h"

/* Its owner has answered. True: that is kept, and passed on later; at the deadline of the
 * request it is a `timeout`. */
bool kept_takes(struct pending *p, const struct ipc_reply *reply);

/* Passes on what need not wait any more: the watch was taken up, or somebody watches no more. */
void kept_release(struct subject *s);

#endif
