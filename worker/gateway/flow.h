/* What flows to a client: its output, how much of it may wait, and for how long. */
#ifndef WORKER_GATEWAY_FLOW_H
#define WORKER_GATEWAY_FLOW_H

#include "worker/gateway/session.h"

/* Hands the kernel what it takes; a muted session ends once all is written. */
void flow_flush(struct session *s);

/* It has something to write, or to consider, when the loop prepares. */
void flow_mark(struct session *s);

/* It is sent what waits, and nothing more; then it ends. */
void flow_mute(struct session *s);

/* It has been told farewell: what it sends is read, and dropped. */
void flow_discard(struct session *s);

/* Where the output of all is over its bound, those who hold most of it end. */
void flow_make_room(void);

void flow_set_stalled(struct session *s, bool on);

#endif
