/* Owns the admin command `workers`: a row per child process. */
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "proto/msgpack.h"
#include "supervisor/admin_dispatch.h"

static const struct admin_column columns[] = {
	{ "role", 0 },   { "index", 0 },  { "pid", 0 },    { "state", 0 },
	{ "restarts", 0 }, { "shards", 0 }, { "actors", 0 }, { "memory", ADMIN_CELL_SIZE },
	{ "uptime_ms", ADMIN_CELL_DURATION }, { "deaths", 0 }, { NULL, 0 },
};

/* Resident bytes, 0 where nobody knows. */
static uint64_t resident_memory(pid_t pid)
{
	char name[64];
	unsigned long long size, resident = 0;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/statm", (int)pid);
	file = fopen(name, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct bytes answer_of(const struct query *q, const struct child *c)
{
	for (uint32_t i = 0; i < q->asked; i++) {
		if (q->answers[i].role == c->role && q->answers[i].index == c->index && q->answers[i].count > 0)
			return buffer_bytes(&q->answers[i].rows);
	}
	return (struct bytes){ 0 };
}

static void write_row(struct admin_run *run, const struct query *q, const struct child *c)
{
	struct buffer *row = admin_table_row(&run->table, 10);
	struct bytes nothing = { 0 };

	admin_pair_text(row, "role", control_role_name(c->role));
	admin_pair_uint(row, "index", c->index);
	if (c->pid > 0)
		admin_pair_uint(row, "pid", (uint64_t)c->pid);
	else
		admin_pair_value(row, "pid", nothing);
	admin_pair_text(row, "state", policy_state_name(c->policy.state));
	admin_pair_uint(row, "restarts", c->incarnation > 0 ? c->incarnation - 1 : 0);
	admin_pair_uint(row, "deaths", c->deaths);
	if (c->role == CONTROL_ACTOR) {
		admin_pair_uint(row, "shards", shard_map_owned(&run->node->shards, c->index));
		admin_pair_value(row, "actors", admin_row_get(answer_of(q, c), "actors"));
	} else {
		admin_pair_value(row, "shards", nothing);
		admin_pair_value(row, "actors", nothing);
	}
	if (c->pid > 0) {
		admin_pair_uint(row, "memory", resident_memory(c->pid));
		admin_pair_uint(row, "uptime_ms", clock_now_ms() - c->started_at);
	} else {
		admin_pair_value(row, "memory", nothing);
		admin_pair_value(row, "uptime_ms", nothing);
	}
}

static void on_answer(struct query *q)
{
	struct admin_run *run = q->owner;

	run->query = NULL;
	for (uint32_t i = 0; i < run->node->child_count; i++)
		write_row(run, q, &run->node->children[i]);
	admin_run_table(run);
	admin_run_end(run, q->partial);
}

void admin_workers(struct admin_run *run)
{
	admin_table_init(&run->table, columns);
	admin_ask(run, 1u << CONTROL_ACTOR, "status", (struct bytes){ 0 }, on_answer);
}
