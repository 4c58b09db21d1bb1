/* Blocks of memory that are taken and given back many times a millisecond: kept by their
 * size for the next taker, without asking malloc() again. For one thread. */
#ifndef COMMON_POOL_H
#define COMMON_POOL_H

#include <stddef.h>

/* Uninitialised; NULL where there is no memory. free() and realloc() may take it as well. */
void *pool_take(size_t size);

/* Zeroed; out of memory aborts, as memory_new(). */
void *pool_new(size_t size);

/* size as it was taken. NULL is fine. */
void pool_give(void *take_block, size_t size);

/* Gives everything that is kept back. */
void pool_clear(void);

#endif
