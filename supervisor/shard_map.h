/* The node's shard map: which actor worker owns a shard, in which epoch. Pure.
 *
 * A shard leaves a living owner in two steps. First it is released: nobody owns it, in
 * the epoch that was, in which the former owner may still commit what it has begun. When
 * that owner has let go (or may not go on), it is granted: to the next owner, in the
 * next epoch. From a dead owner it is taken in one step: the next epoch fences it. */
#ifndef SUPERVISOR_SHARD_MAP_H
#define SUPERVISOR_SHARD_MAP_H

#include "proto/control.h"

struct shard_map {
	uint64_t serial; /* grows with every change */
	uint32_t count, workers;
	struct control_shard *shards;
	uint16_t *next; /* who gets a released shard; CONTROL_NO_WORKER: it is not released */
};

/* Spreads count shards over the workers in runs of equal length (give or take
 * one), all in epoch `epoch` (at least 1). */
void shard_map_init(struct shard_map *m, uint32_t count, uint32_t workers, uint64_t epoch);
void shard_map_fini(struct shard_map *m);

/* The worker died: what it sends late must be refused, so its shards get a new epoch,
 * and those that it was releasing their next owner. Returns how many shards that were. */
uint32_t shard_map_bump(struct shard_map *m, uint32_t worker);

/* The worker, which has no process, stays down: its shards go to the living (one bool per
 * worker), so that these end up as even as can be. Returns how many. Without a living one
 * nothing changes. */
uint32_t shard_map_evict(struct shard_map *m, uint32_t worker, const bool *living);

/* Begins the fewest releases that make the shares of the living even, give or take one.
 * Returns how many. */
uint32_t shard_map_rebalance(struct shard_map *m, const bool *living);

/* Releases every shard of a worker; its successor in the same slot gets them. Returns how many. */
uint32_t shard_map_release(struct shard_map *m, uint32_t worker);

/* Grants a shard that the worker has let go; false where it was not releasing it. */
bool shard_map_grant(struct shard_map *m, uint32_t worker, uint32_t shard);
/* The same for all that it still releases. Returns how many. */
uint32_t shard_map_grant_all(struct shard_map *m, uint32_t worker);

/* How many shards a worker owns; how many it is releasing. */
uint32_t shard_map_owned(const struct shard_map *m, uint32_t worker);
uint32_t shard_map_leaving(const struct shard_map *m, uint32_t worker);

/* The end of the run that begins at shard `first`: same worker, same epoch. */
uint32_t shard_map_run(const struct shard_map *m, uint32_t first);

#endif
