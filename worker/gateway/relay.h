/* Relaying: what an actor asks of an actor of another worker, and what gateways of other
 * nodes ask of this one, routed like a client's. */
#ifndef WORKER_GATEWAY_RELAY_H
#define WORKER_GATEWAY_RELAY_H

#include "worker/gateway/pending.h"

bool relay_request(struct peer *from, struct bytes body);
/* The same from another node. Its map may be older than this gateway's, then it hears so
 * (ERROR_MOVED); where it is newer the request waits for this one's. */
bool relay_ask(struct peer *from, struct bytes body);
bool relay_cancel(struct peer *from, struct bytes body);
/* A message without an answer is dropped. Nobody hears of that but, now and then, the log. */
void relay_drop(struct pending *take_pending, const char *why);

/* The asker is gone: what it asked and nobody has been sent yet is not sent any more, and
 * nobody waits for the rest. */
void relay_forget(struct peer *asker);

/* Other nodes wait for answers. */
bool relay_serves_nodes(void);
/* What they asked and nobody has been sent yet is handed back. */
void relay_return_waiting(void);

/* It asks to hear when what its actors have sent to shards that are its own has gone on. */
bool relay_sync(struct peer *from, struct bytes body);
/* Answers those for whom that is so; before the loop sleeps. */
void relay_answer_syncs(void);

bool relay_unwatch(struct peer *from, struct bytes body);

/* Hands the answer back under the asker's rid; to nobody where it has died since. */
void relay_answer(struct pending *p, const struct ipc_reply *reply);

#endif
