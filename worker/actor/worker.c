/* The worker's life and its own small questions. */
#include "worker/actor/worker.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/pool.h"
#include "worker/actor/call.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/shelf.h"
#include "worker/actor/wake.h"

#define HOUSEKEEPING_MS 500 /* changes of ASYNC actors are stored within a second */

struct worker *worker_self;

static void on_housekeeping(struct timer *timer)
{
	struct worker *w = worker_self;

	storage_save_later_ones(&w->storage);
	shelf_sweep(w);
	timer_set(&w->timers, timer, clock_now_ms() + HOUSEKEEPING_MS, on_housekeeping);
}

void worker_init(struct worker *w)
{
	TAILQ_INIT(&w->recent);
	TAILQ_INIT(&w->ready);
	TAILQ_INIT(&w->preempted);
	TAILQ_INIT(&w->unanswered);
	timer_set(&w->timers, &w->housekeeping, clock_now_ms() + HOUSEKEEPING_MS, on_housekeeping);
}

/* Ends an actor's life in memory without a word to anybody. */
static void forget(struct worker *w, struct actor *a)
{
	a->batch = NULL;
	a->gateways = 0;
	a->watched_here = false;
	mailbox_refuse_all(w, a, ERROR_SHUTDOWN, NULL, (struct bytes){ NULL, 0 });
	if (a->is_ready) {
		TAILQ_REMOVE(&w->ready, a, ready);
		a->is_ready = false;
	}
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

bool worker_owns(const struct worker *w, uint32_t shard)
{
	return shard < w->shard_count && w->shards[shard].worker == w->index;
}
