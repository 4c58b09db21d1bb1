/* A hash table from bytes to pointers; values are the caller's, keys are copied unless it lends them. */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <stdint.h>

#include "common/bytes.h"

struct map_slot;

/* Zeroed memory is an empty map. */
struct map {
	struct map_slot *slots;
	size_t capacity;
	size_t count;
	size_t used; /* count and the graves that removal leaves */
	bool borrows; /* set before the first use: keys are the caller's, who keeps them while they are in */
};

/* Frees keys and table, not the values. */
void map_fini(struct map *m);

/* NULL where absent. */
void *map_get(const struct map *m, struct bytes key);

/* Sets or replaces; returns the former value or NULL. value is not NULL. */
void *map_put(struct map *m, struct bytes key, void *value);

/* Returns the value that was there or NULL. */
void *map_remove(struct map *m, struct bytes key);

/* For who looks up several keys, by their hash_local(), and would not wait for memory at each:
 * fetches where a key with that hash is … */
void map_prefetch(const struct map *m, uint64_t hash);
/* … and then: the value it most likely has, or NULL. Keys are not compared. */
void *map_guess(const struct map *m, uint64_t hash);

/* Iteration: at = 0 to begin; false at the end. Removing the entry just returned
 * is allowed; adding is not. ret_key may be NULL. */
bool map_next(const struct map *m, size_t *at, struct bytes *ret_key, void **ret_value);

#endif
