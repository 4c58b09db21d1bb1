/* The actor worker as a whole: what its parts share. One per process, made by main.c
 * and handed to everyone. */
#ifndef WORKER_ACTOR_WORKER_H
#define WORKER_ACTOR_WORKER_H

#include <ev.h>

#include "common/config.h"
#include "common/histogram.h"
#include "common/link.h"
#include "common/hash.h"
#include "common/map.h"
#include "proto/control_cluster.h"
#include "proto/scoreboard.h"
#include "worker/actor/actor.h"
#include "worker/actor/catalog.h"
#include "worker/actor/quarantine.h"
#include "worker/actor/storage.h"

#define WORKER_GATEWAYS_MAX 64 /* bits of actor.gateways */

struct child;

/* A gateway's link; its index is the peer number of what comes from it. */
struct peer {
	struct worker *worker;
	struct link *link; /* NULL: away at present */
	uint16_t index;
	uint32_t incarnation;
	uint64_t map_serial; /* it routes by this shard map or a later one */
	uint64_t synced;     /* the last IPC_SYNC that it has answered */
	bool handed_back;    /* as the lease was over; what comes before its IPC_FENCE is, too */
};

/* Shards that are leaving (release.h). */
struct release {
	uint64_t serial;     /* of the map that took the last of them away */
	uint32_t open;       /* how many have something left */
	bool *done;          /* by shard: let go of, and told */
	struct actor_list actors; /* those in memory */
	struct buffer early; /* requests that came before their map */
};

/* Shards that have come (acquire.h). */
struct acquire {
	bool open;           /* some gateway has not answered yet */
	uint64_t serial;     /* of the last IPC_SYNC */
	bool *fresh;         /* by shard: what is sent there waits */
	struct buffer frames; /* as in the loopback */
};

struct counters {
	uint64_t turns, slices, steps, failures, timeouts, rollbacks, passivations, activations, dropped_tells;
};

struct worker {
	struct child *child;
	struct ev_loop *loop;
	const struct config *config;
	uint32_t index;
	const struct control_shard *shards; /* the current map, borrowed from child */
	uint32_t shard_count;
	struct hash_key hash_key;

	struct peer gateways[WORKER_GATEWAYS_MAX];
	uint32_t gateway_count;
	struct buffer loopback; /* frames of this worker to itself, each as on a link */

	struct map actors;          /* address -> struct actor */
	struct actor_list recent;   /* resident ones */
	uint64_t resident;
	struct actor_list ready;    /* have mail they can take */
	struct actor_list ready_bulk; /* the same, all of it bulk (proto/ipc.h) */
	struct actor_list slow;     /* the same, of actors whose last turn was long */
	struct turn_list preempted; /* turns whose slice was over */
	struct message_list unanswered;
	uint32_t turns_under_way;   /* turns under way, in whatever state */

	struct timers timers;
	struct catalog catalog;
	struct storage storage;
	struct map calls;           /* rid (4 bytes) -> struct call */
	uint32_t next_rid;
	struct map subscriptions;   /* watched address -> struct subscription */
	uint32_t activations;       /* counter behind actor.activation */
	uint32_t next_alarm;
	struct quarantine quarantine;
	struct scoreboard *board;   /* NULL: nobody reads it */
	const struct control_lease *lease; /* NULL: none */
	struct release release;
	struct acquire acquire;
	struct timer housekeeping, lease_look; /* this while the lease is over */
	struct counters counters;
	uint64_t prompt_at;         /* when a client last asked for something that is no bulk, ms */
	uint64_t collect_at;        /* ms: no collection of all garbage before */
	uint64_t now_ns;            /* when the loop woke, or the present message was taken */
	bool slow_next;             /* a slow actor goes before a preempted turn, the next time not */
	bool draining;
	char *sandbox;              /* what is in force of it, in words; NULL: not yet known */

	struct ev_check waker;      /* reads the clock when the loop wakes */
	struct ev_prepare runner;   /* runs turns before the loop sleeps */
	struct ev_idle spinner;     /* keeps the loop from sleeping while turns wait for a slice */
	struct ev_timer clock;      /* the next of timers */
};

/* Lists, maps and timers; config, shards and the hash key are set; storage_init() follows. */
void worker_init(struct worker *w);
/* Everything in memory is forgotten; nothing is sent. */
void worker_fini(struct worker *w);
/* The shard of an address, by the cluster's key. */
uint32_t worker_shard(const struct worker *w, struct bytes address);
bool worker_owns(const struct worker *w, uint32_t shard);
bool worker_lease_over(const struct worker *w); /* another node may own them by now */
/* It owns the shard, or has not finished to let it go: its actors' messages stay within. */
bool worker_keeps(const struct worker *w, uint32_t shard);

extern struct worker *worker_self; /* the one that this process is */

#endif
