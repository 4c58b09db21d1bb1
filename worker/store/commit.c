/* Group commit in a thread of its own. */
#include "worker/store/commit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 5000

void job_free(struct job *job)
{
	if (job == NULL)
		return;
	buffer_fini(&job->body);
	buffer_fini(&job->record);
	buffer_fini(&job->reason);
	free(job);
}

void commit_key(uint32_t shard, struct bytes address, struct buffer *out)
{
	unsigned char prefix[2] = { (unsigned char)(shard >> 8), (unsigned char)shard };

	buffer_append(out, prefix, sizeof(prefix));
	buffer_append_bytes(out, address);
}

static void refuse(struct job *job, enum error_code code, struct bytes reason)
{
	job->code = code;
	buffer_clear(&job->reason);
	buffer_append_bytes(&job->reason, reason);
}

/* --- the engine's health --- */

static void set_failing(struct commit *c, enum engine_result result, struct bytes reason)
{
	pthread_mutex_lock(&c->lock);
	if (!c->figures.failing)
		log_errorx("the store cannot write; nothing is acknowledged until it can", F_BYTES("reason", reason));
	c->figures.failing = true;
	c->figures.full = result == ENGINE_FULL;
	snprintf(c->figures.reason, sizeof(c->figures.reason), "%.*s", (int)reason.len, reason.data);
	pthread_mutex_unlock(&c->lock);
	c->backoff_ms = c->backoff_ms ? c->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (c->backoff_ms > BACKOFF_MOST_MS)
		c->backoff_ms = BACKOFF_MOST_MS;
	c->retry_at_ms = clock_now_ms() + c->backoff_ms;
}

/* What a client may know; the engine's own words, with its paths, are for the log. */
static struct bytes public_reason(const struct commit *c)
{
	return c->figures.full ? BYTES_LITERAL("no space left on device") : BYTES_LITERAL("the store cannot write");
}

static void set_healthy(struct commit *c)
{
	pthread_mutex_lock(&c->lock);
	c->figures.failing = c->figures.full = false;
	c->figures.reason[0] = '\0';
	pthread_mutex_unlock(&c->lock);
	c->backoff_ms = c->retry_at_ms = 0;
	log_info("the store writes again");
}

static void die_unsynced(struct bytes reason)
{
	log_errorx("a flush to stable storage failed: the store ends rather than promise what may be lost",
	           F_BYTES("reason", reason));
	_exit(EX_IOERR);
}

static enum engine_result write_timed(struct commit *c, const struct engine_change *changes, size_t count,
                                      struct buffer *error)
{
	uint64_t began = clock_now_ns();
	enum engine_result result = c->engine->write(c->db, changes, count, error);

	if (result == ENGINE_UNSYNCED)
		die_unsynced(buffer_bytes(error));
	if (result == ENGINE_OK)
		histogram_record(&c->latency, clock_now_ns() - began);
	return result;
}

/* After a failed write the engine is opened anew, and tried with a change that leaves
 * nothing behind. True: it writes again. */
static bool recover(struct commit *c)
{
	struct engine_change probe[] = {
		{ .key = BYTES_LITERAL("\xff\xff" "probe"), .record = BYTES_LITERAL("probe") },
		{ .key = BYTES_LITERAL("\xff\xff" "probe"), .remove = true },
	};
	struct buffer error = { 0 };
	enum engine_result result = ENGINE_FAILED;

	c->engine->close(c->db);
	c->db = c->engine->open(c->directory, &error);
	if (c->db)
		result = write_timed(c, probe, 2, &error);
	if (result == ENGINE_OK)
		set_healthy(c);
	else
		set_failing(c, c->figures.full && c->db == NULL ? ENGINE_FULL : result, buffer_bytes(&error));
	buffer_fini(&error);
	return result == ENGINE_OK;
}

static bool is_failing(const struct commit *c)
{
	return c->retry_at_ms != 0; /* the thread's own view of figures.failing */
}

