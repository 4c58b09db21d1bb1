/* Many timers of one process: a binary heap of moments, fired by whoever drives it
 * with the present time. Pure: no loop, no clock. */
#ifndef COMMON_TIMER_H
#define COMMON_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in its owner; zeroed memory is a timer that is not set. */
struct timer {
	uint64_t at;  /* milliseconds, monotonic */
	size_t place; /* in the heap from 1; 0: not set */
	void (*on_fire)(struct timer *timer);
};

struct timers {
	struct timer **heap; /* heap[0] is unused */
	size_t count, capacity;
};

void timers_fini(struct timers *t);

/* Sets or moves a timer. */
void timer_set(struct timers *t, struct timer *timer, uint64_t at, void (*on_fire)(struct timer *timer));

/* Does nothing to one that is not set. */
void timer_clear(struct timers *t, struct timer *timer);

/* Fires every timer due at now, earliest first; each is unset before its call, which
 * may set and clear timers. */
void timers_run(struct timers *t, uint64_t now);

/* When the next one is due; false where none is set. */
bool timers_next(const struct timers *t, uint64_t *ret_at);

#endif
