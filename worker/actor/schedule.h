/* Who runs next: each loop turn the worker takes the mail of ready actors, then gives
 * one preempted turn a slice, then sends what has changed to the store. */
#ifndef WORKER_ACTOR_SCHEDULE_H
#define WORKER_ACTOR_SCHEDULE_H

#include "worker/actor/worker.h"

/* Longest time messages are taken before links and clients get their go. */
#define SCHEDULE_TURN_NS 4000000

/* A frame from a gateway or from this worker itself. false: malformed or unknown. */
bool schedule_frame(struct worker *w, uint16_t peer, struct bytes body);

/* One loop turn. True: there is more to run, do not sleep. */
bool schedule_run(struct worker *w);

#endif
