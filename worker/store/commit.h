/* The commit thread: takes everything that is waiting from all workers and writes it as
 * one group, then reads what was asked for. It keeps each worker's order, and owns the
 * engine. */
#ifndef WORKER_STORE_COMMIT_H
#define WORKER_STORE_COMMIT_H

#include <ev.h>
#include <pthread.h>
#include <stdint.h>

#include "common/histogram.h"
#include "proto/ipc.h"
#include "worker/store/engine.h"

/* One worker's order of batches. After a failure every batch gets the same answer until
 * the worker's RESET has come (proto/ipc.h). The thread's own. */
struct stream {
	enum error_code failed;
	struct buffer reason;
};

enum job_kind { JOB_BATCH, JOB_LOAD, JOB_RESET };

struct job {
	struct job *next;
	enum job_kind kind;
	struct stream *stream;  /* outlives its jobs */
	void *owner;            /* the submitter's */
	struct buffer body;     /* BATCH: its entries as encoded; LOAD: the key */
	uint64_t number;        /* seq of BATCH and RESET, rid of LOAD */
	enum error_code code;   /* BATCH, LOAD: refused already where not ERROR_NONE; then the outcome */
	bool found;
	struct buffer record;   /* LOAD: what was found */
	struct buffer reason;   /* of a code other than ERROR_NONE */
};

void job_free(struct job *job);

/* What an admin is told. */
struct commit_figures {
	uint64_t commits, batches, changes, bytes, loads;
	uint64_t commit_p50_ns, commit_p99_ns;
	bool failing;
	bool full;
	char reason[256]; /* while failing */
};

struct commit {
	const struct engine_ops *engine;
	char *directory;
	struct ev_loop *loop;
	struct ev_async *done_signal; /* the loop's: jobs are done, or failing has changed */
	pthread_t thread;
	pthread_mutex_t lock;         /* of what follows, up to `figures` */
	pthread_cond_t waiting;
	struct job *first, *last;     /* to do */
	struct job *done_first, *done_last;
	bool stopping;
	struct commit_figures figures;
	/* the thread's own */
	void *db;
	struct histogram latency;
	uint64_t retry_at_ms, backoff_ms; /* while failing */
};

/* Opens the engine and starts the thread. 0, or -EIO with a sentence in error. */
int commit_init(struct commit *c, const struct engine_ops *engine, const char *directory,
                struct ev_loop *loop, struct ev_async *done_signal, struct buffer *error);
/* Finishes what is queued, closes the engine. */
void commit_fini(struct commit *c);

void commit_submit(struct commit *c, struct job *take_job);
/* Jobs that are done, in order; NULL: none. */
struct job *commit_take_done(struct commit *c);
void commit_read_figures(struct commit *c, struct commit_figures *ret);

/* shard and address as the engine's key: u16 big-endian, then the address. */
void commit_key(uint32_t shard, struct bytes address, struct buffer *out);

#endif
