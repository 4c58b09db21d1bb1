/* Owns the admin command `inspect`: everything the owner of an actor knows about it. */
#include <stdio.h>

#include "common/hash.h"
#include "proto/address.h"
#include "proto/msgpack.h"
#include "supervisor/admin_dispatch.h"
#include "supervisor/cluster/cluster.h"

static const struct admin_column columns[] = {
	{ "address", 0 }, { "class", 0 }, { "node", 0 },    { "worker", 0 },     { "shard", 0 },
	{ "epoch", 0 },   { "version", 0 }, { "state", 0 }, { "properties", 0 }, { "mailbox", 0 },
	{ "watchers", 0 }, { "last_errors", 0 }, { NULL, 0 },
};

static void write_facts(struct admin_run *run, struct bytes child_row, uint32_t worker)
{
	struct buffer *row;
	uint32_t count = 0;

	while (columns[count].key != NULL)
		count++;
	row = admin_table_row(&run->table, count);
	for (const struct admin_column *c = columns; c->key != NULL; c++) {
		if (strcmp(c->key, "address") == 0) {
			msgpack_write_str(row, BYTES_LITERAL("address"));
			msgpack_write_str(row, run->command.arguments[0]);
		} else if (strcmp(c->key, "node") == 0) {
			admin_pair_text(row, "node", run->node->config.node.name);
		} else if (strcmp(c->key, "worker") == 0) {
			admin_pair_uint(row, "worker", worker);
		} else {
			admin_pair_value(row, c->key, admin_row_get(child_row, c->key));
		}
	}
}

/* A worker's refusal reads `CODE` or `CODE text`. */
static void refuse(struct admin_run *run, struct bytes error)
{
	char text[400];
	int n = error.len < ADDRESS_MAX ? (int)error.len : ADDRESS_MAX;

	snprintf(text, sizeof(text), "%.*s: %.*s", (int)run->command.arguments[0].len,
	         run->command.arguments[0].data, n, error.data);
	admin_run_fail(run, ADMIN_NEGATIVE, "no-actor", text);
}

static void on_answer(struct query *q)
{
	struct admin_run *run = q->owner;
	const struct query_answer *a = &q->answers[0];

	run->query = NULL;
	if (q->partial) {
		admin_run_fail(run, ADMIN_TEMPORARY, "partial", "the worker that owns this actor does not answer");
	} else if (buffer_length(&a->error) > 0) {
		refuse(run, buffer_bytes(&a->error));
	} else if (a->count == 0) {
		refuse(run, BYTES_LITERAL("no actor that has been used has this address"));
	} else {
		write_facts(run, buffer_bytes(&a->rows), a->index);
		admin_run_page(run);
		admin_run_ok(run, NULL);
	}
}

/* Another node owns it, or is about to: only there is more to be known. */
static bool is_elsewhere(struct admin_run *run, uint32_t shard)
{
	struct cluster_facts facts;
	const struct machine_member *owner;
	char text[400];

	if (!cluster_facts(run->node, &facts) || shard >= facts.machine->shard_count)
		return false;
	owner = machine_member(facts.machine, machine_owner(facts.machine, shard));
	if (owner == NULL || owner->id == facts.self)
		return false;
	snprintf(text, sizeof(text), "%.*s: its owner is %s (%s), ask there", (int)run->command.arguments[0].len,
	         run->command.arguments[0].data, owner->name, owner->address);
	admin_run_fail(run, ADMIN_NEGATIVE, "elsewhere", text);
	return true;
}

void admin_inspect(struct admin_run *run)
{
	struct bytes address = run->command.arguments[0];
	struct node *n = run->node;
	struct child *owner;
	uint32_t shard;

	if (!address_valid(address)) {
		admin_run_fail(run, ADMIN_USAGE, "bad-arg", "this is no actor's address");
		return;
	}
	shard = (uint32_t)(hash_bytes(&n->hash, address) % n->shards.count);
	if (is_elsewhere(run, shard))
		return;
	owner = node_child(n, CONTROL_ACTOR, n->shards.shards[shard].worker);
	if (owner == NULL || !child_reachable(owner)) {
		admin_run_fail(run, ADMIN_TEMPORARY, "partial", "the worker that owns this actor is being restarted");
		return;
	}
	admin_table_init(&run->table, columns);
	admin_ask_one(run, owner, "inspect", address, on_answer);
}
