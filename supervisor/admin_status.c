/* Owns the admin command `status`: one page of facts about the node. */
#include <unistd.h>

#include "common/clock.h"
#include "proto/msgpack.h"
#include "supervisor/admin_dispatch.h"
#include "supervisor/cluster/cluster.h"

static const struct admin_column columns[] = { { "uptime_ms", ADMIN_CELL_DURATION }, { NULL, 0 } };

/* Sums one figure over the children of a role. */
static uint64_t sum(const struct query *q, enum control_role role, const char *key)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < q->asked; i++) {
		if (q->answers[i].role == role)
			total += admin_row_uint(buffer_bytes(&q->answers[i].rows), key);
	}
	return total;
}

/* The client listener is named once somebody serves it. */
static void write_listeners(const struct node *n, struct buffer *row)
{
	bool serving = n->phase == NODE_SERVING;

	msgpack_write_str(row, BYTES_LITERAL("listeners"));
	msgpack_write_map(row, n->cluster_listener.open ? 4 : 3);
	if (serving)
		admin_pair_text(row, "client", n->client.address);
	else
		admin_pair_value(row, "client", (struct bytes){ 0 });
	admin_pair_text(row, "admin", n->admin_tcp.open ? n->admin_tcp.address : "none");
	admin_pair_text(row, "socket", n->admin_unix.address);
	if (n->cluster_listener.open)
		admin_pair_text(row, "cluster", n->cluster_listener.address);
}

static void write_alarms(const struct node *n, struct buffer *row)
{
	msgpack_write_str(row, BYTES_LITERAL("alarms"));
	msgpack_write_array(row, n->alarms.count);
	for (uint32_t i = 0; i < n->alarms.count; i++) {
		const struct alarm_entry *e = &n->alarms.entries[i];
		msgpack_write_map(row, 4);
		admin_pair_text(row, "source", e->source);
		admin_pair_text(row, "name", e->name);
		admin_pair_uint(row, "since", e->since);
		admin_pair_text(row, "text", e->text);
	}
}

static void write_workers(const struct node *n, struct buffer *row)
{
	uint32_t up = 0, restarts = 0, deaths = 0;

	for (uint32_t i = 0; i < n->child_count; i++) {
		up += n->children[i].policy.state == POLICY_READY;
		restarts += n->children[i].incarnation > 0 ? n->children[i].incarnation - 1 : 0;
		deaths += n->children[i].deaths;
	}
	admin_pair_uint(row, "workers", n->child_count);
	admin_pair_uint(row, "workers_up", up);
	admin_pair_uint(row, "restarts", restarts);
	admin_pair_uint(row, "deaths", deaths);
}

static const char *state_name(const struct node *n)
{
	if (n->phase != NODE_SERVING)
		return node_phase_name(n->phase);
	if (!node_ready(n))
		return "recovering";
	return node_degraded(n) ? "degraded" : node_phase_name(n->phase);
}

/* How children have ended that nobody had asked to, by cause. */
static void write_deaths(const struct node *n, struct buffer *row)
{
	msgpack_write_str(row, BYTES_LITERAL("death_causes"));
	msgpack_write_map(row, DEATH_CAUSE_COUNT);
	for (enum death_cause cause = 0; cause < DEATH_CAUSE_COUNT; cause++)
		admin_pair_uint(row, death_cause_name(cause), n->death_causes[cause]);
}

static uint32_t held(const struct quarantine *q)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < q->count; i++)
		count += q->entries[i].held;
	return count;
}

/* What one worker says of its sandbox; empty where it has not answered. */
static struct bytes sandbox_of(const struct query_answer *a)
{
	struct msgpack_reader r;

	if (a->role != CONTROL_ACTOR || a->count == 0)
		return (struct bytes){ 0 };
	r = msgpack_read(admin_row_get(buffer_bytes(&a->rows), "sandbox"));
	return msgpack_read_str(&r);
}

