/* Owns the admin command `shards`: who owns which shard in which epoch. */
#include <stdio.h>

#include "supervisor/admin_dispatch.h"
#include "supervisor/cluster/cluster.h"

static const struct admin_column columns[] = {
	{ "shard", 0 }, { "node", 0 }, { "worker", 0 }, { "epoch", 0 }, { NULL, 0 },
};

/* The node, and the worker where it is one of this node. On its way from one owner to
 * another a shard has no worker. */
static void write_owner(const struct node *n, const struct control_shard *s, uint32_t shard, struct buffer *row)
{
	const struct machine_member *owner = NULL;
	struct cluster_facts facts;

	if (cluster_facts(n, &facts) && shard < facts.machine->shard_count)
		owner = machine_member(facts.machine, machine_owner(facts.machine, shard));
	admin_pair_text(row, "node", owner != NULL ? owner->name : n->cluster == NULL ? n->config.node.name : "");
	if (s->worker < CONTROL_WORKERS_MAX)
		admin_pair_uint(row, "worker", s->worker);
	else
		admin_pair_value(row, "worker", (struct bytes){ 0 });
}

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
		write_owner(run->node, &m->shards[first], first, row);
		admin_pair_uint(row, "epoch", m->shards[first].epoch);
	}
	admin_run_table(run);
	admin_run_ok(run, NULL);
}
