/* Owns the moves of shards from this node to others: the workers let go, the records are
 * sent where each node has a store of its own, then the log is told. What is moved together
 * is one move. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"
#include "supervisor/handshake.h"

#define RELEASE_LIMIT 10000 /* ms that turns under way have, then they are given up */
#define ARRIVAL_LIMIT 3000  /* ms that this node may need to hear of a move to it */
#define TOGETHER 20         /* ms that shards which are free wait for others of their move */
#define PATIENCE 2000       /* ms that an entry of the log may take before it is proposed again */

enum step {
	RELEASING, /* workers let go */
	DIALING,   /* for the records' way */
	SENDING,   /* the store sends them */
	DECIDING,  /* the log is told, that it is done or that it failed */
};

struct move {
	TAILQ_ENTRY(move) next;
	struct cluster *cluster;
	uint64_t to;
	enum step step;
	struct machine_gone *gone;
	uint32_t count;
	uint64_t began, until, transfer;
	uint64_t dial;
};

static void free_move(struct cluster *c, struct move *m)
{
	TAILQ_REMOVE(&c->moves, m, next);
	tunnel_cancel(c->node, m->dial);
	proposal_forget(c, m);
	free(m->gone);
	free(m);
}

static void list(const struct move *m, struct buffer *out)
{
	for (uint32_t i = 0; i < m->count; i++)
		control_list_add(out, m->gone[i].shard);
}

bool move_has(const struct cluster *c, uint32_t shard)
{
	const struct move *m;

	TAILQ_FOREACH (m, &c->moves, next)
		for (uint32_t i = 0; i < m->count; i++)
			if (m->gone[i].shard == shard)
				return true;
	return false;
}

/* --- what the log says ------------------------------------------------------------ */

static bool still_moves(const struct cluster *c, const struct move *m, uint32_t i)
{
	const struct machine_shard *s = &c->machine.shards[m->gone[i].shard];

	return s->owner == cluster_self_id(c) && s->to == m->to && s->move == m->gone[i].move;
}

/* Takes out what does not move any more. What is another node's by now needs no room here. */
static void sift(struct cluster *c, struct move *m, struct buffer *drop)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		if (still_moves(c, m, i)) {
			m->gone[kept++] = m->gone[i];
		} else if (c->machine.shards[m->gone[i].shard].owner != cluster_self_id(c)) {
			control_list_add(drop, m->gone[i].shard);
		}
	}
	m->count = kept;
}

static struct move *fresh_move(struct cluster *c, uint64_t to, uint64_t now)
{
	struct move *m = memory_new(sizeof(*m));

	*m = (struct move){ .cluster = c, .to = to, .began = now, .until = now + RELEASE_LIMIT };
	m->gone = memory_new(c->machine.shard_count * sizeof(*m->gone));
	TAILQ_INSERT_TAIL(&c->moves, m, next);
	return m;
}

/* What has begun to move since the last look travels together. */
static void take_up(struct cluster *c)
{
	struct move **fresh = memory_new(c->machine.member_count * sizeof(struct move *));
	uint64_t now = clock_now_ms();

	for (uint32_t i = 0; i < c->machine.shard_count; i++) {
		const struct machine_shard *s = &c->machine.shards[i];

		if (s->owner != cluster_self_id(c) || s->to == 0 || move_has(c, i))
			continue;
		for (uint32_t k = 0; k < c->machine.member_count; k++) {
			if (c->machine.members[k].id != s->to)
				continue;
			if (fresh[k] == NULL)
				fresh[k] = fresh_move(c, s->to, now);
			fresh[k]->gone[fresh[k]->count++] = (struct machine_gone){ i, s->epoch, s->move };
		}
	}
	free(fresh);
}

static void drop_records(struct cluster *c, struct buffer *shards)
{
	struct buffer message = { 0 };

	if (!c->shared && buffer_length(shards) > 0) {
		control_encode_drop(&message, buffer_bytes(shards));
		child_send(node_child(c->node, CONTROL_STORE, 0), &message, -1);
	}
	buffer_fini(&message);
	buffer_fini(shards);
}

void move_update(struct cluster *c)
{
	struct buffer drop = { 0 };
	struct move *m, *next;

	for (m = TAILQ_FIRST(&c->moves); m != NULL; m = next) {
		next = TAILQ_NEXT(m, next);
		sift(c, m, &drop);
		if (m->count == 0)
			free_move(c, m);
	}
	drop_records(c, &drop);
	if (c->state == CLUSTER_MEMBER)
		take_up(c);
}

/* --- its steps -------------------------------------------------------------------- */