/* --- one round --- */

struct group {
	struct engine_change *changes;
	size_t count, capacity;
	struct buffer keys; /* of all changes, one behind the other */
	struct job **jobs;
	size_t job_count;
	uint64_t bytes;
};

static void add_change(struct group *g, const struct ipc_batch_entry *e)
{
	if (g->count == g->capacity) {
		g->capacity = g->capacity ? g->capacity * 2 : 64;
		g->changes = memory_grow(g->changes, g->capacity, sizeof(*g->changes));
	}
	/* Keys are placed when all are known: the buffer moves as it grows. */
	g->changes[g->count++] = (struct engine_change){
		.key = { NULL, e->address.len + 2 }, .record = e->record, .remove = e->remove };
	commit_key(e->shard, e->address, &g->keys);
	g->bytes += e->record.len + e->address.len;
}

static void add_batch(struct group *g, struct job *job)
{
	struct bytes entries = buffer_bytes(&job->body);
	struct ipc_batch_entry e;

	while (ipc_next_entry(&entries, &e))
		add_change(g, &e);
	g->jobs = memory_grow(g->jobs, g->job_count + 1, sizeof(*g->jobs));
	g->jobs[g->job_count++] = job;
}

static void place_keys(struct group *g)
{
	const char *at = buffer_bytes(&g->keys).data;

	for (size_t i = 0; i < g->count; i++) {
		g->changes[i].key.data = at;
		at += g->changes[i].key.len;
	}
}

static void fail_stream(struct job *job, enum error_code code, struct bytes reason)
{
	struct stream *s = job->stream;

	s->failed = code;
	buffer_clear(&s->reason);
	buffer_append_bytes(&s->reason, reason);
	refuse(job, code, reason);
}

static void write_group(struct commit *c, struct group *g)
{
	struct buffer error = { 0 };
	enum engine_result result;

	if (g->job_count == 0)
		return;
	place_keys(g);
	result = write_timed(c, g->changes, g->count, &error);
	if (result != ENGINE_OK) {
		set_failing(c, result, buffer_bytes(&error));
		for (size_t i = 0; i < g->job_count; i++)
			fail_stream(g->jobs[i], ERROR_INTERNAL, public_reason(c));
	} else {
		pthread_mutex_lock(&c->lock);
		c->figures.commits++;
		c->figures.batches += g->job_count;
		c->figures.changes += g->count;
		c->figures.bytes += g->bytes;
		pthread_mutex_unlock(&c->lock);
	}
	buffer_fini(&error);
}

/* Sorts out what of the batches is written: not what follows a failure of its stream. */
static void gather(struct commit *c, struct job *jobs, struct group *g)
{
	for (struct job *job = jobs; job; job = job->next) {
		struct stream *s = job->stream;

		if (job->kind == JOB_RESET)
			s->failed = ERROR_NONE;
		if (job->kind != JOB_BATCH)
			continue;
		if (s->failed)
			refuse(job, s->failed, buffer_bytes(&s->reason));
		else if (job->code)
			fail_stream(job, job->code, buffer_bytes(&job->reason));
		else if (is_failing(c))
			fail_stream(job, ERROR_INTERNAL, public_reason(c));
		else
			add_batch(g, job);
	}
}

static void run_loads(struct commit *c, struct job *jobs)
{
	uint64_t count = 0;

	for (struct job *job = jobs; job; job = job->next) {
		struct buffer error = { 0 };
		int r;

		if (job->kind != JOB_LOAD || job->code)
			continue;
		count++;
		if (c->db == NULL) {
			refuse(job, ERROR_INTERNAL, BYTES_LITERAL("the store is being opened again"));
			continue;
		}
		r = c->engine->read(c->db, buffer_bytes(&job->body), &job->record, &error);
		job->found = r > 0;
		if (r < 0)
			refuse(job, ERROR_INTERNAL, buffer_bytes(&error));
		buffer_fini(&error);
	}
	pthread_mutex_lock(&c->lock);
	c->figures.loads += count;
	c->figures.commit_p50_ns = histogram_quantile(&c->latency, 0.5);
	c->figures.commit_p99_ns = histogram_quantile(&c->latency, 0.99);
	pthread_mutex_unlock(&c->lock);
}

