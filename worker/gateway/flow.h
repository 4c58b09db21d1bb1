/* What flows to a client: its output, how much of it may wait, and for how long. */
#ifndef WORKER_GATEWAY_FLOW_H
#define WORKER_GATEWAY_FLOW_H

#include "worker/gateway/session.h"
#include "worker/gateway/transfer.h"

/* Hands the kernel what it takes; a muted session ends once all is written. */
void flow_flush(struct session *s);

/* The same for many at once, count <= TRANSFER_MOST. */
void flow_flush_many(struct session *const *sessions, unsigned count);

/* For who transfers it himself. False: there is nothing to send, or it cannot be sent now. */
bool flow_offer(struct session *s, struct transfer *t);
/* So it went. flow_flush() has to follow. */
void flow_took(struct session *s, ssize_t result);

/* What waits to be written is dropped, and its memory given back. */
void flow_drop(struct session *s);

/* It has something to write, or to consider, when the loop prepares. */
void flow_mark(struct session *s);

/* It is sent what waits, and nothing more; then it ends. */
void flow_mute(struct session *s);

/* It has been told farewell: what it sends is read, and dropped. */
void flow_discard(struct session *s);

/* Where the output of all is over its bound, those who hold most of it end. */
void flow_make_room(void);

void flow_set_stalled(struct session *s, bool on);

/* Time limits: stall and idle. */
void flow_check_time(struct gateway *g, uint64_t now);

#endif