/* One text for all, or where they differ each worker's. */
static void write_sandbox(const struct query *q, struct buffer *row)
{
	struct buffer text = { 0 }, each = { 0 };
	bool differ = false;

	for (uint32_t i = 0; i < q->asked; i++) {
		struct bytes level = sandbox_of(&q->answers[i]);

		if (level.len == 0)
			continue;
		if (buffer_length(&text) == 0)
			buffer_append_bytes(&text, level);
		differ = differ || !bytes_equal(level, buffer_bytes(&text));
		buffer_printf(&each, "%sactor/%u %.*s", buffer_length(&each) ? " | " : "differs: ", q->answers[i].index,
		              (int)level.len, level.data);
	}
	if (buffer_length(&text) == 0)
		buffer_append_text(&text, "unknown: no actor worker has answered");
	msgpack_write_str(row, BYTES_LITERAL("sandbox"));
	msgpack_write_str(row, buffer_bytes(differ ? &each : &text));
	buffer_fini(&text);
	buffer_fini(&each);
}

static void write_cluster(const struct node *n, struct buffer *row)
{
	struct cluster_facts f;
	const struct machine_member *leader;

	msgpack_write_str(row, BYTES_LITERAL("cluster"));
	if (!cluster_facts(n, &f)) {
		msgpack_write_str(row, BYTES_LITERAL("none: [cluster] secret_file is not set"));
		return;
	}
	leader = machine_member(f.machine, f.leader);
	msgpack_write_map(row, 6);
	admin_pair_text(row, "address", f.address);
	admin_pair_uint(row, "members", f.machine->member_count);
	admin_pair_text(row, "leader", leader != NULL ? leader->name : "");
	admin_pair_text(row, "quorum", f.quorum ? "yes" : "no");
	admin_pair_uint(row, "moving", f.machine->shard_count > 0 ? machine_moving(f.machine) : 0);
	admin_pair_text(row, "note", f.note != NULL ? f.note : "");
}

static void on_answer(struct query *q)
{
	struct admin_run *run = q->owner;
	struct node *n = run->node;
	const struct config_row *engine = config_find(BYTES_LITERAL("store"), BYTES_LITERAL("engine"));
	struct buffer *row = admin_table_row(&run->table, 22), text = { 0 };

	run->query = NULL;
	admin_pair_text(row, "node", n->config.node.name);
	admin_pair_text(row, "version", STAGE_VERSION);
	admin_pair_text(row, "state", state_name(n));
	admin_pair_uint(row, "uptime_ms", clock_now_ms() - n->started_at);
	admin_pair_uint(row, "pid", (uint64_t)getpid());
	write_listeners(n, row);
	admin_pair_text(row, "state_dir", n->config.node.state);
	admin_pair_text(row, "runtime_dir", n->config.node.runtime);
	config_format(&n->config, engine, &text);
	msgpack_write_str(row, BYTES_LITERAL("engine"));
	msgpack_write_str(row, buffer_bytes(&text));
	buffer_fini(&text);
	write_workers(n, row);
	write_deaths(n, row);
	admin_pair_uint(row, "quarantined", held(&n->quarantine));
	admin_pair_uint(row, "shards", n->shards.count);
	admin_pair_uint(row, "class_files", n->bundle.files);
	admin_pair_uint(row, "actors", sum(q, CONTROL_ACTOR, "actors"));
	admin_pair_uint(row, "sessions", sum(q, CONTROL_GATEWAY, "sessions"));
	write_cluster(n, row);
	write_alarms(n, row);
	write_sandbox(q, row);
	admin_run_page(run);
	admin_run_end(run, q->partial);
}

void admin_status(struct admin_run *run)
{
	admin_table_init(&run->table, columns);
	admin_ask(run, 1u << CONTROL_ACTOR | 1u << CONTROL_GATEWAY, "status", (struct bytes){ 0 }, on_answer);
}
