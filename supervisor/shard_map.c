/* Owns the assignment of shards to actor workers and the epochs that fence them. */
#include "supervisor/shard_map.h"

#include <assert.h>
#include <stdlib.h>

#include "common/memory.h"

void shard_map_init(struct shard_map *m, uint32_t count, uint32_t workers, uint64_t epoch)
{
	assert(count > 0 && count <= CONTROL_SHARDS_MAX);
	assert(workers > 0 && workers < CONTROL_NO_WORKER && epoch > 0);
	m->serial = 1;
	m->count = count;
	m->workers = workers;
	m->base = (uint32_t)epoch;
	m->shards = memory_new(count * sizeof(*m->shards));
	m->next = memory_new(count * sizeof(*m->next));
	for (uint32_t i = 0; i < count; i++) {
		m->shards[i].worker = (uint16_t)((uint64_t)i * workers / count);
		m->shards[i].leaving = CONTROL_NO_WORKER;
		m->shards[i].epoch = epoch;
		m->next[i] = CONTROL_NO_WORKER;
	}
}

void shard_map_init_free(struct shard_map *m, uint32_t count, uint32_t workers, uint32_t base)
{
	shard_map_init(m, count, workers, base);
	for (uint32_t i = 0; i < count; i++)
		m->shards[i].worker = CONTROL_NO_WORKER;
}

void shard_map_fini(struct shard_map *m)
{
	free(m->shards);
	free(m->next);
	*m = (struct shard_map){ 0 };
}

static uint32_t changed(struct shard_map *m, uint32_t count)
{
	m->serial += count > 0;
	return count;
}

/* --- one shard -------------------------------------------------------------------- */

/* Nobody is asked to let go of a shard twice. */
static bool is_leaving(const struct shard_map *m, uint32_t shard, uint32_t worker)
{
	return m->shards[shard].worker == CONTROL_NO_WORKER && m->shards[shard].leaving == worker;
}

static void release(struct shard_map *m, uint32_t shard, uint32_t next)
{
	struct control_shard *s = &m->shards[shard];

	assert(s->worker != CONTROL_NO_WORKER);
	s->leaving = s->worker;
	s->worker = CONTROL_NO_WORKER;
	m->next[shard] = (uint16_t)next;
}

static void give(struct shard_map *m, uint32_t shard, uint32_t worker)
{
	struct control_shard *s = &m->shards[shard];

	s->worker = worker == SHARD_MAP_AWAY ? CONTROL_NO_WORKER : (uint16_t)worker;
	s->leaving = CONTROL_NO_WORKER;
	s->epoch++;
	m->next[shard] = CONTROL_NO_WORKER;
}

/* Who will own it when all that is under way is done. */
static uint32_t heir(const struct shard_map *m, uint32_t shard)
{
	return m->next[shard] != CONTROL_NO_WORKER ? m->next[shard] : m->shards[shard].worker;
}

/* --- shares ----------------------------------------------------------------------- */

static uint32_t *count_shares(const struct shard_map *m)
{
	uint32_t *shares = memory_new(m->workers * sizeof(*shares));

	for (uint32_t i = 0; i < m->count; i++)
		if (heir(m, i) < m->workers)
			shares[heir(m, i)]++;
	return shares;
}

/* The living worker with the smallest share; m->workers: none lives. */
static uint32_t poorest(const struct shard_map *m, const uint32_t *shares, const bool *living)
{
	uint32_t found = m->workers;

	for (uint32_t w = 0; w < m->workers; w++)
		if (living[w] && (found == m->workers || shares[w] < shares[found]))
			found = w;
	return found;
}

uint32_t shard_map_bump(struct shard_map *m, uint32_t worker)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		if (m->shards[i].worker != worker && !is_leaving(m, i, worker))
			continue;
		give(m, i, heir(m, i));
		n++;
	}
	return changed(m, n);
}

uint32_t shard_map_evict(struct shard_map *m, uint32_t worker, const bool *living)
{
	uint32_t *shares = count_shares(m), n = 0;

	assert(!living[worker]);
	for (uint32_t i = 0; i < m->count && poorest(m, shares, living) < m->workers; i++) {
		uint32_t to = poorest(m, shares, living);

		if (heir(m, i) != worker)
			continue;
		shares[worker]--;
		shares[to]++;
		if (m->next[i] != CONTROL_NO_WORKER) /* its former owner has not let go yet */
			m->next[i] = (uint16_t)to;
		else
			give(m, i, to);
		n++;
	}
	free(shares);
	return changed(m, n);
}

/* What every worker shall have: equal shares, and what is left over goes to those that
 * have the most already. */
static uint32_t *plan(const struct shard_map *m, const uint32_t *shares, const bool *living)
{
	uint32_t *wanted = memory_new(m->workers * sizeof(*wanted)), alive = 0, all = 0, each, over;

	for (uint32_t w = 0; w < m->workers; w++) {
		alive += living[w];
		all += shares[w];
	}
	each = alive > 0 ? all / alive : 0;
	over = alive > 0 ? all % alive : 0;
	for (uint32_t w = 0; w < m->workers; w++)
		wanted[w] = living[w] ? each : 0;
	for (; over > 0; over--) {
		uint32_t richest = m->workers;

		for (uint32_t w = 0; w < m->workers; w++)
			if (living[w] && wanted[w] == each && (richest == m->workers || shares[w] > shares[richest]))
				richest = w;
		wanted[richest]++;
	}
	return wanted;
}

