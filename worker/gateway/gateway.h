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

#define GATEWAY_ASKERS_MAX 256  /* links by which gateways of other nodes ask here */
#define GATEWAY_ASKER(i) (CONTROL_WORKERS_MAX + 256 + (i))
#define GATEWAY_PEERS_MAX GATEWAY_ASKER(GATEWAY_ASKERS_MAX)
#define GATEWAY_READ 16384      /* bytes read from a client at once, into one shared buffer */

TAILQ_HEAD(peer_list, peer);

enum peer_kind {
	PEER_WORKER, /* an actor worker of this node: owns shards, and asks for its actors */
	PEER_NODE,   /* another node, as an owner of shards */
	PEER_ASKER,  /* a gateway of another node, which asks here */
	PEER_KIND_COUNT
};

/* What was sent to a worker and handed back is sent again in the order in which it came. */
enum peer_fence {
	FENCE_NONE,
	FENCE_SENT,     /* more may come back: what is for it waits */
	FENCE_ANSWERED, /* nothing does; it is asked again in a while */
};

/* Who is at the other end of a link. */
struct peer {
	TAILQ_ENTRY(peer) used_next;
	enum peer_kind kind;
	bool used;                 /* in the list of those that are */
	bool up;                   /* NODE: its lease holds */
	char name[64];             /* NODE: for people */
	struct link *link;         /* NULL: away at present */
	uint32_t index, incarnation; /* index: in gateway.peers, the shard map's number of an owner */
	int next_fd;               /* its successor's link, not begun yet; -1: none */
	uint32_t next_incarnation;
	struct pending_list sent;  /* unanswered, in the order sent */
	struct pending_list told;  /* tells the kernel has not been seen to take */
	struct pending_list held;  /* wait for the link */
	struct pending_list asked; /* what it asks here, unanswered */
	bool ended;                /* it has said IPC_BYE … */
	uint64_t looked_at;        /* … and so many bytes of the link it has looked at */
	enum peer_fence fence;
	uint64_t fence_number;     /* of the last IPC_FENCE */
	uint64_t sync;             /* IPC_SYNC to be answered: the serial it is about; 0: none */
};

struct gateway_counters {
	uint64_t requests[CLIENT_VERB_COUNT];
	uint64_t errors[ERROR_COUNT];
	uint64_t bytes_in, bytes_out, accepted, refused, events, crashed, lost, retried, clogged, dropped_tells;
};

struct gateway {
	struct child child;
	struct ev_loop *loop;
	const struct config *config;
	struct peer peers[GATEWAY_PEERS_MAX]; /* workers, nodes by CONTROL_NODE(), askers by GATEWAY_ASKER() */
	struct peer_list used;
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
	bool crowded;                 /* the crowd has its part of the turn */
	uint64_t crowd_count;         /* sessions in its queue */
	uint64_t crowd_ms, crowd_ns;  /* what it has had of the present millisecond */
	struct timer crowd_wait;      /* it has had its share */
	uint64_t others_at;           /* when anyone else was last heard, ms */
	struct room input, output, in_flight;
	uint64_t session_count, session_limit;
	struct map subjects;          /* address -> struct subject */
	uint64_t renewals;            /* of these, how many are to be taken up */
	struct timers timers;
	struct timer housekeeping;
	struct gateway_counters counters;
	char *read_buffer;
	char *read_ahead;             /* crowd.h */
	int listener, spare_fd;
	struct ev_io acceptor, readiness;
	struct ev_check waker;        /* reads the clock when the loop wakes */
	struct ev_prepare flusher;
	struct ev_timer clock;
	uint64_t now_ms;              /* when the loop woke */
	bool draining;
};

extern struct gateway gateway;

#endif
