/* Shards that come to this worker while it runs. What its actors had sent there before went
 * by gateways, and may be on its way back still: until every gateway says that it has passed
 * on what came for them before (IPC_SYNC), what is sent there directly waits, or it would overtake. */
#ifndef WORKER_ACTOR_ACQUIRE_H
#define WORKER_ACTOR_ACQUIRE_H

#include "worker/actor/worker.h"

/* w->shards is another map than `former` (borrowed), of this serial. */
void acquire_map(struct worker *w, const struct control_shard *former, uint64_t serial);

/* Whether a frame to this shard waits; then acquire_keep() takes its body. */
static inline bool acquire_holds(const struct worker *w, uint32_t shard)
{
	return w->acquire.open && w->acquire.fresh[shard];
}

void acquire_keep(struct worker *w, struct bytes body);

/* A gateway's answer to IPC_SYNC. */
void acquire_synced(struct worker *w, uint16_t peer, uint64_t serial);

/* A gateway's link has ended, or has been replaced by one that carries nothing yet. */
void acquire_peer_changed(struct worker *w, uint16_t peer);

void acquire_fini(struct worker *w);

#endif
