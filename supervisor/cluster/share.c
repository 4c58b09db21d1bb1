/* Owns which shards this node acts for: what the machine gives it, while its lease holds. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"
#include "supervisor/handover.h"
#include "supervisor/handshake.h"

#define PATIENCE 5000 /* ms that an entry of the log may take: after a lease that is over all is claimed anew */

/* Where each node has a store of its own nobody else can act for its shards, whatever
 * becomes of its lease: a node that is cut off goes on serving them. */
bool share_acts(const struct cluster *c, uint64_t now_ns)
{
	return c->state == CLUSTER_MEMBER && (!c->shared || lease_valid(&c->lease, now_ns));
}

/* What is taken in one go, so that workers' shares are counted once. */
struct taking {
	uint32_t *shards, *clusters, count;
};

static bool settle(struct cluster *c, uint32_t shard, bool acts, struct taking *taking)
{
	const struct machine_shard *s = &c->machine.shards[shard];
	struct shard_map *map = &c->node->shards;
	uint32_t slot;

	if (s->owner == cluster_self_id(c)) {
		if (!acts)
			return shard_map_revoke(map, shard);
		if (s->to != 0)
			return shard_map_leave(map, shard);
		if (move_has(c, shard))
			return false; /* its rows are on their way yet */
		taking->shards[taking->count] = shard;
		taking->clusters[taking->count++] = s->epoch;
		return false;
	}
	slot = slot_of(c, s->owner);
	return slot < CONTROL_NODES_MAX ? shard_map_abroad(map, shard, slot, s->epoch) : shard_map_revoke(map, shard);
}

void share_update(struct cluster *c)
{
	struct node *n = c->node;
	bool acts = share_acts(c, clock_boot_ns()), changed = false, *living;
	struct taking taking = { 0 };

	if (c->state != CLUSTER_MEMBER || n->shards.count != c->machine.shard_count)
		return;
	taking.shards = memory_new(n->shards.count * sizeof(*taking.shards));
	taking.clusters = memory_new(n->shards.count * sizeof(*taking.clusters));
	for (uint32_t i = 0; i < n->shards.count; i++)
		changed |= settle(c, i, acts, &taking);
	living = handover_living(n);
	changed |= shard_map_take(&n->shards, taking.shards, taking.clusters, taking.count, living) > 0;
	free(living);
	free(taking.shards);
	free(taking.clusters);
	if (changed)
		handshake_shards(n);
}

/* --- what the database knows better --------------------------------------------------- */

static void on_raised(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	(void)c, (void)owner;
	if (outcome == PROPOSAL_REFUSED)
		log_info("what the database has in later epochs is another node's", F_TEXT("reason", reason));
	else if (outcome == PROPOSAL_DONE)
		log_warnx("the database knew later epochs than the cluster: its shards are above them now");
}

/* Either another node owns these shards and this one has not heard of it, or the cluster was
 * founded anew, or its log is an older copy. The log knows which: it raises epochs only of what is
 * this node's still, in the epoch in which it was refused. */
bool cluster_on_outdone(struct node *n, struct bytes cells)
{
	struct cluster *c = n->cluster;
	uint32_t count = control_outdone_count(cells);
	struct machine_gone *seen;
	struct buffer command = { 0 };

	if (c == NULL)
		return false;
	seen = memory_new((count + 1) * sizeof(*seen));
	for (uint32_t i = 0; i < count; i++) {
		struct control_outdone one = control_outdone_at(cells, i);

		seen[i] = (struct machine_gone){ one.shard, CONTROL_EPOCH_CLUSTER(one.epoch), CONTROL_EPOCH_CLUSTER(one.above) };
	}
	machine_encode_raise(&command, cluster_self_id(c), seen, count);
	proposal_new(c, &command, PATIENCE, false, on_raised, NULL);
	free(seen);
	return true;
}

/* --- its lease ------------------------------------------------------------------------ */

void share_lease(struct cluster *c, uint64_t now_ns)
{
	static const uint64_t unbounded = UINT64_MAX;
	uint64_t until = !c->shared ? unbounded : c->state == CLUSTER_MEMBER ? lease_until(&c->lease) : 0;
	bool acts = share_acts(c, now_ns);

	atomic_store(&c->page->until_ns, until);
	if (acts == c->acted)
		return;
	c->acted = acts;
	if (!acts && c->state == CLUSTER_MEMBER)
		log_warnx("the lease is over: this node does nothing until the cluster has heard of it again");
	c->moved = true;
}
