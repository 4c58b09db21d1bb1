/* Resident actors and passivation. */
#include "worker/actor/shelf.h"

#include "common/clock.h"
#include "worker/actor/room.h"
#include "worker/actor/wake.h"
#include "worker/actor/worker.h"

/* How many of the least recently used are looked at for one that may go. */
#define SHELF_CANDIDATES 64
/* How exactly it is known when one was used: to this part of [actors] idle, and to a second. */
#define SHELF_EXACT_PART 16
#define SHELF_EXACT_MS 1000

void shelf_add(struct worker *w, struct actor *a)
{
	a->is_resident = true;
	a->used_at = clock_now_ms();
	TAILQ_INSERT_TAIL(&w->recent, a, recent);
	w->resident++;
}

void shelf_remove(struct worker *w, struct actor *a)
{
	if (!a->is_resident)
		return;
	a->is_resident = false;
	TAILQ_REMOVE(&w->recent, a, recent);
	w->resident--;
}

/* Who was moved to the end a moment ago stays where it is: to move it takes its neighbours'
 * memory, which is seldom in the cache. */
void shelf_touch(struct worker *w, struct actor *a)
{
	uint64_t now = w->now_ns / 1000000, exact = w->config->actors.idle / SHELF_EXACT_PART;

	if (a->used_at + (exact < SHELF_EXACT_MS ? exact : SHELF_EXACT_MS) > now)
		return;
	a->used_at = now;
	TAILQ_REMOVE(&w->recent, a, recent);
	TAILQ_INSERT_TAIL(&w->recent, a, recent);
}

/* An alarm or a watch of its own would be lost, and what is never stored would be
 * forgotten: such actors stay. */
static bool may_sleep(const struct actor *a)
{
	return a->state == ACTOR_ACTIVE && a->turn_count == 0 && a->mail == 0 && !a->is_ready &&
	       a->batch == NULL && !a->unsaved && a->alarms == 0 && a->subscriptions == 0 &&
	       a->class->durability != CLASS_NONE;
}

/* The first that may go, goes. */
static bool evict(struct worker *w)
{
	struct actor *a = TAILQ_FIRST(&w->recent);

	for (unsigned i = 0; a && i < SHELF_CANDIDATES; i++, a = TAILQ_NEXT(a, recent)) {
		if (!may_sleep(a))
			continue;
		wake_passivate(w, a);
		return true;
	}
	return false;
}

bool shelf_make_room(struct worker *w)
{
	return w->resident < w->config->actors.resident || evict(w);
}

void shelf_relieve(struct worker *w, size_t n)
{
	while (!room_for_mail(n) && evict(w))
		;
}

void shelf_sweep(struct worker *w)
{
	uint64_t now = clock_now_ms();
	struct actor *a, *next;

	for (a = TAILQ_FIRST(&w->recent); a; a = next) {
		next = TAILQ_NEXT(a, recent);
		if (a->used_at + w->config->actors.idle > now)
			break;
		if (may_sleep(a))
			wake_passivate(w, a);
	}
}
