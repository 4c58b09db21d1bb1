/* Frames of actor workers, and how they become lines. */
#ifndef WORKER_GATEWAY_REPLY_H
#define WORKER_GATEWAY_REPLY_H

#include "common/link.h"
#include "worker/gateway/pending.h"

/* A link's on_frame. */
void reply_frame(struct link *link, struct bytes body);

/* Ends a request without its worker: for the deadline, a crash. */
void reply_failed(struct pending *take_pending, enum error_code code);

#endif
