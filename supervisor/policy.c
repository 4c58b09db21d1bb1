/* Owns the table actions[state][event] of a child's life and the restart limits. */
#include "supervisor/policy.h"

#include <assert.h>

#define BACKOFF_FIRST 50  /* milliseconds */

struct cell {
	enum policy_action action;
	enum policy_state next;
};

static const char *const state_names[POLICY_STATE_COUNT] = {
	[POLICY_NEW] = "new",         [POLICY_STARTING] = "starting",   [POLICY_READY] = "ready",
	[POLICY_DYING] = "dying",     [POLICY_WAITING] = "waiting",     [POLICY_RECYCLING] = "recycling",
	[POLICY_DRAINING] = "draining", [POLICY_ENDED] = "ended",       [POLICY_FAILED] = "down",
};

static const char *const event_names[POLICY_EVENT_COUNT] = {
	[POLICY_START] = "start",     [POLICY_SERVES] = "serves", [POLICY_REFUSES] = "refuses",
	[POLICY_LOST] = "lost",       [POLICY_EXITED] = "exited", [POLICY_SILENT] = "silent",
	[POLICY_TIMER] = "timer",     [POLICY_RECYCLE] = "recycle", [POLICY_REVIVE] = "revive",
	[POLICY_INSIST] = "insist",   [POLICY_DRAIN] = "drain",   [POLICY_HURRY] = "hurry",
};

/* An event that a state does not name changes nothing: late messages of a process
 * that is being killed, a timer that fired while its cause went away. */
static const struct cell actions[POLICY_STATE_COUNT][POLICY_EVENT_COUNT] = {
	[POLICY_NEW] = {
		[POLICY_START]   = { POLICY_SPAWN, POLICY_STARTING },
		[POLICY_DRAIN]   = { POLICY_FINISH, POLICY_ENDED },
		[POLICY_HURRY]   = { POLICY_FINISH, POLICY_ENDED },
	},
	[POLICY_STARTING] = {
		[POLICY_SERVES]  = { POLICY_SERVE, POLICY_READY },
		[POLICY_REFUSES] = { POLICY_AWAIT, POLICY_DYING },
		[POLICY_LOST]    = { POLICY_AWAIT, POLICY_DYING },
		[POLICY_EXITED]  = { POLICY_RESTART, POLICY_WAITING },
		[POLICY_SILENT]  = { POLICY_KILL, POLICY_DYING },
		[POLICY_DRAIN]   = { POLICY_ASK, POLICY_DRAINING },
		[POLICY_HURRY]   = { POLICY_KILL, POLICY_DRAINING },
	},
	[POLICY_READY] = {
		[POLICY_REFUSES] = { POLICY_AWAIT, POLICY_DYING },
		[POLICY_LOST]    = { POLICY_AWAIT, POLICY_DYING },
		[POLICY_EXITED]  = { POLICY_RESTART, POLICY_WAITING },
		[POLICY_SILENT]  = { POLICY_KILL, POLICY_DYING },
		[POLICY_RECYCLE] = { POLICY_ASK, POLICY_RECYCLING },
		[POLICY_DRAIN]   = { POLICY_ASK, POLICY_DRAINING },
		[POLICY_HURRY]   = { POLICY_KILL, POLICY_DRAINING },
	},
	[POLICY_DYING] = {
		[POLICY_EXITED]  = { POLICY_RESTART, POLICY_WAITING },
		[POLICY_TIMER]   = { POLICY_KILL, POLICY_DYING },
		[POLICY_DRAIN]   = { POLICY_AWAIT, POLICY_DRAINING },
		[POLICY_HURRY]   = { POLICY_KILL, POLICY_DRAINING },
	},
	[POLICY_WAITING] = {
		[POLICY_TIMER]   = { POLICY_SPAWN, POLICY_STARTING },
		[POLICY_REVIVE]  = { POLICY_SPAWN, POLICY_STARTING },
		[POLICY_DRAIN]   = { POLICY_FINISH, POLICY_ENDED },
		[POLICY_HURRY]   = { POLICY_FINISH, POLICY_ENDED },
	},
	[POLICY_RECYCLING] = { /* its end was asked for: no death, and no delay */
		[POLICY_EXITED]  = { POLICY_SPAWN, POLICY_STARTING },
		[POLICY_TIMER]   = { POLICY_KILL, POLICY_RECYCLING },
		[POLICY_DRAIN]   = { POLICY_ASK, POLICY_DRAINING },
		[POLICY_HURRY]   = { POLICY_KILL, POLICY_DRAINING },
	},
	[POLICY_DRAINING] = {
		[POLICY_EXITED]  = { POLICY_FINISH, POLICY_ENDED },
		[POLICY_TIMER]   = { POLICY_KILL, POLICY_DRAINING },
		[POLICY_HURRY]   = { POLICY_KILL, POLICY_DRAINING },
	},
	[POLICY_FAILED] = {
		[POLICY_REVIVE]  = { POLICY_SPAWN, POLICY_STARTING },
		[POLICY_INSIST]  = { POLICY_DELAY, POLICY_WAITING },
		[POLICY_DRAIN]   = { POLICY_FINISH, POLICY_ENDED },
		[POLICY_HURRY]   = { POLICY_FINISH, POLICY_ENDED },
	},
};

