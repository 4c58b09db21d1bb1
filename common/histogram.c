/* Cells of the histogram: exact below 64 ns, then 32 steps per power of two. */
#include "common/histogram.h"

#include <string.h>

void histogram_reset(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
}

static unsigned cell(uint64_t v)
{
	unsigned power, i;

	if (v < 64)
		return (unsigned)v;
	power = 63 - (unsigned)__builtin_clzll(v);
	i = 64 + (power - 6) * 32 + (unsigned)(v >> (power - 5) & 31);
	return i < HISTOGRAM_CELLS ? i : HISTOGRAM_CELLS - 1;
}

/* The middle of a cell. */
static uint64_t middle(unsigned i)
{
	unsigned power;

	if (i < 64)
		return i;
	power = (i - 64) / 32 + 6;
	return ((uint64_t)(32 + (i - 64) % 32) << (power - 5)) + (UINT64_C(1) << (power - 5)) / 2;
}

void histogram_record(struct histogram *h, uint64_t nanoseconds)
{
	h->cells[cell(nanoseconds)]++;
	h->count++;
	h->sum += nanoseconds;
	if (nanoseconds > h->max)
		h->max = nanoseconds;
}

uint64_t histogram_quantile(const struct histogram *h, double quantile)
{
	uint64_t wanted = (uint64_t)(quantile * (double)h->count), seen = 0;

	if (h->count == 0)
		return 0;
	if (wanted >= h->count)
		return h->max;
	for (unsigned i = 0; i < HISTOGRAM_CELLS; i++) {
		seen += h->cells[i];
		if (seen > wanted)
			return middle(i) < h->max ? middle(i) : h->max;
	}
	return h->max;
}
