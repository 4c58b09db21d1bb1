/* The node's shard map: which of its actor workers, or which other node, owns a shard, in
 * which epoch. Pure.
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
	uint32_t base; /* lower half of the first epoch of a shard that comes to this node */
	struct control_shard *shards;
	uint16_t *next; /* who gets a released shard; CONTROL_NO_WORKER: it is not released;
	                 * SHARD_MAP_AWAY: it leaves this node */
};

#define SHARD_MAP_AWAY 0xfffe

/* Spreads count shards over the workers in runs of equal length (give or take
 * one), all in epoch `epoch` (at least 1). */
void shard_map_init(struct shard_map *m, uint32_t count, uint32_t workers, uint64_t epoch);
/* The same with shards that are nobody's until the cluster says more. */
void shard_map_init_free(struct shard_map *m, uint32_t count, uint32_t workers, uint32_t base);
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

/* The shard is in `epoch`, and goes above another one that is not below it. False where it is in
 * another epoch by now. */
bool shard_map_raise(struct shard_map *m, uint32_t shard, uint64_t epoch, uint64_t above);

/* --- between nodes; each tells whether, or how often, the map has changed --- */

/* Another node owns the shard, in an epoch with this upper half. */
bool shard_map_abroad(struct shard_map *m, uint32_t shard, uint32_t node_slot, uint32_t cluster);
/* This node owns these shards, in epochs with these upper halves: those that nobody here
 * has go to the living workers with the smallest shares; one that a worker has in an epoch
 * with another upper half stays with it and is fenced. */
uint32_t shard_map_take(struct shard_map *m, const uint32_t *shards, const uint32_t *clusters, uint32_t count,
                        const bool *living);
/* Begins the release of a shard that leaves this node: when its worker has let go (or is
 * gone) it is nobody's. One that is on its way between workers goes away instead. */
bool shard_map_leave(struct shard_map *m, uint32_t shard);
/* It is on its way out of this node. */
bool shard_map_leaves_node(const struct shard_map *m, uint32_t shard);
/* Nobody's, at once and in a new epoch: who had it here is fenced. */
bool shard_map_revoke(struct shard_map *m, uint32_t shard);
/* No worker here has it or is letting it go, and no other node owns it. */
bool shard_map_is_free(const struct shard_map *m, uint32_t shard);

/* How many shards a worker owns; how many it is releasing. */
uint32_t shard_map_owned(const struct shard_map *m, uint32_t worker);
uint32_t shard_map_leaving(const struct shard_map *m, uint32_t worker);

/* The end of the run that begins at shard `first`: same worker, same epoch. */
uint32_t shard_map_run(const struct shard_map *m, uint32_t first);

#endif
