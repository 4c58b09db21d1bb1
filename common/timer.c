/* The heap of timers. */
#include "common/timer.h"

#include <stdlib.h>

#include "common/memory.h"

static void place(struct timers *t, size_t at, struct timer *timer)
{
	t->heap[at] = timer;
	timer->place = at;
}

static void rise(struct timers *t, size_t at)
{
	struct timer *timer = t->heap[at];

	while (at > 1 && t->heap[at / 2]->at > timer->at) {
		place(t, at, t->heap[at / 2]);
		at /= 2;
	}
	place(t, at, timer);
}

static void sink(struct timers *t, size_t at)
{
	struct timer *timer = t->heap[at];

	for (;;) {
		size_t child = at * 2;

		if (child > t->count)
			break;
		if (child < t->count && t->heap[child + 1]->at < t->heap[child]->at)
			child++;
		if (t->heap[child]->at >= timer->at)
			break;
		place(t, at, t->heap[child]);
		at = child;
	}
	place(t, at, timer);
}

void timers_fini(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ 0 };
}

void timer_set(struct timers *t, struct timer *timer, uint64_t at, void (*on_fire)(struct timer *timer))
{
	timer_clear(t, timer);
	if (t->count + 2 > t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : 64;
		t->heap = memory_grow(t->heap, t->capacity, sizeof(*t->heap));
	}
	timer->at = at;
	timer->on_fire = on_fire;
	place(t, ++t->count, timer);
	rise(t, timer->place);
}

void timer_clear(struct timers *t, struct timer *timer)
{
	size_t at = timer->place;
	struct timer *last;

	if (at == 0)
		return;
	timer->place = 0;
	last = t->heap[t->count--];
	if (last == timer)
		return;
	place(t, at, last);
	rise(t, at);
	sink(t, last->place);
}

void timers_run(struct timers *t, uint64_t now)
{
	while (t->count > 0 && t->heap[1]->at <= now) {
		struct timer *timer = t->heap[1];

		timer_clear(t, timer);
		timer->on_fire(timer);
	}
}

bool timers_next(const struct timers *t, uint64_t *ret_at)
{
	if (t->count == 0)
		return false;
	*ret_at = t->heap[1]->at;
	return true;
}
