/* A look ahead. A message to one of many actors waits for memory several times over: for the
 * actor's place in the table, for the actor, for its properties. Of messages that have come
 * together these are fetched together, before the first of them is taken. (Group prefetching:
 * Chen et al., "Improving Hash Join Performance through Prefetching", ICDE 2004) */
#ifndef WORKER_ACTOR_AHEAD_H
#define WORKER_ACTOR_AHEAD_H

#include "common/bytes.h"

struct worker;

/* Bodies of frames that follow next, count <= LINK_AHEAD. Nothing changes by it. */
void ahead_fetch(const struct worker *w, const struct bytes *bodies, unsigned count);

#endif
