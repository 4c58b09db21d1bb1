/* Owns the admin command `members` and the check `quorum`: the cluster as this node knows it. */
#include <stdio.h>

#include "proto/msgpack.h"
#include "supervisor/admin_dispatch.h"
#include "supervisor/cluster/cluster.h"

static const struct admin_column columns[] = {
	{ "name", 0 }, { "id", 0 }, { "address", 0 }, { "role", 0 }, { "state", 0 }, { "shards", 0 }, { NULL, 0 },
};

static void write_id(struct buffer *row, uint64_t id)
{
	char text[20];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)id);
	admin_pair_text(row, "id", text);
}

static void write_member(struct admin_run *run, const struct cluster_facts *facts, const struct machine_member *m)
{
	struct buffer *row = admin_table_row(&run->table, 8);

	admin_pair_text(row, "name", m->name);
	write_id(row, m->id);
	admin_pair_text(row, "address", m->address);
	admin_pair_text(row, "role", cluster_role(run->node, m->id));
	admin_pair_text(row, "state", machine_state_name(m->state));
	admin_pair_uint(row, "shards", machine_shares(facts->machine, m->id));
	admin_pair_uint(row, "weight", m->weight);
	msgpack_write_str(row, BYTES_LITERAL("self"));
	msgpack_write_bool(row, m->id == facts->self);
}

/* A node that is in no cluster is alone, and as good as one. */
static void write_alone(struct admin_run *run)
{
	struct buffer *row = admin_table_row(&run->table, 8);

	admin_pair_text(row, "name", run->node->config.node.name);
	write_id(row, run->node->identity.node);
	admin_pair_text(row, "address", "");
	admin_pair_text(row, "role", "alone");
	admin_pair_text(row, "state", "up");
	admin_pair_uint(row, "shards", run->node->shards.count);
	admin_pair_uint(row, "weight", 1);
	msgpack_write_str(row, BYTES_LITERAL("self"));
	msgpack_write_bool(row, true);
}

void admin_members(struct admin_run *run)
{
	struct cluster_facts facts;

	admin_table_init(&run->table, columns);
	if (!cluster_facts(run->node, &facts))
		write_alone(run);
	else
		for (uint32_t i = 0; i < facts.machine->member_count; i++)
			write_member(run, &facts, &facts.machine->members[i]);
	admin_run_table(run);
	admin_run_ok(run, NULL);
}

void admin_check_quorum(struct admin_run *run)
{
	struct cluster_facts facts;

	if (!cluster_facts(run->node, &facts) || facts.quorum)
		admin_run_ok(run, NULL);
	else
		admin_run_fail(run, ADMIN_TEMPORARY, "no-quorum",
		               facts.note != NULL ? facts.note : "the cluster decides nothing at present, as seen from this node");
}
