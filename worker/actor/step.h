/* A step: what a turn does between two waits. It is committed as a whole (one version,
 * one event, one durable write, then its outputs) or rolled back as a whole. */
#ifndef WORKER_ACTOR_STEP_H
#define WORKER_ACTOR_STEP_H

#include "worker/actor/actor.h"

struct undo {
	uint32_t index;
	struct slot old;
};

#define STEP_FEW 4

struct step {
	struct undo *undo;  /* each changed property once; `few` or memory of its own */
	struct undo few[STEP_FEW];
	uint32_t count, capacity;
	struct buffer requests; /* calls, tells and watches of the step (outbox.h) */
	struct alarm *alarms;   /* after() and every() of the step, newest first */
	uint32_t *calls;        /* rids of watches the step asks for, to be forgotten on rollback */
	uint32_t call_count;
};

/* Opens a's step where none is open. */
struct step *step_open(struct actor *a);

/* Assigns a property within the open step; take is consumed. An equal value changes
 * nothing. -EDQUOT over limit bytes; -ENOMEM where the worker has no room; -EDOM. */
int step_assign(struct actor *a, uint32_t index, struct value *take, size_t limit);

/* The property as of the last step that ended. */
const struct slot *step_committed(const struct actor *a, uint32_t index);

/* Ends the open step, if any. Commit: the version grows by one if anything changed,
 * watchers get their event, the store its write, and the requests leave when that is
 * safe. force_write: written even without a change. */
void step_commit(struct worker *w, struct actor *a, bool force_write);
void step_rollback(struct worker *w, struct actor *a);

#endif
