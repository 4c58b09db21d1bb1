/* Owns the admin command `shards`: who owns which shard in which epoch. */
#include <stdio.h>

#include "supervisor/admin_dispatch.h"

static const struct admin_column columns[] = {
	{ "shard", 0 }, { "node", 0 }, { "worker", 0 }, { "epoch", 0 }, { NULL, 0 },
};

/* For programs a row per shard; for people one per run of shards that are alike. */
void admin_shards(struct admin_run *run)
{
	const struct shard_map *m = &run->node->shards;

	admin_table_init(&run->table, columns);
	for (uint32_t first = 0, end; first < m->count; first = end) {
		struct buffer *row = admin_table_row(&run->table, 4);
		char name[32];

		end = run->json ? first + 1 : shard_map_run(m, first);
		if (run->json) {
			admin_pair_uint(row, "shard", first);
		} else {
			snprintf(name, sizeof(name), end - first > 1 ? "%u-%u" : "%u", first, end - 1);
			admin_pair_text(row, "shard", name);
		}
		admin_pair_text(row, "node", run->node->config.node.name);
		if (m->shards[first].worker == CONTROL_NO_WORKER) /* on its way from one to another */
			admin_pair_value(row, "worker", (struct bytes){ 0 });
		else
			admin_pair_uint(row, "worker", m->shards[first].worker);
		admin_pair_uint(row, "epoch", m->shards[first].epoch);
	}
	admin_run_table(run);
	admin_run_ok(run, NULL);
}
