/* The shelf of resident actors: who is in memory, least recently used first, and when
 * one of them goes to sleep. */
#ifndef WORKER_ACTOR_SHELF_H
#define WORKER_ACTOR_SHELF_H

#include "worker/actor/actor.h"

void shelf_add(struct worker *w, struct actor *a);
void shelf_remove(struct worker *w, struct actor *a);

/* It is being used. */
void shelf_touch(struct worker *w, struct actor *a);

/* Room for one more, if need be by passivating an idle one. false: everyone is busy, is
 * kept by alarms or watches of its own, or lives in memory only. */
bool shelf_make_room(struct worker *w);

/* Passivates idle ones, least recently used first, until n bytes of mail have room. */
void shelf_relieve(struct worker *w, size_t n);

/* Passivates those unused since [actors] idle. */
void shelf_sweep(struct worker *w);

#endif
