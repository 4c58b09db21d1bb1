/* A gateway as a whole: what its parts share. One per process, made by main.c. */
#ifndef WORKER_GATEWAY_GATEWAY_H
#define WORKER_GATEWAY_GATEWAY_H

#include <ev.h>

#include "common/link.h"
#include "common/map.h"
#include "proto/client.h"
#include "worker/child.h"
#include "worker/gateway/room.h"
#include "worker/gateway/session.h"

#define GATEWAY_WORKERS_MAX 256 /* bits of subject.relays */
#define GATEWAY_READ 16384      /* bytes read from a client at once, into one shared buffer */

struct pending;
TAILQ_HEAD(pending_list, pending);

/* An actor worker as this gateway sees it. */
struct worker_link {
	struct gateway *gateway;
	struct link *link;         /* NULL: away at present */
	uint32_t index, incarnation;
	int next_fd;               /* its successor's link, not begun yet; -1: none */
	uint32_t next_incarnation;
	struct pending_list sent;  /* unanswered, in the order sent */
	struct pending_list told;  /* tells the kernel has not been seen to take */
	struct pending_list held;  /* wait for the link */
	bool ended;                /* it has said IPC_BYE … */
	uint64_t looked_at;        /* … and so many bytes of the link it has looked at */
	uint64_t sync;             /* IPC_SYNC to be answered; 0: none */
};

struct gateway_counters {
	uint64_t requests[CLIENT_VERB_COUNT];
	uint64_t errors[ERROR_COUNT];
	uint64_t bytes_in, bytes_out, accepted, refused, events, crashed, retried, clogged;
};

struct gateway {
	struct child child;
	struct ev_loop *loop;
	const struct config *config;
	struct worker_link workers[GATEWAY_WORKERS_MAX];
	uint32_t worker_count;
	struct pending_list homeless; /* their shard has no owner, or is between two */
	uint32_t *stale;              /* by shard: unanswered requests of former epochs */
	bool unsettled;               /* some of the homeless need not wait any more */
	struct timer retry;
	uint64_t last_order, waiting_bytes;
	struct pending **pendings;    /* by slot */
	uint32_t pending_capacity, pending_free;
	struct session_list sessions, dirty, stalled;
	struct session_list queues[SESSION_QUEUES]; /* but for NOWHERE */
	struct session_list unfinished; /* the oldest line first */
	uint64_t at_once_ns;          /* that sessions which did not queue took in this turn */
	bool crowded;                 /* the crowd has its part of the turn */
	uint64_t crowd_count;         /* sessions in its queue */
	uint64_t crowd_ms, crowd_ns;  /* what it has had of the present millisecond */
	struct timer crowd_wait;      /* it has had its share */
	uint64_t others_at;           /* when anyone else was last heard, ms */
	struct room input, output, in_flight;
	uint64_t session_count, session_limit;
	struct map subjects;          /* address -> struct subject */
	struct timers timers;
	struct timer housekeeping;
	struct gateway_counters counters;
	char *read_buffer;
	int listener, spare_fd;
	struct ev_io acceptor;
	struct ev_check waker;        /* reads the clock when the loop wakes */
	struct ev_prepare flusher;
	struct ev_timer clock;
	uint64_t now_ms;              /* when the loop woke */
	bool draining;
};

extern struct gateway gateway;

#endif
