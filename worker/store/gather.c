/* Whom a group waits for, and when not to. */
#include "worker/store/gather.h"

#define FLUSHES 8     /* no longer than so many flushes take: where those are short, so is the gain */
#define FORGIVEN 3    /* waits in vain: clients may have had bad luck with their processor */
#define SKIP_MOST 6   /* as a power of two */

uint64_t gather_begin(struct gather *g, uint64_t answered, uint64_t flush_ns, uint64_t early, uint64_t *ret_wanted)
{
	uint64_t wait = flush_ns * FLUSHES < g->most_ns ? flush_ns * FLUSHES : g->most_ns;

	if (wait == 0 || answered == 0)
		return 0;
	if (g->skip > 0) {
		g->skip--;
		return 0;
	}
	g->answered = answered;
	g->early = early;
	*ret_wanted = answered + early;
	return wait;
}

/* Nobody was kept waiting where none came. Half of those who were answered are enough. */
void gather_end(struct gather *g, uint64_t waiting)
{
	if (waiting == 0)
		return;
	if ((waiting - g->early) * 2 >= g->answered) {
		g->vain = 0;
		return;
	}
	g->vain += g->vain < FORGIVEN + SKIP_MOST;
	g->skip = g->vain > FORGIVEN ? (1u << (g->vain - FORGIVEN)) - 1 : 0;
}
