/* Relaying: what an actor asks of an actor of another worker, routed like a client's. */
#ifndef WORKER_GATEWAY_RELAY_H
#define WORKER_GATEWAY_RELAY_H

#include "worker/gateway/pending.h"

bool relay_request(struct worker_link *from, struct bytes body);
/* It asks to hear when all that its actors have sent has gone on. */
bool relay_sync(struct worker_link *from, struct bytes body);
/* Answers those for whom that is so; before the loop sleeps. */
void relay_answer_syncs(void);

bool relay_unwatch(struct worker_link *from, struct bytes body);

/* Hands the answer back under the asker's rid; to nobody where it has died since. */
void relay_answer(struct pending *p, const struct ipc_reply *reply);

#endif
