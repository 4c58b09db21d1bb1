/* The links to actor workers: made, lost, made again. */
#ifndef WORKER_GATEWAY_WORKER_LINK_H
#define WORKER_GATEWAY_WORKER_LINK_H

#include "worker/gateway/gateway.h"

void worker_link_init(struct worker_link *worker, uint32_t index);
void worker_link_fini(struct worker_link *worker);

/* A link to a worker that has started: watches are taken up, what was held is sent. What
 * its predecessor has said is read to the end first. */
void worker_link_connect(struct worker_link *worker, uint32_t incarnation, int take_fd);

/* It ends in good order (IPC_BYE): what it has not looked at has not been executed. */
bool worker_link_bye(struct worker_link *worker, struct bytes body);

/* Hands over what was written after the links had their turn; the last thing before the
 * loop sleeps. True: it must not sleep yet. */
bool worker_link_flush_all(void);

#endif
