/* Which operation a connection sends next, and whether its answer makes sense. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "tests/bench/protocol.h"

/* What a value that only this connection changes should be. An operation that fails
 * leaves it unknown until the next set; operations sent in an epoch before are then
 * not held against it. */
struct expectation {
	int64_t value;
	uint32_t epoch;
	bool known;
};

struct workload {
	const struct settings *settings;
	uint64_t random;
	uint64_t index;              /* of the connection */
	uint64_t fill;               /* next key to fill: index, index + connections, … */
	struct expectation *numbers; /* own_keys: one for each own key, else NULL */
	struct expectation *texts;   /* the same for the text property */
};

void workload_init(struct workload *w, const struct settings *settings, uint64_t index);
void workload_fini(struct workload *w);

/* Verb, key and value of the next request at random; leaves op's other fields alone. */
void workload_next(struct workload *w, struct operation *op);

/* The same for bringing this connection's part of the keys to life: false where all
 * of it has been. Sets them if the mix sets, otherwise gets them. */
bool workload_fill(struct workload *w, struct operation *op);

/* NULL, or what is wrong with the (positive) answer (static). learn: nothing else was
 * under way for the key, so the answer is what is expected from here on. */
const char *workload_check(struct workload *w, const struct operation *op,
			   const struct reply *reply, bool learn);

/* The operation failed: it may have happened or not. */
void workload_failed(struct workload *w, const struct operation *op);

#endif
