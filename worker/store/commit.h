/* The commit thread: takes everything that is waiting from all workers and writes it as
 * one group, then reads what was asked for (round.c). It keeps each worker's order, and owns
 * the engine. While the database is away everything waits. */
#ifndef WORKER_STORE_COMMIT_H
#define WORKER_STORE_COMMIT_H

#include <ev.h>
#include <pthread.h>
#include <stdint.h>

#include "common/histogram.h"
#include "proto/ipc.h"
#include "worker/store/engine.h"
#include "worker/store/gather.h"

/* One worker's order of batches. After a failure every batch gets the same answer until
 * the worker's RESET has come (proto/ipc.h). The thread's own. */
struct stream {
	enum error_code failed;
	struct buffer reason;
};

/* CLAIM: what is submitted after it may name the new epochs. SCAN, IMPORT, DROP and EMPTY are
 * for whole shards (transfer.h): they have a round each, as claims do. */
enum job_kind { JOB_BATCH, JOB_LOAD, JOB_RESET, JOB_CLAIM, JOB_SCAN, JOB_IMPORT, JOB_DROP, JOB_EMPTY };

struct job {
	struct job *next;
	enum job_kind kind;
	struct stream *stream;  /* outlives its jobs; CLAIM has none */
	void *owner;            /* the submitter's */
	struct buffer body;     /* BATCH: its entries as encoded; LOAD: the key; CLAIM: struct engine_claim …;
	                         * SCAN: the key behind which it begins; IMPORT: pairs */
	uint32_t shard;         /* LOAD, SCAN, DROP */
	uint64_t epoch;         /* LOAD */
	uint32_t count;         /* BATCH: of its entries */
	uint64_t number;        /* seq of BATCH and RESET, rid of LOAD */
	enum error_code code;   /* BATCH, LOAD: refused already where not ERROR_NONE; then the outcome */
	bool found;             /* LOAD; SCAN: there is more; EMPTY: something is there */
	bool fenced;            /* ERROR_MOVED because the database knows another owner */
	bool doubtful;          /* BATCH: an attempt to write it ended without an answer */
	struct buffer record;   /* LOAD: what was found; SCAN: pairs */
	struct buffer reason;   /* of a code other than ERROR_NONE */
};

void job_free(struct job *job);

enum commit_state {
	COMMIT_GOOD,
	COMMIT_SLOW,    /* the engine is at one and the same call for COMMIT_SLOW_MS */
	COMMIT_AWAY,    /* everything waits until the database is back */
	COMMIT_FULL,    /* this and the next: batches fail until it writes again */
	COMMIT_FAILING,
};

#define COMMIT_SLOW_MS 2000

/* What an admin is told. */
struct commit_figures {
	uint64_t commits, batches, changes, bytes, loads;
	uint64_t commit_p50_ns, commit_p99_ns;
	uint64_t lost;    /* shards claimed in vain since the start */
	enum commit_state state;
	uint64_t since_ms; /* CLOCK_MONOTONIC: of a state that is not good */
	char reason[256];
};

struct commit {
	const struct engine_ops *engine;
	struct engine_settings settings; /* its texts are ours */
	char *place;                  /* where the records are, for people */
	struct ev_loop *loop;
	struct ev_async *done_signal; /* the loop's: jobs are done, or the state has changed */
	pthread_t thread;
	pthread_mutex_t lock;         /* of what follows, up to `figures` */
	pthread_cond_t waiting;
	struct job *first, *last;     /* to do */
	struct job *done_first, *done_last;
	bool stopping;
	uint64_t changes;             /* of the batches that are to do … */
	uint64_t others;              /* … and the other jobs */
	uint64_t wanted;              /* changes that the thread is to be woken for, while it gathers */
	struct commit_figures figures;
	/* the thread's own */
	void *db;
	struct gather gather;
	uint64_t taken;               /* changes of the last group … */
	uint64_t write_ns;            /* … and what writing them took */
	struct histogram latency;
	uint64_t retry_at_ms, backoff_ms; /* while full or failing */
	_Atomic uint64_t busy_since_ms;   /* of the call that the engine is at; 0: none */
};

/* Opens the engine and starts the thread. Otherwise a sentence in error, and: -EAGAIN, the
 * database is away; -EINVAL, it may not be used like this; -EXDEV, it is another cluster's;
 * -EIO, anything else. */
int commit_init(struct commit *c, const struct engine_ops *engine, const struct engine_settings *settings,
                struct ev_loop *loop, struct ev_async *done_signal, struct buffer *error);
/* Finishes what is queued unless the database is away, closes the engine. */
void commit_fini(struct commit *c);

void commit_submit(struct commit *c, struct job *take_job);
/* Jobs that are done, in order; NULL: none. */
struct job *commit_take_done(struct commit *c);
void commit_read_figures(struct commit *c, struct commit_figures *ret);
const char *commit_state_name(enum commit_state state);

/* The thread's, with the lock held: until that time (CLOCK_MONOTONIC), or until it is woken. */
void commit_wait(struct commit *c, uint64_t at_ns);

/* shard and address as the engine's key: u16 big-endian, then the address. */
void commit_key(uint32_t shard, struct bytes address, struct buffer *out);

#endif
