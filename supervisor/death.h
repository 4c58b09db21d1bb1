/* What ended a child, and whether the code it was running is to blame. Pure. */
#ifndef SUPERVISOR_DEATH_H
#define SUPERVISOR_DEATH_H

#include "common/buffer.h"
#include "proto/scoreboard.h"

enum death_cause {
	DEATH_EXIT,    /* it exited by itself */
	DEATH_SIGNAL,  /* a signal that its own code caused: a fault, an abort */
	DEATH_MEMORY,  /* the kernel killed it because memory ran out */
	DEATH_HANG,    /* it did not answer for hang_timeout: the supervisor killed it */
	DEATH_STOPPED, /* the same, because somebody had stopped it (SIGSTOP) */
	DEATH_OUTSIDE, /* a signal that somebody else sent */
	DEATH_ORDERED, /* the supervisor killed it for any other reason */
	DEATH_CAUSE_COUNT
};

/* Why the supervisor killed it; 0: it did not. */
enum death_order { DEATH_NO_ORDER, DEATH_ORDER_HANG, DEATH_ORDER_STOPPED, DEATH_ORDER_OTHER };

/* A turn that has run for so long is no coincidence where somebody else's signal struck. */
#define DEATH_LONG_MS 100

struct death_facts {
	int wait_status; /* of waitpid() */
	enum death_order order;
	bool out_of_memory;   /* the kernel has killed for want of memory in its lifetime */
	uint64_t alive_at_ns; /* CLOCK_MONOTONIC, the last moment it can have been running */
	struct scoreboard_entry running; /* IDLE: no user code */
	struct scoreboard_signal signal;
};

struct death {
	enum death_cause cause;
	bool blame;      /* what was running caused it, as far as anybody can tell */
	uint64_t ran_ms; /* how long that had been running */
};

/* `exit`, `signal`, `memory` … as counted and shown. */
const char *death_cause_name(enum death_cause cause);

struct death death_judge(const struct death_facts *facts);

/* `signal 11 (Segmentation fault) at 0x10`, `exit 3`, `hang` … */
void death_describe(const struct death_facts *facts, struct buffer *out);

#endif
