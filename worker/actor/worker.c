/* The worker's life and its own small questions. */
#include "worker/actor/worker.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/pool.h"
#include "worker/actor/acquire.h"
#include "worker/actor/call.h"
#include "worker/actor/host.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/release.h"
#include "worker/actor/room.h"
#include "worker/actor/shelf.h"
#include "worker/actor/wake.h"

#define COLLECT_REST 10       /* times as long as it took, until it is done again */
#define COLLECT_LEAST_MS 1000
#define HOUSEKEEPING_MS 500 /* changes of ASYNC actors are stored within a second */

struct worker *worker_self;

/* A worker without room: idle actors go, and then garbage, which nobody else may collect where
 * mail is refused and no turn runs. To collect all of it may take long, and not help. */
static void relieve(struct worker *w)
{
	uint64_t now = clock_now_ms();

	shelf_relieve(w, 0);
	if (room_for_mail(0) || now < w->collect_at)
		return;
	lua_host_collect();
	w->collect_at = clock_now_ms() + COLLECT_REST * (clock_now_ms() - now) + COLLECT_LEAST_MS;
}

static void on_housekeeping(struct timer *timer)
{
	struct worker *w = worker_self;

	storage_save_later_ones(&w->storage);
	shelf_sweep(w);
	relieve(w);
	timer_set(&w->timers, timer, clock_now_ms() + HOUSEKEEPING_MS, on_housekeeping);
}

void worker_init(struct worker *w)
{
	w->actors.borrows = true;
	TAILQ_INIT(&w->recent);
	TAILQ_INIT(&w->ready);
	TAILQ_INIT(&w->ready_bulk);
	TAILQ_INIT(&w->slow);
	TAILQ_INIT(&w->preempted);
	TAILQ_INIT(&w->unanswered);
	TAILQ_INIT(&w->release.actors);
	timer_set(&w->timers, &w->housekeeping, clock_now_ms() + HOUSEKEEPING_MS, on_housekeeping);
}

/* Ends an actor's life in memory without a word to anybody. */
static void forget(struct worker *w, struct actor *a)
{
	a->batch = NULL;
	a->gateways = 0;
	a->watched_here = false;
	mailbox_refuse_all(w, a, ERROR_SHUTDOWN, NULL, (struct bytes){ NULL, 0 });
	mailbox_unready(a);
	if (a->state == ACTOR_LOADING) {
		TAILQ_REMOVE(&w->storage.loading, a, loading);
		actor_set_state(a, ACTOR_PASSIVE);
	}
	if (a->class)
		wake_drop(w, a, ERROR_SHUTDOWN, (struct bytes){ NULL, 0 });
	actor_release(w, a);
}

void worker_fini(struct worker *w)
{
	size_t at = 0;
	void *actor, *call;

	while (map_next(&w->actors, &at, NULL, &actor))
		forget(w, actor);
	at = 0;
	while (map_next(&w->calls, &at, NULL, &call))
		call_forget(w, ((struct call *)call)->rid);
	release_fini(w);
	acquire_fini(w);
	storage_fini(&w->storage);
	map_fini(&w->actors);
	map_fini(&w->calls);
	map_fini(&w->subscriptions);
	catalog_fini(&w->catalog);
	quarantine_fini(&w->quarantine);
	timers_fini(&w->timers);
	buffer_fini(&w->loopback);
	pool_clear();
}

uint32_t worker_shard(const struct worker *w, struct bytes address)
{
	return (uint32_t)(hash_bytes(&w->hash_key, address) % w->shard_count);
}

bool worker_lease_over(const struct worker *w)
{
	uint64_t until = w->lease ? atomic_load_explicit(&w->lease->until_ns, memory_order_relaxed) : UINT64_MAX;

	return until != UINT64_MAX && clock_boot_ns() >= until;
}

bool worker_owns(const struct worker *w, uint32_t shard)
{
	return shard < w->shard_count && w->shards[shard].worker == w->index;
}

bool worker_keeps(const struct worker *w, uint32_t shard)
{
	if (worker_owns(w, shard))
		return true;
	return shard < w->shard_count && w->shards[shard].worker == CONTROL_NO_WORKER &&
	       w->shards[shard].leaving == w->index && w->release.done && !w->release.done[shard];
}