const char *policy_state_name(enum policy_state state)
{
	return state_names[state];
}

const char *policy_event_name(enum policy_event event)
{
	return event_names[event];
}

uint64_t policy_backoff(uint32_t n)
{
	uint64_t delay = BACKOFF_FIRST;

	if (n <= 1)
		return 0;
	for (uint32_t i = 2; i < n && delay < POLICY_BACKOFF_MOST; i++)
		delay *= 2;
	return delay < POLICY_BACKOFF_MOST ? delay : POLICY_BACKOFF_MOST;
}

/* How often it ended within the period that ends now. */
static uint32_t recent_ends(const struct policy *p, uint64_t period, uint64_t now)
{
	uint32_t kept = p->ended < POLICY_HISTORY ? p->ended : POLICY_HISTORY;
	uint32_t n = 0;

	while (n < kept && now - p->ends[(p->ended - 1 - n) % POLICY_HISTORY] < period)
		n++;
	return n;
}

bool policy_settled(const struct policy *p, const struct policy_limits *limits, uint64_t now)
{
	return p->state == POLICY_READY && now - p->served_at >= limits->period;
}

static struct policy_decision restart(struct policy *p, const struct policy_limits *limits, uint64_t now)
{
	uint32_t n;

	p->ends[p->ended++ % POLICY_HISTORY] = now;
	n = recent_ends(p, limits->period, now);
	if (p->insists)
		return (struct policy_decision){ POLICY_DELAY, POLICY_BACKOFF_MOST };
	if (p->refused || n > limits->intensity) {
		p->state = POLICY_FAILED;
		return (struct policy_decision){ POLICY_GIVE_UP, 0 };
	}
	return (struct policy_decision){ POLICY_DELAY, policy_backoff(n) };
}

/* What an event says of the child beside the state it leads to. */
static void learn(struct policy *p, const struct policy_limits *limits, enum policy_event event, uint64_t now)
{
	if (event == POLICY_REFUSES && p->state == POLICY_STARTING && !p->proven)
		p->refused = true;
	if (event == POLICY_EXITED && policy_settled(p, limits, now))
		p->insists = false;
}

struct policy_decision policy_step(struct policy *p, const struct policy_limits *limits,
                                   enum policy_event event, uint64_t now)
{
	const struct cell *cell;

	assert(p->state < POLICY_STATE_COUNT && event < POLICY_EVENT_COUNT);
	cell = &actions[p->state][event];
	learn(p, limits, event, now);
	if (cell->action == POLICY_NOTHING)
		return (struct policy_decision){ POLICY_NOTHING, 0 };
	p->state = cell->next;
	if (cell->action == POLICY_SERVE) {
		p->proven = true;
		p->served_at = now;
	}
	if (event == POLICY_REVIVE) {
		p->ended = 0;
		p->insists = p->refused = false;
	}
	if (event == POLICY_INSIST) {
		p->insists = true;
		return (struct policy_decision){ POLICY_DELAY, POLICY_BACKOFF_MOST };
	}
	if (cell->action == POLICY_RESTART)
		return restart(p, limits, now);
	return (struct policy_decision){ cell->action, 0 };
}

enum policy_verdict policy_verdict(const struct policy *p, enum control_role role, uint32_t siblings,
                                   bool serving)
{
	static const enum policy_verdict last[CONTROL_ROLE_COUNT] = {
		[CONTROL_STORE] = POLICY_NODE_ENDS,
		[CONTROL_GATEWAY] = POLICY_NODE_ENDS,
		[CONTROL_ACTOR] = POLICY_INSISTS,
		[CONTROL_TUNNEL] = POLICY_INSISTS,
	};

	if (p->refused && !serving)
		return POLICY_NODE_ENDS;
	if (siblings > 0)
		return POLICY_STAYS_DOWN;
	return serving ? last[role] : POLICY_NODE_ENDS;
}
