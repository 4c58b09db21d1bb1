/* A cluster in a test: replicas of the machine behind one log, nodes with clocks of their
 * own, and a network and operators that do their worst. Everything follows from the seed. */
#ifndef TESTS_UNIT_SUPERVISOR_CLUSTER_WORLD_H
#define TESTS_UNIT_SUPERVISOR_CLUSTER_WORLD_H

#include "supervisor/cluster/lease.h"
#include "supervisor/cluster/machine.h"

#define WORLD_NODES   5
#define WORLD_SHARDS  24
#define WORLD_LOG     8192
#define WORLD_FLIGHT  128 /* proposals under way; more are lost */
#define WORLD_TTL     3000 /* milliseconds */
#define WORLD_MS      1000000ull

struct world_node {
	uint64_t id, incarnation;
	bool runs;     /* its process */
	bool cut;      /* nothing reaches it, nothing leaves it */
	bool leads;    /* or believes so */
	uint64_t resumes; /* paused until then (true time) */
	int64_t offset, rate; /* its clock: offset + time * rate / 1000000 */
	struct machine machine;
	uint32_t applied; /* entries of the log */
	struct lease lease;
	struct watchdog watchdog;
	uint64_t let_go[WORLD_SHARDS]; /* the move for which it has let the shard go; 0: it has not */
	struct buffer saved; /* a snapshot that it can start from */
	uint32_t saved_at;
};

struct world_proposal {
	uint64_t at; /* when it reaches the log; 0: a free place */
	struct buffer bytes;
};

/* One entry of the log, and what the first replica made of it. */
struct world_entry {
	struct buffer bytes, after;
	struct machine_result result;
};

struct world {
	uint64_t random, now; /* true time, ns */
	bool shared, calm;    /* calm: nothing bad happens any more */
	uint64_t ids;
	struct machine truth; /* the machine at the end of the log */
	uint32_t length;
	struct world_entry log[WORLD_LOG];
	struct world_proposal flight[WORLD_FLIGHT];
	struct world_node nodes[WORLD_NODES];
	/* What happened, so that a test can see that it was worth running. */
	uint32_t downs, moves, cancels, removals, raises, restarts, acts;
};

struct world *world_new(uint64_t seed, bool shared);
void world_free(struct world *w);

/* Lets some time pass and one thing happen. */
void world_step(struct world *w);
/* Heals everything; what follows is what a healthy cluster does by itself. */
void world_calm(struct world *w);

/* Fails the test where an invariant is broken. */
void world_check(struct world *w);

/* --- between the files of the world --- */

uint64_t world_random(struct world *w, uint64_t below);
uint64_t world_clock(const struct world *w, const struct world_node *n);
bool world_awake(const struct world *w, const struct world_node *n);
/* Takes the bytes; they may be lost, late or doubled. */
void world_propose(struct world *w, const struct world_node *from, struct buffer *bytes);
/* Appends to the log; checks what the entry may change. */
void world_commit(struct world *w, struct bytes command);
/* The next entry of the log on this node, which is compared with what others made of it. */
void world_apply(struct world *w, struct world_node *n);
void world_start(struct world *w, struct world_node *n);

#endif