static void run_round(struct commit *c, struct job *jobs)
{
	struct group g = { 0 };

	if (is_failing(c) && clock_now_ms() >= c->retry_at_ms)
		recover(c);
	gather(c, jobs, &g);
	write_group(c, &g);
	run_loads(c, jobs);
	free(g.changes);
	free(g.jobs);
	buffer_fini(&g.keys);
}

/* Waits for jobs; while failing, no longer than to the next attempt. NULL where there are
 * none; the lock is held on both sides. */
static struct job *wait_for_jobs(struct commit *c)
{
	struct job *jobs;

	while (c->first == NULL && !c->stopping) {
		struct timespec until = { .tv_sec = (time_t)(c->retry_at_ms / 1000),
			                  .tv_nsec = (long)(c->retry_at_ms % 1000) * 1000000 };

		if (!is_failing(c))
			pthread_cond_wait(&c->waiting, &c->lock);
		else if (pthread_cond_timedwait(&c->waiting, &c->lock, &until) == ETIMEDOUT)
			break;
	}
	jobs = c->first;
	c->first = c->last = NULL;
	return jobs;
}

static void *run(void *at)
{
	struct commit *c = at;

	pthread_mutex_lock(&c->lock);
	while (c->first || !c->stopping) {
		struct job *jobs = wait_for_jobs(c), *last = jobs;

		pthread_mutex_unlock(&c->lock);
		run_round(c, jobs);
		pthread_mutex_lock(&c->lock);
		while (last && last->next)
			last = last->next;
		if (jobs && c->done_last)
			c->done_last->next = jobs;
		else if (jobs)
			c->done_first = jobs;
		if (jobs)
			c->done_last = last;
		ev_async_send(c->loop, c->done_signal);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* --- the loop's side --- */

int commit_init(struct commit *c, const struct engine_ops *engine, const char *directory,
                struct ev_loop *loop, struct ev_async *done_signal, struct buffer *error)
{
	pthread_condattr_t monotonic;

	*c = (struct commit){ .engine = engine, .directory = memory_text(directory), .loop = loop,
		              .done_signal = done_signal };
	c->db = engine->open(directory, error);
	if (c->db == NULL) {
		free(c->directory);
		return -EIO;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->waiting, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&c->thread, NULL, run, c) != 0) {
		buffer_append_text(error, "the commit thread cannot be started");
		engine->close(c->db);
		free(c->directory);
		return -EIO;
	}
	return 0;
}

void commit_fini(struct commit *c)
{
	struct job *job;

	if (c->engine == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->waiting);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	for (job = c->done_first; job;) {
		struct job *next = job->next;

		job_free(job);
		job = next;
	}
	c->engine->close(c->db);
	free(c->directory);
	pthread_cond_destroy(&c->waiting);
	pthread_mutex_destroy(&c->lock);
	*c = (struct commit){ 0 };
}

void commit_submit(struct commit *c, struct job *take_job)
{
	take_job->next = NULL;
	pthread_mutex_lock(&c->lock);
	if (c->last)
		c->last->next = take_job;
	else
		c->first = take_job;
	c->last = take_job;
	pthread_cond_signal(&c->waiting);
	pthread_mutex_unlock(&c->lock);
}

struct job *commit_take_done(struct commit *c)
{
	struct job *jobs;

	pthread_mutex_lock(&c->lock);
	jobs = c->done_first;
	c->done_first = c->done_last = NULL;
	pthread_mutex_unlock(&c->lock);
	return jobs;
}

void commit_read_figures(struct commit *c, struct commit_figures *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->figures;
	pthread_mutex_unlock(&c->lock);
}
