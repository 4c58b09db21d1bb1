/* Many timers of one process: a wheel of milliseconds in several levels, fired by whoever drives
 * it with the present time. To set and to clear one takes the same little time however many there
 * are. Pure: no loop, no clock. */
#ifndef COMMON_TIMER_H
#define COMMON_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define TIMER_SLOTS 256
#define TIMER_LEVELS 8 /* of a byte of the moment each */

/* Embedded in its owner; zeroed memory is a timer that is not set. */
struct timer {
	uint64_t at;  /* milliseconds, monotonic */
	size_t place; /* the slot it is in, from 1; 0: not set */
	void (*on_fire)(struct timer *timer);
	TAILQ_ENTRY(timer) next; /* in its slot, in the order in which they were set */
};

TAILQ_HEAD(timer_list, timer);

/* Zeroed memory is a wheel without timers. */
struct timers {
	uint64_t base;  /* everything due before has fired */
	size_t count;
	struct timer_list *slots; /* level by level; NULL before the first one is set */
	uint64_t used[TIMER_LEVELS][TIMER_SLOTS / 64]; /* a bit for each slot that is not empty */
};

void timers_fini(struct timers *t);

/* Sets or moves a timer. */
void timer_set(struct timers *t, struct timer *timer, uint64_t at, void (*on_fire)(struct timer *timer));

/* Does nothing to one that is not set. */
void timer_clear(struct timers *t, struct timer *timer);

/* Fires every timer due at now, earliest first, and those of one moment as they were set; each
 * is unset before its call, which may set and clear timers. */
void timers_run(struct timers *t, uint64_t now);

/* When to run them next: no later than the next one is due, and earlier by a fraction of what is
 * left until then at most. False where none is set. */
bool timers_next(const struct timers *t, uint64_t *ret_at);

#endif