uint32_t shard_map_rebalance(struct shard_map *m, const bool *living)
{
	uint32_t *shares = count_shares(m), *wanted = plan(m, shares, living), n = 0, to = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t from = m->shards[i].worker;

		while (to < m->workers && shares[to] >= wanted[to])
			to++;
		if (to == m->workers)
			break;
		if (from >= m->workers || shares[from] <= wanted[from])
			continue;
		release(m, i, to);
		shares[from]--;
		shares[to]++;
		n++;
	}
	free(wanted);
	free(shares);
	return changed(m, n);
}

uint32_t shard_map_release(struct shard_map *m, uint32_t worker)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		if (m->shards[i].worker != worker)
			continue;
		release(m, i, worker);
		n++;
	}
	return changed(m, n);
}

bool shard_map_grant(struct shard_map *m, uint32_t worker, uint32_t shard)
{
	if (shard >= m->count || !is_leaving(m, shard, worker))
		return false;
	give(m, shard, m->next[shard]);
	m->serial++;
	return true;
}

uint32_t shard_map_grant_all(struct shard_map *m, uint32_t worker)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++)
		n += shard_map_grant(m, worker, i);
	return n;
}

/* --- between nodes ---------------------------------------------------------------- */

bool shard_map_abroad(struct shard_map *m, uint32_t shard, uint32_t node_slot, uint32_t cluster)
{
	struct control_shard *s = &m->shards[shard];
	const struct control_shard to = { (uint16_t)CONTROL_NODE(node_slot), CONTROL_NO_WORKER, CONTROL_EPOCH(cluster, 0) };

	if (s->worker == to.worker && s->epoch == to.epoch)
		return false;
	*s = to;
	m->next[shard] = CONTROL_NO_WORKER;
	m->serial++;
	return true;
}

uint32_t shard_map_take(struct shard_map *m, const uint32_t *shards, const uint32_t *clusters, uint32_t count,
                        const bool *living)
{
	uint32_t *shares = count_shares(m), n = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct control_shard *s = &m->shards[shards[i]];
		bool same = CONTROL_EPOCH_CLUSTER(s->epoch) == clusters[i], here = s->worker < m->workers;
		uint32_t to = here ? s->worker : poorest(m, shares, living);

		/* It may have been another node's for a moment that was not seen here. */
		if (same && (here || s->leaving != CONTROL_NO_WORKER))
			continue;
		if (!same || (uint32_t)s->epoch < m->base)
			s->epoch = CONTROL_EPOCH(clusters[i], m->base - 1);
		to = to < m->workers ? to : 0; /* where all are down the first to come back serves them */
		give(m, shards[i], to);
		shares[to] += !here;
		n++;
	}
	free(shares);
	return changed(m, n);
}

bool shard_map_raise(struct shard_map *m, uint32_t shard, uint64_t epoch, uint64_t above)
{
	if (shard >= m->count || m->shards[shard].epoch != epoch || above < epoch || above == UINT64_MAX)
		return false;
	m->shards[shard].epoch = above + 1;
	m->serial++;
	return true;
}

bool shard_map_leave(struct shard_map *m, uint32_t shard)
{
	if (m->shards[shard].worker < m->workers)
		release(m, shard, SHARD_MAP_AWAY);
	else if (m->shards[shard].leaving != CONTROL_NO_WORKER && m->next[shard] != SHARD_MAP_AWAY)
		m->next[shard] = SHARD_MAP_AWAY;
	else
		return false;
	m->serial++;
	return true;
}

bool shard_map_leaves_node(const struct shard_map *m, uint32_t shard)
{
	return shard < m->count && m->next[shard] == SHARD_MAP_AWAY;
}

bool shard_map_revoke(struct shard_map *m, uint32_t shard)
{
	if (m->shards[shard].worker >= m->workers && m->shards[shard].leaving == CONTROL_NO_WORKER)
		return false;
	give(m, shard, SHARD_MAP_AWAY);
	m->serial++;
	return true;
}

bool shard_map_is_free(const struct shard_map *m, uint32_t shard)
{
	return m->shards[shard].worker == CONTROL_NO_WORKER && m->shards[shard].leaving == CONTROL_NO_WORKER;
}

uint32_t shard_map_owned(const struct shard_map *m, uint32_t worker)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++)
		n += m->shards[i].worker == worker;
	return n;
}

uint32_t shard_map_leaving(const struct shard_map *m, uint32_t worker)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++)
		n += is_leaving(m, i, worker);
	return n;
}

uint32_t shard_map_run(const struct shard_map *m, uint32_t first)
{
	uint32_t i = first;

	while (i < m->count && m->shards[i].worker == m->shards[first].worker &&
	       m->shards[i].epoch == m->shards[first].epoch)
		i++;
	return i;
}
