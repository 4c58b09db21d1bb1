/* What a child's state makes of an event, and how often a child may be restarted.
 * Pure: no process, no clock; the caller carries the action out. */
#ifndef SUPERVISOR_POLICY_H
#define SUPERVISOR_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/control.h"

enum policy_state {
	POLICY_NEW,      /* never started */
	POLICY_STARTING, /* runs, not ready yet */
	POLICY_READY,    /* serves */
	POLICY_DYING,    /* it said that it fails, was killed, or closed its channel: its exit is awaited */
	POLICY_WAITING,  /* gone; a restart is due */
	POLICY_RECYCLING, /* asked to finish and exit, so that a successor can start */
	POLICY_DRAINING, /* asked to finish and exit */
	POLICY_ENDED,    /* gone for good, as asked */
	POLICY_FAILED,   /* gone: it died too often; an operator may revive it */
	POLICY_STATE_COUNT
};

enum policy_event {
	POLICY_START,  /* the node wants it to run */
	POLICY_SERVES, /* CONTROL_READY */
	POLICY_REFUSES, /* CONTROL_FAILED */
	POLICY_LOST,   /* its channel closed */
	POLICY_EXITED, /* its process is gone */
	POLICY_SILENT, /* it has not answered for too long */
	POLICY_TIMER,  /* the time that the last action set is over */
	POLICY_RECYCLE, /* an operator wants a new process in its place */
	POLICY_REVIVE,  /* an operator wants it back: what was is forgotten */
	POLICY_INSIST,  /* nobody can stand in for it: it is tried for ever */
	POLICY_DRAIN,  /* the node stops */
	POLICY_HURRY,  /* the node stops and waits no longer */
	POLICY_EVENT_COUNT
};

enum policy_action {
	POLICY_NOTHING,
	POLICY_SPAWN,
	POLICY_SERVE,  /* it is ready: tell the node */
	POLICY_AWAIT,  /* give it a moment to exit by itself */
	POLICY_KILL,
	POLICY_DELAY,  /* restart it after `delay` */
	POLICY_GIVE_UP, /* it died too often: policy_verdict() says what follows */
	POLICY_ASK,    /* send DRAIN and bound the waiting */
	POLICY_FINISH, /* it ended as asked: tell the node */
	POLICY_RESTART, /* in the table only: becomes POLICY_DELAY or POLICY_GIVE_UP */
	POLICY_ACTION_COUNT
};

#define POLICY_HISTORY 64 /* ends remembered: an intensity from here on is never exceeded */

struct policy_limits {
	uint64_t intensity; /* restarts allowed within a period */
	uint64_t period;    /* milliseconds */
};

struct policy {
	enum policy_state state;
	bool proven;  /* it has served once: a refusal later is worth another try */
	bool refused; /* it refused to start before it ever served */
	bool insists; /* tried for ever, slowly, until it has served for a whole period */
	uint64_t served_at; /* when it last became ready */
	uint64_t ends[POLICY_HISTORY]; /* when it ended unasked, a ring */
	uint32_t ended; /* how often */
};

struct policy_decision {
	enum policy_action action;
	uint64_t delay; /* milliseconds, with POLICY_DELAY */
};

/* What follows from POLICY_GIVE_UP. */
enum policy_verdict {
	POLICY_NODE_ENDS,  /* the node cannot do without it */
	POLICY_STAYS_DOWN, /* its siblings take its work over */
	POLICY_INSISTS,    /* nobody can, and clients' sessions must live on: POLICY_INSIST */
};

/* siblings: how many others of its role have not failed; serving: the node has served. */
enum policy_verdict policy_verdict(const struct policy *p, enum control_role role, uint32_t siblings,
                                   bool serving);

/* It has served for a whole period: what happened before is past. */
bool policy_settled(const struct policy *p, const struct policy_limits *limits, uint64_t now);

/* The names shown to operators: `starting`, `ready` … */
const char *policy_state_name(enum policy_state state);
const char *policy_event_name(enum policy_event event);

/* Moves to the next state and says what to do. */
struct policy_decision policy_step(struct policy *p, const struct policy_limits *limits,
                                   enum policy_event event, uint64_t now);

/* The pause before the nth restart within a period (n from 1): none before the
 * first, then doubling from 50 ms, at most POLICY_BACKOFF_MOST. */
#define POLICY_BACKOFF_MOST 5000 /* milliseconds */
uint64_t policy_backoff(uint32_t n);

#endif
