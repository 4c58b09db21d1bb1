/* Owns the admin commands `actors` and `sessions`: rows gathered from the children. */
#include "proto/msgpack.h"
#include "supervisor/admin_dispatch.h"

static const struct admin_column actor_columns[] = {
	{ "address", 0 }, { "class", 0 }, { "node", 0 },    { "worker", 0 },
	{ "version", 0 }, { "state", 0 }, { "mailbox", 0 }, { "watchers", 0 }, { NULL, 0 },
};

static const struct admin_column session_columns[] = {
	{ "id", 0 },       { "peer", 0 },    { "client", 0 }, { "since", ADMIN_CELL_TIME },
	{ "inflight", 0 }, { "watches", 0 }, { "gateway", 0 }, { NULL, 0 },
};

/* A child's row and what the supervisor knows: whose child it is. */
static void add_row(struct admin_run *run, struct bytes child_row, const char *place, uint32_t index)
{
	const struct admin_column *columns = run->table.columns;
	struct buffer *row;
	uint32_t count = 0;

	while (columns[count].key != NULL)
		count++;
	row = admin_table_row(&run->table, count);
	for (; columns->key != NULL; columns++) {
		if (strcmp(columns->key, place) == 0)
			admin_pair_uint(row, place, index);
		else if (strcmp(columns->key, "node") == 0)
			admin_pair_text(row, "node", run->node->config.node.name);
		else
			admin_pair_value(row, columns->key, admin_row_get(child_row, columns->key));
	}
}

static void on_answer(struct query *q)
{
	struct admin_run *run = q->owner;

	run->query = NULL;
	for (uint32_t i = 0; i < q->asked; i++) {
		const struct query_answer *a = &q->answers[i];
		struct msgpack_reader r = msgpack_read(buffer_bytes(&a->rows));

		for (uint32_t n = a->count; n > 0 && !r.bad; n--)
			add_row(run, msgpack_read_value(&r), a->role == CONTROL_ACTOR ? "worker" : "gateway", a->index);
	}
	admin_run_table(run);
	admin_run_end(run, q->partial || run->missing > 0);
}

void admin_actors(struct admin_run *run)
{
	struct bytes pattern = run->command.argument_count > 0 ? run->command.arguments[0] : (struct bytes){ 0 };

	admin_table_init(&run->table, actor_columns);
	run->missing = admin_ask(run, 1u << CONTROL_ACTOR, "actors", pattern, on_answer);
}

void admin_sessions(struct admin_run *run)
{
	admin_table_init(&run->table, session_columns);
	run->missing = admin_ask(run, 1u << CONTROL_GATEWAY, "sessions", (struct bytes){ 0 }, on_answer);
}
