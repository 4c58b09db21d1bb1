/* The blocks that wait for a taker. Under a sanitizer none do: it shall see every use of
 * what was given back. */
#include "common/pool.h"

#include <stdlib.h>
#include <string.h>

#define STEP 64                /* bytes between two sizes */
#define SIZES 16               /* larger blocks are malloc()'s affair */
#define KEPT_MOST (1u << 20)   /* bytes that wait, of each size */

struct block {
	struct block *next;
};

#ifdef STAGE_SANITIZED
static const size_t kept_most = 0;
#else
static const size_t kept_most = KEPT_MOST;
#endif

static struct {
	struct block *first;
	size_t bytes;
} kept[SIZES];

static size_t class_of(size_t size)
{
	return size ? (size - 1) / STEP : 0;
}

void *pool_take(size_t size)
{
	size_t class = class_of(size);
	struct block *block;

	if (class >= SIZES)
		return malloc(size);
	block = kept[class].first;
	if (block == NULL)
		return malloc((class + 1) * STEP);
	kept[class].first = block->next;
	kept[class].bytes -= (class + 1) * STEP;
	return block;
}

void *pool_new(size_t size)
{
	void *block = pool_take(size);

	if (block == NULL)
		abort();
	return memset(block, 0, size);
}

void pool_give(void *take_block, size_t size)
{
	size_t class = class_of(size);
	struct block *block = take_block;

	if (block == NULL)
		return;
	if (class >= SIZES || kept[class].bytes >= kept_most) {
		free(block);
		return;
	}
	block->next = kept[class].first;
	kept[class].first = block;
	kept[class].bytes += (class + 1) * STEP;
}

void pool_clear(void)
{
	for (size_t class = 0; class < SIZES; class++) {
		while (kept[class].first) {
			struct block *next = kept[class].first->next;

			free(kept[class].first);
			kept[class].first = next;
		}
		kept[class].bytes = 0;
	}
}