static void on_decided(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	struct move *m = owner;

	/* A refusal means that the machine has changed: move_update() sees it. */
	if (outcome == PROPOSAL_REFUSED)
		log_info("a move has been overtaken", F_TEXT("reason", reason));
	m->until = outcome == PROPOSAL_UNKNOWN ? 0 : clock_now_ms() + PATIENCE;
	c->moved = true;
	cluster_soon(c);
}

static void decide(struct cluster *c, struct move *m, bool done)
{
	struct buffer command = { 0 };
	uint32_t *shards = memory_new(m->count * sizeof(*shards));

	m->step = DECIDING;
	m->until = UINT64_MAX;
	for (uint32_t i = 0; i < m->count; i++)
		shards[i] = m->gone[i].shard;
	if (done)
		machine_encode_moved(&command, cluster_self_id(c), m->gone, m->count);
	else
		machine_encode_cancel(&command, shards, m->count);
	free(shards);
	m->transfer = done; /* what is proposed again where the outcome is unknown */
	proposal_new(c, &command, PATIENCE, false, on_decided, m);
}

static void fail(struct move *m, struct bytes why)
{
	log_warnx("shards stay where they are for now", F_UINT("shards", m->count), F_UINT("to", m->to), F_BYTES("reason", why));
	decide(m->cluster, m, false);
}

static void on_dialed(void *owner, const struct control_dialed *result, int take_fd)
{
	struct move *m = owner;
	struct cluster *c = m->cluster;
	struct child *store = node_child(c->node, CONTROL_STORE, 0);
	struct buffer shards = { 0 }, message = { 0 };

	m->dial = 0;
	if (result->code != CONTROL_DIAL_OK || result->hello.node != m->to || !child_reachable(store)) {
		if (take_fd >= 0)
			close(take_fd);
		fail(m, result->code != CONTROL_DIAL_OK ? result->text : BYTES_LITERAL("the records cannot be sent now"));
		return;
	}
	m->step = SENDING;
	m->transfer = ++c->last_transfer;
	list(m, &shards);
	control_encode_transfer(&message, &(struct control_transfer){ m->transfer, true, buffer_bytes(&shards) });
	child_send(store, &message, take_fd);
	buffer_fini(&message);
	buffer_fini(&shards);
}

static void dial(struct cluster *c, struct move *m)
{
	const struct machine_member *to = machine_member(&c->machine, m->to);
	struct buffer bits = { 0 };
	size_t bytes = (c->machine.shard_count + 7) / 8;
	char *data = buffer_reserve(&bits, bytes);

	memset(data, 0, bytes);
	for (uint32_t i = 0; i < m->count; i++)
		data[m->gone[i].shard / 8] |= (char)(1 << m->gone[i].shard % 8);
	buffer_commit(&bits, bytes);
	m->step = DIALING;
	m->dial = tunnel_dial(c->node, CLUSTER_ROWS, bytes_of(to->address), buffer_bytes(&bits), on_dialed, m);
	buffer_fini(&bits);
}

/* Whoever has not let go in time is fenced. */
static void fence(struct cluster *c, const struct move *m)
{
	bool revoked = false;

	for (uint32_t i = 0; i < m->count; i++)
		revoked |= shard_map_revoke(&c->node->shards, m->gone[i].shard);
	if (!revoked)
		return;
	log_warnx("turns under way are given up, their shards move", F_UINT("shards", m->count));
	handshake_shards(c->node);
}

/* What is free goes on: a turn in the rest may wait for an actor in it. The rest, of which
 * there is some, becomes a move of its own. */
static void split(struct cluster *c, struct move *m)
{
	struct move *rest = fresh_move(c, m->to, 0);
	uint32_t kept = 0;

	rest->began = m->began;
	rest->until = m->until;
	for (uint32_t i = 0; i < m->count; i++) {
		if (shard_map_is_free(&c->node->shards, m->gone[i].shard))
			m->gone[kept++] = m->gone[i];
		else
			rest->gone[rest->count++] = m->gone[i];
	}
	m->count = kept;
}

/* Whether enough is free to go on with; the others are split off. */
static bool is_released(struct cluster *c, struct move *m, uint64_t now)
{
	uint32_t count = 0;

	if (now >= m->until)
		fence(c, m);
	for (uint32_t i = 0; i < m->count; i++)
		count += shard_map_is_free(&c->node->shards, m->gone[i].shard);
	if (count == 0 || (count < m->count && now < m->began + TOGETHER))
		return false;
	if (count < m->count)
		split(c, m);
	return true;
}

