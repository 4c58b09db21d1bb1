/* What a run adds up to: latencies by verb, errors by code, wrong answers. */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdbool.h>

#include "common/bytes.h"
#include "common/histogram.h"
#include "tests/bench/operation.h"

#define TALLY_CODES_MAX 48

struct tally_error {
	char code[33];
	uint64_t count;
};

struct tally {
	bool measuring;          /* operations and events count only now */
	uint64_t started, ended; /* clock_now_ns() */
	struct histogram all;    /* nanoseconds; its count is the operations' */
	struct histogram verbs[VERB_COUNT];
	uint64_t events;
	/* Of the whole run, filling and warm-up included: a bad start should show. */
	struct tally_error errors[TALLY_CODES_MAX];
	unsigned code_count;
	uint64_t error_count;
	uint64_t wrong;
};

void tally_operation(struct tally *t, enum verb verb, uint64_t nanoseconds);

/* An error is never an operation, however fast it came. */
void tally_error(struct tally *t, struct bytes code);

/* An answer that must not be: the first few are also printed to stderr. */
void tally_wrong(struct tally *t, const char *why, struct bytes what);

#endif
