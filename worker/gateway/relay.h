/* Relaying: what an actor asks of an actor of another worker, routed like a client's. */
#ifndef WORKER_GATEWAY_RELAY_H
#define WORKER_GATEWAY_RELAY_H

#include "worker/gateway/pending.h"

bool relay_request(struct worker_link *from, struct bytes body);
bool relay_unwatch(struct worker_link *from, struct bytes body);

/* Hands the answer back under the asker's rid; to nobody where it has died since. */
void relay_answer(struct pending *p, const struct ipc_reply *reply);

#endif
