/* Input: what a client sends, cut into lines. */
#ifndef WORKER_GATEWAY_INPUT_H
#define WORKER_GATEWAY_INPUT_H

#include "worker/gateway/session.h"

/* What a go has brought. */
enum input {
	INPUT_NONE,
	INPUT_SOME, /* all there was at that time */
	INPUT_MORE  /* more than fits into one go */
};

/* One go: lines that were kept, else one read. */
enum input input_read(struct session *s);

/* What is kept of it is dropped. */
void input_drop(struct session *s);

/* Lines that have been begun too long ago end their connections. */
void input_check_time(struct gateway *g, uint64_t now);

#endif
