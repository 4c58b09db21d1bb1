/* Frames of actor workers, and how they become lines. */
#ifndef WORKER_GATEWAY_REPLY_H
#define WORKER_GATEWAY_REPLY_H

#include "common/link.h"
#include "worker/gateway/pending.h"

/* A link's on_frame. */
void reply_frame(struct link *link, struct bytes body);

/* Its answer was kept (kept.h), and is passed on. */
void reply_kept(struct pending *take_pending);

/* Gives a request up: what its owner has not got yet ends here; what it has is given up
 * there, and its own answer says how. */
void reply_cancel(struct pending *p);

/* Ends a request without its owner: for the deadline, a crash. */
void reply_failed(struct pending *take_pending, enum error_code code);
/* The same where the node that owns its actor is away: the answer names it. */
void reply_unreachable(struct pending *take_pending, const struct peer *node);

#endif
