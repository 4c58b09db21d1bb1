/* The node's shard map: which actor worker owns a shard, in which epoch. Pure. */
#ifndef SUPERVISOR_SHARD_MAP_H
#define SUPERVISOR_SHARD_MAP_H

#include "proto/control.h"

struct shard_map {
	uint64_t serial; /* grows with every change */
	uint32_t count, workers;
	struct control_shard *shards;
};

/* Spreads count shards over the workers in runs of equal length (give or take
 * one), all in epoch `epoch` (at least 1). */
void shard_map_init(struct shard_map *m, uint32_t count, uint32_t workers, uint32_t epoch);
void shard_map_fini(struct shard_map *m);

/* The worker died: what it sends late must be refused, so its shards get a new
 * epoch. Returns how many shards that were. */
uint32_t shard_map_bump(struct shard_map *m, uint32_t worker);

/* How many shards a worker owns. */
uint32_t shard_map_owned(const struct shard_map *m, uint32_t worker);

/* The end of the run that begins at shard `first`: same worker, same epoch. */
uint32_t shard_map_run(const struct shard_map *m, uint32_t first);

#endif
