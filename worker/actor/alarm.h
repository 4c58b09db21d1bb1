/* Alarms: an actor's own timers, stage.after() and stage.every(). They end with the
 * activation. */
#ifndef WORKER_ACTOR_ALARM_H
#define WORKER_ACTOR_ALARM_H

#include "worker/actor/actor.h"

struct step;

struct alarm {
	struct timer timer;
	struct actor *actor;
	struct alarm *next;      /* of the actor */
	struct alarm *step_next; /* of the step that began it, until that ends */
	uint32_t id;
	uint64_t every;          /* milliseconds; 0: once */
	char *method;
	struct bytes arguments;  /* owned */
};

/* Begins one within a's open step. */
uint32_t alarm_begin(struct worker *w, struct actor *a, uint64_t ms, bool every,
                     struct bytes method, struct bytes arguments);

/* Ends one at once, whatever becomes of the step. false: there is none of that number. */
bool alarm_cancel(struct worker *w, struct actor *a, uint32_t id);

/* The step was committed: its alarms stay. */
void alarm_keep(struct step *s);
/* It was rolled back: they never were. */
void alarm_take_back(struct worker *w, struct actor *a, struct step *s);

void alarm_end_all(struct worker *w, struct actor *a);

#endif
