/* Running turns: from a message to its code's end, through waits and slices. */
#ifndef WORKER_ACTOR_RUN_H
#define WORKER_ACTOR_RUN_H

#include "worker/actor/host.h"
#include "worker/actor/actor.h"
#include "worker/actor/turn.h"

enum turn_state {
	TURN_RUNNING,   /* its code runs right now */
	TURN_PREEMPTED, /* its slice was over; its step is open */
	TURN_WAITING,   /* for a call, a get or a sleep */
	TURN_ANSWERED,  /* the answer is here, another turn of the actor holds the step */
	TURN_STATE_COUNT
};

/* What the turn is doing for its actor. */
enum turn_phase { TURN_MIGRATE, TURN_CREATE, TURN_ACTIVATE, TURN_CHECK, TURN_METHOD };

struct turn_private {
	struct turn turn;
	TAILQ_ENTRY(turn_private) of_actor;
	TAILQ_ENTRY(turn_private) preempted;
	enum turn_state state;
	enum turn_phase phase;
	struct timer timer;      /* the end of a sleep */
	struct timer deadline;   /* of its message: the requester is told `timeout` then */
	uint32_t call;           /* rid of what it waits for; 0: none */
	uint32_t checked;        /* CHECK: properties of the set that were agreed to */
	enum error_code answer_code; /* ANSWERED */
	struct buffer answer;
};

/* Begins a turn of an actor; take_message may be NULL. The turn may be over when this
 * returns. */
void run_begin(struct worker *w, struct actor *a, enum turn_phase phase, struct message *take_message);

/* Runs the next bit of code of a turn that has been begun: an entry of its class. */
void run_enter(struct worker *w, struct turn_private *t, enum host_entry entry, struct bytes name,
               struct bytes arguments);

/* The answer that a waiting turn is waiting for. */
void run_answer(struct worker *w, struct turn_private *t, const struct host_answer *answer);

/* One more slice for a preempted turn. */
void run_slice(struct worker *w, struct turn_private *t);

/* The turn is over: its message is freed, answered or not, and the actor goes on. */
void run_end(struct worker *w, struct turn_private *t);

/* Gives a turn up from outside: rolled back, its requester answered. */
void run_abort(struct worker *w, struct turn_private *t, enum error_code code, const char *key,
               struct bytes text);

/* The worker ends: turns that wait are given up, answered `draining` where anybody still
 * listens; those that run end by themselves or at turn_limit. */
void run_abandon_waiting(struct worker *w);

#endif
