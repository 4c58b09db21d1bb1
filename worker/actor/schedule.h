/* Who runs next: each loop turn the worker takes the mail of ready actors, then gives
 * one preempted turn or slow actor a slice, then sends what has changed to the store. */
#ifndef WORKER_ACTOR_SCHEDULE_H
#define WORKER_ACTOR_SCHEDULE_H

#include "worker/actor/worker.h"

/* Longest time messages are taken before links and clients get their go. */
#define SCHEDULE_TURN_NS 4000000

/* A turn that is preempted, waits or fails only after so long makes its actor slow: its next
 * message is taken like a slice, one in a loop turn, so that loops which end soon and are sent
 * again and again do not add up. */
#define SCHEDULE_SLOW_NS 1500000

/* What actors of this worker have sent each other arrives. */
void schedule_take_loopback(struct worker *w);

/* A frame from a gateway or from this worker itself. false: malformed or unknown. */
bool schedule_frame(struct worker *w, uint16_t peer, struct bytes body);

/* One loop turn. True: there is more to run, do not sleep. */
bool schedule_run(struct worker *w);

#endif
