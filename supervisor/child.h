/* One child of the supervisor: its process, its channel and its state. */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <ev.h>
#include <sys/types.h>

#include "common/channel.h"
#include "proto/control.h"
#include "proto/scoreboard.h"
#include "supervisor/death.h"
#include "supervisor/policy.h"

struct node;

struct child {
	struct node *node;
	enum control_role role;
	uint32_t index, incarnation; /* incarnation counts the starts of this slot */
	char name[24];               /* `actor/0`, `store`, `tunnel` */
	struct policy policy;
	pid_t pid;       /* 0: no process */
	bool connected;  /* channel is initialised */
	bool lost;       /* the channel closed */
	bool reaped;     /* the process is gone; its last messages may still be in the channel */
	bool overdue;    /* was killed because it did not drain in time */
	int wait_status;
	uint32_t deaths; /* ends that nobody had asked for */
	struct channel channel;
	struct ev_child watcher;
	struct ev_timer timer;  /* of the last action, see policy.h */
	uint64_t started_at;    /* CLOCK_MONOTONIC ms of this incarnation */
	uint64_t pinged_at;     /* when the oldest unanswered PING was sent, 0: none */
	uint64_t heard_at;      /* when it said anything last, 0: never */
	int failed_status;      /* of CONTROL_FAILED, 0: none */
	const char *cause;      /* why the supervisor killed it, NULL: it did not */
	enum death_order order; /* the same, as death.h knows it */
	struct scoreboard *board; /* of an actor worker, else NULL */
	uint64_t memory_kills;  /* the kernel's count when it began */
};

void child_init(struct child *c, struct node *node, enum control_role role, uint32_t index);
void child_fini(struct child *c);

/* How often it may be restarted. */
struct policy_limits child_limits(const struct child *c);

/* Something happened to the child: asks the policy and carries the answer out. */
void child_event(struct child *c, enum policy_event event);

/* It drains, for good or to be replaced: its end is no death. */
bool child_asked_to_end(const struct child *c);

/* It has a process and a channel that takes messages. */
bool child_reachable(const struct child *c);

/* Sends one message and clears it; take_fd is consumed, -1 for none. Where the child
 * is unreachable or its channel fails nothing happens here: its loss is reported. */
void child_send(struct child *c, struct buffer *message, int take_fd);

/* Sends PING, or finds that the child has been silent for too long. late: the
 * supervisor itself has just been stopped for a while and must not blame others. */
void child_tick(struct child *c, uint64_t now, bool late);

#endif
