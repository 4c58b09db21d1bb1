/* What this worker must not run: messages and actors that have killed workers before, as
 * the supervisor tells it (proto/control.h). */
#ifndef WORKER_ACTOR_QUARANTINE_H
#define WORKER_ACTOR_QUARANTINE_H

#include "common/hash.h"
#include "common/map.h"
#include "proto/control.h"
#include "proto/ipc.h"

/* Zeroed memory holds nothing back. */
struct quarantine {
	struct map held; /* address -> what of it */
};

void quarantine_fini(struct quarantine *q);

void quarantine_change(struct quarantine *q, const struct control_quarantine *m);

enum quarantine_hold { QUARANTINE_FREE, QUARANTINE_MESSAGE, QUARANTINE_ACTOR };

enum quarantine_hold quarantine_check(const struct quarantine *q, const struct hash_key *key,
                                      const struct ipc_request *request);

/* What a message is known by beside its address (proto/scoreboard.h). */
uint64_t quarantine_fingerprint(const struct hash_key *key, struct bytes method, struct bytes arguments);

#endif
