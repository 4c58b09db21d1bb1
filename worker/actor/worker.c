/* The worker's own small questions. */
#include "worker/actor/worker.h"

struct worker *worker_self;

uint32_t worker_shard(const struct worker *w, struct bytes address)
{
	return (uint32_t)(hash_bytes(&w->hash_key, address) % w->shard_count);
}

bool worker_owns(const struct worker *w, uint32_t shard)
{
	return shard < w->shard_count && w->shards[shard].worker == w->index;
}
