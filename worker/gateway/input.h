/* Input: what a client sends, cut into lines. */
#ifndef WORKER_GATEWAY_INPUT_H
#define WORKER_GATEWAY_INPUT_H

#include "worker/gateway/session.h"
#include "worker/gateway/transfer.h"

/* One go: lines that were kept, else what was read ahead, else one read. True: there was more
 * than fits into it. */
bool input_read(struct session *s);

/* For who reads ahead: into room, of GATEWAY_READ bytes. False: it is not to be read now. */
bool input_offer(struct session *s, char *room, struct transfer *t);
/* So it went: what has come stays in that room until input_read() or input_keep(). */
void input_came(struct session *s, const struct transfer *t);
/* What was read ahead, and not looked at, is moved to where it stays. */
void input_keep(struct session *s);

/* What is kept of it is dropped. */
void input_drop(struct session *s);

/* Lines that have been begun too long ago end their connections. */
void input_check_time(struct gateway *g, uint64_t now);

#endif
