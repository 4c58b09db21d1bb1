/* The closed loop: every answer makes room for the next request, until the time is over. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "tests/bench/cpu.h"
#include "tests/bench/settings.h"
#include "tests/bench/tally.h"

struct load_result {
	struct tally tally;
	struct cpu_sample server; /* time per process during the measurement */
	uint64_t generator;       /* our own processor time during it, nanoseconds */
};

/* Connects, fills, warms up, measures and waits for the last answers. 0: there is a
 * result; otherwise what went wrong has been printed to stderr and -errno is returned. */
int load_run(const struct settings *settings, struct load_result *ret);

#endif
