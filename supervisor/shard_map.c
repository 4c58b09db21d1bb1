/* Owns the assignment of shards to actor workers and the epochs that fence them. */
#include "supervisor/shard_map.h"

#include <assert.h>
#include <stdlib.h>

#include "common/memory.h"

void shard_map_init(struct shard_map *m, uint32_t count, uint32_t workers, uint32_t epoch)
{
	assert(count > 0 && count <= CONTROL_SHARDS_MAX);
	assert(workers > 0 && workers < CONTROL_NO_WORKER && epoch > 0);
	m->serial = 1;
	m->count = count;
	m->workers = workers;
	m->shards = memory_new(count * sizeof(*m->shards));
	for (uint32_t i = 0; i < count; i++) {
		m->shards[i].worker = (uint16_t)((uint64_t)i * workers / count);
		m->shards[i].epoch = epoch;
	}
}

void shard_map_fini(struct shard_map *m)
{
	free(m->shards);
	*m = (struct shard_map){ 0 };
}

uint32_t shard_map_bump(struct shard_map *m, uint32_t worker)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		if (m->shards[i].worker != worker)
			continue;
		m->shards[i].epoch++;
		n++;
	}
	if (n > 0)
		m->serial++;
	return n;
}

uint32_t shard_map_owned(const struct shard_map *m, uint32_t worker)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++)
		n += m->shards[i].worker == worker;
	return n;
}

uint32_t shard_map_run(const struct shard_map *m, uint32_t first)
{
	uint32_t i = first;

	while (i < m->count && m->shards[i].worker == m->shards[first].worker &&
	       m->shards[i].epoch == m->shards[first].epoch)
		i++;
	return i;
}
