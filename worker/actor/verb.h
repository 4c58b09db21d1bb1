/* The verbs of a request: what an active actor does with get, set, call, tell, watch. */
#ifndef WORKER_ACTOR_VERB_H
#define WORKER_ACTOR_VERB_H

#include "worker/actor/run.h"

/* One row per verb: a request's way begins here. */
struct verb_row {
	enum ipc_verb verb;
	const char *word;
	void (*run)(struct worker *w, struct actor *a, struct message *take_message);
};

extern const struct verb_row verb_rows[];

/* Runs one message of an active actor; it may be over when this returns. */
void verb_run(struct worker *w, struct actor *a, struct message *take_message);

/* A turn that verb_run() began enters the class's code. */
void verb_enter(struct worker *w, struct turn_private *t);

/* That code has returned. True: the turn is over and freed. */
bool verb_done(struct worker *w, struct turn_private *t, struct bytes result);

#endif
