/* How long the next group is waited for. Clients whose writes have just been answered are
 * likely to come back with others: a group that waits for them saves a flush, and all of them
 * are answered sooner than by two groups in turns. Pure: times and counts come from outside. */
#ifndef WORKER_STORE_GATHER_H
#define WORKER_STORE_GATHER_H

#include <stdint.h>

/* Zeroed: never waits. */
struct gather {
	uint64_t most_ns; /* longest wait; 0: none */
	uint64_t early;   /* changes that had come before the last group was answered */
	uint64_t answered;
	unsigned vain;    /* waits in a row for nobody */
	unsigned skip;    /* groups that are not waited for, for that reason */
};

/* A group of so many changes, which took flush_ns to be written, is answered now; `early`
 * others have come meanwhile. Nanoseconds to wait until there are *ret_wanted; 0: it is not
 * worth it. */
uint64_t gather_begin(struct gather *g, uint64_t answered, uint64_t flush_ns, uint64_t early, uint64_t *ret_wanted);

/* That wait is over, with so many. */
void gather_end(struct gather *g, uint64_t waiting);

#endif
