/* Owns what happens in the world: what nodes and the leader do, and what befalls them. */
#include "tests/unit/supervisor/cluster_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "supervisor/cluster/machine_command.h"
#include "supervisor/cluster/plan.h"

#define IN_FLIGHT 6

static void send(struct world *w, const struct world_node *from, struct buffer *bytes)
{
	world_propose(w, from, bytes);
}

/* --- what a node does --- */

void world_start(struct world *w, struct world_node *n)
{
	machine_fini(&n->machine);
	n->applied = 0;
	if (buffer_length(&n->saved) > 0 && world_random(w, 2) == 0) {
		assert_true(machine_restore(&n->machine, buffer_bytes(&n->saved)));
		n->applied = n->saved_at;
	}
	n->incarnation++;
	n->runs = true;
	n->leads = false;
	memset(n->let_go, 0, sizeof(n->let_go));
	lease_init(&n->lease, WORLD_TTL, n->incarnation);
	watchdog_init(&n->watchdog, WORLD_TTL);
}

/* A node that is no member any more, or never was one, asks to be added under a new id. */
static void join(struct world *w, struct world_node *n)
{
	char name[32], address[32];
	struct machine_node node;
	struct buffer out = { 0 };

	if (n->id == 0) {
		n->id = ++w->ids;
		n->incarnation = 1;
		lease_init(&n->lease, WORLD_TTL, n->incarnation);
	}
	snprintf(name, sizeof(name), "node%u", (unsigned)n->id);
	snprintf(address, sizeof(address), "host:%u", (unsigned)n->id);
	node = (struct machine_node){ n->id, bytes_of(name), bytes_of(address), 1 + (uint32_t)(n->id % 3), 1, 1 };
	machine_encode_add(&out, &node);
	send(w, n, &out);
}

static void renew(struct world *w, struct world_node *n)
{
	uint64_t now = world_clock(w, n);
	struct buffer out = { 0 };

	if (lease_next_renewal(&n->lease, now) > now)
		return;
	machine_encode_renew(&out, n->id, n->incarnation, lease_sent(&n->lease, now));
	send(w, n, &out);
}

/* Lets go of some shards that are to move, and says so, again and again. */
static void release(struct world *w, struct world_node *n)
{
	struct machine_gone gone[WORLD_SHARDS];
	struct buffer out = { 0 };
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->machine.shard_count; i++) {
		const struct machine_shard *s = &n->machine.shards[i];

		if (s->owner != n->id || s->to == MACHINE_NOBODY || world_random(w, 3) == 0)
			continue;
		n->let_go[i] = s->move;
		gone[count++] = (struct machine_gone){ i, s->epoch, s->move };
	}
	if (count == 0 || !lease_begun(&n->lease))
		return;
	machine_encode_moved(&out, n->id, gone, count);
	send(w, n, &out);
}

/* Its store was refused, as far as it knows what is its own: it may have been a long time ago. */
static void raise_epochs(struct world *w, struct world_node *n)
{
	uint32_t shard = (uint32_t)world_random(w, WORLD_SHARDS);
	const struct machine_shard *s = n->machine.shard_count > 0 ? &n->machine.shards[shard] : NULL;
	struct machine_gone seen = { .shard = shard };
	struct buffer out = { 0 };

	if (s == NULL || s->owner != n->id)
		return;
	seen.epoch = s->epoch;
	seen.move = s->epoch + world_random(w, 3);
	machine_encode_raise(&out, n->id, &seen, 1);
	send(w, n, &out);
}

static void live(struct world *w, struct world_node *n)
{
	uint32_t entries = (uint32_t)world_random(w, w->calm ? 64 : 6);

	while (!n->cut && entries-- > 0 && n->applied < w->length)
		world_apply(w, n);
	if (n->machine.shard_count > 0 && !machine_member(&n->machine, n->id)) {
		if (machine_was_removed(&n->machine, n->id))
			n->id = 0; /* another node may now be set up in its place */
		join(w, n);
		return;
	}
	renew(w, n);
	release(w, n);
	if (world_random(w, 20) == 0 && n->machine.shard_count > 0) {
		buffer_clear(&n->saved);
		machine_snapshot(&n->machine, &n->saved);
		n->saved_at = n->applied;
	}
}

/* --- what the leader does --- */

