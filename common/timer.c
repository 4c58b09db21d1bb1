/* The wheel of timers. A timer's level is that of the highest byte in which its moment and the
 * present differ, its slot there is that byte: what is in a level comes after all that is in those
 * below it, and in the order of the slots. When the present reaches a slot of a higher level, its
 * timers move down. Most are cleared long before. */
#include "common/timer.h"

#include <stdlib.h>

#include "common/memory.h"

static unsigned level_of(uint64_t difference)
{
	return difference ? (63u - (unsigned)__builtin_clzll(difference)) / 8 : 0;
}

static void file(struct timers *t, struct timer *timer)
{
	uint64_t at = timer->at > t->base ? timer->at : t->base;
	unsigned level = level_of(at ^ t->base), slot = at >> 8 * level & (TIMER_SLOTS - 1);

	timer->place = level * TIMER_SLOTS + slot + 1;
	TAILQ_INSERT_TAIL(&t->slots[timer->place - 1], timer, next);
	t->used[level][slot / 64] |= UINT64_C(1) << slot % 64;
}

static void take_out(struct timers *t, struct timer *timer)
{
	unsigned slot = (unsigned)(timer->place - 1);

	TAILQ_REMOVE(&t->slots[slot], timer, next);
	if (TAILQ_EMPTY(&t->slots[slot]))
		t->used[slot / TIMER_SLOTS][slot % TIMER_SLOTS / 64] &= ~(UINT64_C(1) << slot % 64);
	timer->place = 0;
}

static void make_slots(struct timers *t)
{
	t->slots = memory_new(TIMER_LEVELS * TIMER_SLOTS * sizeof(*t->slots));
	for (unsigned i = 0; i < TIMER_LEVELS * TIMER_SLOTS; i++)
		TAILQ_INIT(&t->slots[i]);
}

void timers_fini(struct timers *t)
{
	free(t->slots);
	*t = (struct timers){ 0 };
}

void timer_set(struct timers *t, struct timer *timer, uint64_t at, void (*on_fire)(struct timer *timer))
{
	timer_clear(t, timer);
	if (t->slots == NULL)
		make_slots(t);
	timer->at = at;
	timer->on_fire = on_fire;
	t->count++;
	file(t, timer);
}

void timer_clear(struct timers *t, struct timer *timer)
{
	if (timer->place == 0)
		return;
	take_out(t, timer);
	t->count--;
}

/* The first slot that is not empty, and the moment at which it begins. */
static bool first_slot(const struct timers *t, unsigned *ret_level, unsigned *ret_slot, uint64_t *ret_at)
{
	if (t->count == 0)
		return false;
	for (unsigned level = 0; level < TIMER_LEVELS; level++) {
		for (unsigned i = 0; i < TIMER_SLOTS / 64; i++) {
			uint64_t used = t->used[level][i], above;

			if (used == 0)
				continue;
			*ret_level = level;
			*ret_slot = i * 64 + (unsigned)__builtin_ctzll(used);
			above = level + 1 < TIMER_LEVELS ? t->base >> 8 * (level + 1) << 8 * (level + 1) : 0;
			*ret_at = above | (uint64_t)*ret_slot << 8 * level;
			return true;
		}
	}
	return false;
}

static void move_down(struct timers *t, struct timer_list *slot)
{
	struct timer *timer;

	while ((timer = TAILQ_FIRST(slot)) != NULL) {
		take_out(t, timer);
		file(t, timer);
	}
}

void timers_run(struct timers *t, uint64_t now)
{
	unsigned level, slot;
	uint64_t at;

	while (first_slot(t, &level, &slot, &at) && at <= now) {
		struct timer_list *list = &t->slots[level * TIMER_SLOTS + slot];

		t->base = at;
		if (level > 0) {
			move_down(t, list);
		} else {
			struct timer *timer = TAILQ_FIRST(list);

			timer_clear(t, timer);
			timer->on_fire(timer);
		}
	}
	if (t->base < now)
		t->base = now;
}

bool timers_next(const struct timers *t, uint64_t *ret_at)
{
	unsigned level, slot;

	return first_slot(t, &level, &slot, ret_at);
}