static void run_one(struct cluster *c, struct move *m, uint64_t now)
{
	if (m->step == RELEASING && is_released(c, m, now)) {
		if (c->shared)
			decide(c, m, true);
		else if (node_child(c->node, CONTROL_STORE, 0)->policy.state == POLICY_READY)
			dial(c, m);
	} else if (m->step == DECIDING && now >= m->until) {
		decide(c, m, m->transfer != 0);
	}
}

void move_run(struct cluster *c, uint64_t now)
{
	struct move *m, *last = TAILQ_LAST(&c->moves, move_list);

	for (m = TAILQ_FIRST(&c->moves); m != NULL; m = m == last ? NULL : TAILQ_NEXT(m, next))
		run_one(c, m, now);
}

/* --- the store's part ------------------------------------------------------------- */

void move_transferred(struct cluster *c, const struct control_transferred *t)
{
	struct move *m;

	TAILQ_FOREACH (m, &c->moves, next) {
		if (m->step != SENDING || m->transfer != t->transfer)
			continue;
		if (t->error.len > 0)
			fail(m, t->error);
		else
			decide(c, m, true);
		return;
	}
}

/* Its successor sends them again. */
void move_store_gone(struct cluster *c)
{
	struct move *m;

	TAILQ_FOREACH (m, &c->moves, next)
		if (m->step == SENDING)
			m->step = RELEASING;
}

/* A store that was away when its shards' new owner had all their records keeps them still. */
void move_store_serves(struct cluster *c)
{
	uint64_t self = cluster_self_id(c);
	struct buffer drop = { 0 };

	for (uint32_t i = 0; c->state == CLUSTER_MEMBER && i < c->machine.shard_count; i++)
		if (c->machine.shards[i].owner != self && c->machine.shards[i].to != self)
			control_list_add(&drop, i);
	drop_records(c, &drop);
}

/* --- what other nodes send ---------------------------------------------------------- */

/* Records that have come. They wait until this node has heard of the move as well: what it
 * makes of an older entry of the log, that it has them no more, must come before them. */
struct arrival {
	TAILQ_ENTRY(arrival) next;
	uint64_t from, until;
	struct buffer shards; /* a list */
	int fd;
};

static void end_arrival(struct cluster *c, struct arrival *a)
{
	TAILQ_REMOVE(&c->arrivals, a, next);
	if (a->fd >= 0)
		close(a->fd);
	buffer_fini(&a->shards);
	free(a);
}

static bool is_expected(const struct cluster *c, const struct arrival *a)
{
	struct bytes shards = buffer_bytes(&a->shards);

	for (uint32_t i = 0; i < control_list_count(shards); i++) {
		const struct machine_shard *s = &c->machine.shards[control_list_at(shards, i)];

		if (s->owner != a->from || s->to != cluster_self_id(c))
			return false;
	}
	return true;
}

static void receive(struct cluster *c, struct arrival *a)
{
	struct buffer message = { 0 };

	control_encode_transfer(&message, &(struct control_transfer){ ++c->last_transfer, false, buffer_bytes(&a->shards) });
	child_send(node_child(c->node, CONTROL_STORE, 0), &message, a->fd);
	buffer_fini(&message);
	a->fd = -1;
	end_arrival(c, a);
}

void move_receive(struct cluster *c, uint64_t now)
{
	bool able = !c->shared && c->state == CLUSTER_MEMBER && child_reachable(node_child(c->node, CONTROL_STORE, 0));
	struct arrival *a, *next;

	for (a = TAILQ_FIRST(&c->arrivals); a != NULL; a = next) {
		next = TAILQ_NEXT(a, next);
		if (able && is_expected(c, a))
			receive(c, a);
		else if (!able || now >= a->until)
			end_arrival(c, a);
	}
}

void move_arrived(struct cluster *c, const struct cluster_hello *hello, int take_fd)
{
	struct arrival *a = memory_new(sizeof(*a));

	*a = (struct arrival){ .from = hello->node, .until = clock_now_ms() + ARRIVAL_LIMIT, .fd = take_fd };
	for (uint32_t i = 0; i < c->machine.shard_count && i / 8 < hello->argument.len; i++)
		if (hello->argument.data[i / 8] & 1 << i % 8)
			control_list_add(&a->shards, i);
	TAILQ_INSERT_TAIL(&c->arrivals, a, next);
	cluster_soon(c);
}

void move_end_all(struct cluster *c)
{
	while (!TAILQ_EMPTY(&c->moves))
		free_move(c, TAILQ_FIRST(&c->moves));
	while (!TAILQ_EMPTY(&c->arrivals))
		end_arrival(c, TAILQ_FIRST(&c->arrivals));
}
