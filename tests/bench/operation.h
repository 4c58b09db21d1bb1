/* One request of the load and what its reply should say. */
#ifndef BENCH_OPERATION_H
#define BENCH_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

enum verb { VERB_GET, VERB_SET, VERB_CALL, VERB_WATCH, VERB_UNWATCH, VERB_COUNT };

extern const char *const verb_names[VERB_COUNT];

struct operation {
	enum verb verb;
	uint64_t id; /* unique on its connection; its slot is id % depth */
	uint64_t key;
	uint64_t target; /* unwatch: the watch's id */
	uint64_t sent;   /* clock_now_ns() */
	int64_t value;   /* set: what is set; get, call: the answer expected, where certain */
	bool in_flight;
	bool certain;   /* nobody else changes the key, so the answer is known beforehand */
	uint32_t epoch; /* the expectation's, see workload.h */
};

#endif