static void plan(struct world *w, const struct world_node *n)
{
	struct plan_move moves[IN_FLIGHT];
	uint32_t shards[WORLD_SHARDS], count = plan_moves(&n->machine, IN_FLIGHT, moves);
	uint64_t leaver = plan_removal(&n->machine);
	struct buffer out = { 0 };

	for (uint32_t i = 0, run = 0; i < count; i++) {
		shards[run++] = moves[i].shard;
		if (i + 1 < count && moves[i + 1].from == moves[i].from && moves[i + 1].to == moves[i].to)
			continue;
		machine_encode_move(&out, moves[i].to, shards, run);
		send(w, n, &out);
		run = 0;
	}
	count = plan_cancels(&n->machine, shards, WORLD_SHARDS);
	if (count > 0) {
		machine_encode_cancel(&out, shards, count);
		send(w, n, &out);
	}
	if (leaver != MACHINE_NOBODY) {
		machine_encode_remove(&out, leaver, false);
		send(w, n, &out);
	}
}

static void lead(struct world *w, struct world_node *n)
{
	struct watchdog_member due[WORLD_NODES];
	uint32_t count = watchdog_due(&n->watchdog, world_clock(w, n), due, WORLD_NODES);
	struct buffer out = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		machine_encode_down(&out, due[i].id, due[i].incarnation, due[i].renewal);
		send(w, n, &out);
	}
	if (n->machine.shard_count > 0 && world_random(w, 3) == 0)
		plan(w, n);
}

static void elect(struct world *w, struct world_node *n)
{
	if (n->cut || (w->calm && n->leads))
		return;
	/* Whoever led before may go on believing so for a while. */
	for (uint32_t i = 0; i < WORLD_NODES; i++)
		w->nodes[i].leads &= !w->calm && world_random(w, 3) == 0;
	n->leads = true;
	watchdog_lead(&n->watchdog, &n->machine, world_clock(w, n));
}

/* --- what befalls them --- */

/* What an operator might say of any member, or a confused leader of any shard. */
static void operate(struct world *w, struct world_node *n)
{
	uint32_t shards[4], kind = (uint32_t)world_random(w, 5);
	uint64_t id = 1 + world_random(w, w->ids);
	struct buffer out = { 0 };

	for (uint32_t i = 0; i < 4; i++)
		shards[i] = (uint32_t)world_random(w, WORLD_SHARDS);
	if (kind == 0)
		machine_encode_drain(&out, id, true);
	else if (kind == 1)
		machine_encode_drain(&out, id, false);
	else if (kind == 2)
		machine_encode_leave(&out, id);
	else if (kind == 3)
		machine_encode_move(&out, id, shards, 4);
	else
		machine_encode_cancel(&out, shards, 4);
	send(w, n, &out);
}

static void befall(struct world *w, struct world_node *n)
{
	switch (world_random(w, 10)) {
	case 0:
		n->resumes = w->now + world_random(w, 2 * WORLD_TTL * WORLD_MS);
		break;
	case 1:
		n->cut = true;
		break;
	case 2:
		n->runs = false;
		break;
	case 3:
		world_start(w, n);
		w->restarts++;
		break;
	case 4:
	case 5:
		elect(w, n);
		break;
	case 6:
		raise_epochs(w, n);
		break;
	default:
		operate(w, n);
	}
}

static void mend(struct world *w, struct world_node *n)
{
	n->cut = false;
	if (!n->runs)
		world_start(w, n);
}

static void deliver(struct world *w)
{
	for (uint32_t i = 0; i < WORLD_FLIGHT; i++) {
		struct world_proposal *p = &w->flight[i];

		if (p->at == 0 || p->at > w->now)
			continue;
		world_commit(w, buffer_bytes(&p->bytes));
		buffer_clear(&p->bytes);
		p->at = 0;
	}
}

void world_step(struct world *w)
{
	struct world_node *n = &w->nodes[world_random(w, WORLD_NODES)];

	w->now += world_random(w, 40 * WORLD_MS);
	deliver(w);
	if (!w->calm && world_random(w, 40) == 0)
		befall(w, n);
	else if (world_random(w, 80) == 0)
		mend(w, n);
	if (world_awake(w, n) && n->machine.shard_count + w->length > 0) {
		live(w, n);
		if (n->leads)
			lead(w, n);
	}
	world_check(w);
}

void world_calm(struct world *w)
{
	w->calm = true;
	w->now += 2 * WORLD_TTL * WORLD_MS; /* what was paused or under way has arrived */
	for (uint32_t i = 0; i < WORLD_NODES; i++)
		mend(w, &w->nodes[i]);
	deliver(w);
	elect(w, &w->nodes[0]);
}
