/* A log-linear latency histogram: 32 steps per power of two, at most 3 % off. */
#ifndef COMMON_HISTOGRAM_H
#define COMMON_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_CELLS (64 + 32 * 40)

struct histogram {
	uint64_t cells[HISTOGRAM_CELLS];
	uint64_t count, sum, max;
};

void histogram_reset(struct histogram *h);
void histogram_record(struct histogram *h, uint64_t nanoseconds);

/* quantile in 0..1; 0 where nothing was recorded. */
uint64_t histogram_quantile(const struct histogram *h, double quantile);

#endif
