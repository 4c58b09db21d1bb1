/* One round of the commit thread: claims, one group of batches, then loads; and what is done
 * where the engine fails. */
#include "worker/store/round.h"

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
#define AWAY_FIRST_MS 20 /* a server that restarts is back soon */
#define AWAY_MOST_MS 1000

void round_refuse(struct job *job, enum error_code code, struct bytes reason)
{
	job->code = code;
	buffer_clear(&job->reason);
	buffer_append_bytes(&job->reason, reason);
}

/* --- the engine's health --- */

static bool is_failing(const struct commit *c)
{
	return c->retry_at_ms != 0; /* the thread's own view of full and failing */
}

static void set_state(struct commit *c, enum commit_state state, struct bytes reason)
{
	static const char *const events[] = {
		[COMMIT_AWAY] = "the database is away; everything waits for it",
		[COMMIT_FULL] = "the store has no room; nothing is acknowledged until it has",
		[COMMIT_FAILING] = "the store cannot write; nothing is acknowledged until it can",
	};
	bool changed;

	pthread_mutex_lock(&c->lock);
	changed = c->figures.state != state;
	if (c->figures.state == COMMIT_GOOD)
		c->figures.since_ms = clock_now_ms();
	c->figures.state = state;
	snprintf(c->figures.reason, sizeof(c->figures.reason), "%.*s", (int)reason.len, reason.data);
	pthread_mutex_unlock(&c->lock);
	if (changed && state == COMMIT_GOOD)
		log_info("the store writes again");
	else if (changed)
		log_errorx(events[state], F_BYTES("reason", reason));
	if (changed)
		ev_async_send(c->loop, c->done_signal);
}

static void set_failing(struct commit *c, enum engine_result result, struct bytes reason)
{
	set_state(c, result == ENGINE_FULL ? COMMIT_FULL : COMMIT_FAILING, reason);
	c->backoff_ms = c->backoff_ms ? c->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (c->backoff_ms > BACKOFF_MOST_MS)
		c->backoff_ms = BACKOFF_MOST_MS;
	c->retry_at_ms = clock_now_ms() + c->backoff_ms;
}

static void set_healthy(struct commit *c)
{
	set_state(c, COMMIT_GOOD, (struct bytes){ "", 0 });
	c->backoff_ms = c->retry_at_ms = 0;
}

/* What a client may know; the engine's own words, with its paths, are for the log. */
static struct bytes public_reason(const struct commit *c)
{
	static const char *const reasons[] = {
		[COMMIT_GOOD] = "the store cannot write",
		[COMMIT_AWAY] = "the store's database is away",
		[COMMIT_FULL] = "no space left on device",
		[COMMIT_FAILING] = "the store cannot write",
	};

	return bytes_of(reasons[c->figures.state]); /* which this thread alone changes */
}

static void die_unsynced(struct bytes reason)
{
	log_errorx("a flush to stable storage failed: the store ends rather than promise what may be lost",
	           F_BYTES("reason", reason));
	_exit(EX_IOERR);
}

/* Around each call of the engine. */
void round_begin_call(struct commit *c)
{
	c->busy_since_ms = clock_now_ms();
}

enum engine_result round_end_call(struct commit *c, enum engine_result result, const struct buffer *error)
{
	c->busy_since_ms = 0;
	if (result == ENGINE_UNSYNCED)
		die_unsynced(buffer_bytes(error));
	if ((result == ENGINE_OK || result == ENGINE_FENCED) && !is_failing(c) && c->figures.state != COMMIT_GOOD)
		set_healthy(c);
	return result;
}

static enum engine_result write_timed(struct commit *c, const struct engine_change *changes, size_t count,
                                      struct buffer *error)
{
	uint64_t began = clock_now_ns();
	enum engine_result result;

	round_begin_call(c);
	result = c->engine->write(c->db, changes, count, error);
	if (result == ENGINE_OK) {
		c->write_ns = clock_now_ns() - began;
		histogram_record(&c->latency, c->write_ns);
	}
	return round_end_call(c, result, error);
}

/* After a failed write the engine is opened anew, and tried with a change that leaves
 * nothing behind. */
static enum engine_result reopen(struct commit *c, struct buffer *error)
{
	struct engine_change probe[] = {
		{ .key = BYTES_LITERAL("\xff\xff" "probe"), .record = BYTES_LITERAL("probe") },
		{ .key = BYTES_LITERAL("\xff\xff" "probe"), .remove = true },
	};

	c->engine->close(c->db);
	c->db = NULL;
	/* A full disk keeps the engine from opening too, in other words. */
	if (c->engine->open(&c->settings, &c->db, error) != ENGINE_OK)
		return c->figures.state == COMMIT_FULL ? ENGINE_FULL : ENGINE_FAILED;
	return write_timed(c, probe, 2, error);
}

static void recover(struct commit *c)
{
	struct buffer error = { 0 };
	enum engine_result result;

	round_begin_call(c);
	result = round_end_call(c, c->engine->probe ? c->engine->probe(c->db, &error) : reopen(c, &error), &error);
	if (result == ENGINE_OK)
		set_healthy(c);
	else
		set_failing(c, result, buffer_bytes(&error));
	buffer_fini(&error);
}

/* Waits a little, and longer each time, before the same call is made again. False: the store
 * ends, nobody waits any more. */
static bool wait_while_away(struct commit *c, uint64_t *backoff_ms, struct bytes reason)
{
	uint64_t at;
	bool stopping;

	set_state(c, COMMIT_AWAY, reason);
	at = clock_now_ms() + *backoff_ms;
	pthread_mutex_lock(&c->lock);
	while (!c->stopping && clock_now_ms() < at)
		commit_wait(c, at * 1000000); /* new jobs wake it too */
	stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	*backoff_ms = *backoff_ms * 2 < AWAY_MOST_MS ? *backoff_ms * 2 : AWAY_MOST_MS;
	return !stopping;
}

void round_look(struct commit *c)
{
	struct buffer error = { 0 };

	if (is_failing(c) || c->engine->look == NULL)
		return;
	round_begin_call(c);
	if (round_end_call(c, c->engine->look(c->db, &error), &error) != ENGINE_OK)
		set_state(c, COMMIT_AWAY, buffer_bytes(&error));
	buffer_fini(&error);
}

/* --- claims --- */

static void count_lost(struct commit *c, const struct engine_claim *claims, size_t count)
{
	uint64_t lost = 0;
	uint32_t first = 0;

	for (size_t i = count; i-- > 0;)
		if (!c->engine->holds(c->db, claims[i].shard, claims[i].epoch)) {
			first = claims[i].shard;
			lost++;
		}
	if (lost == 0)
		return;
	log_warnx("shards of this node have another owner in the database", F_UINT("shards", lost), F_UINT("first", first));
	pthread_mutex_lock(&c->lock);
	c->figures.lost += lost;
	pthread_mutex_unlock(&c->lock);
}

static void run_claim(struct commit *c, struct job *job)
{
	struct engine_claim *claims = (void *)buffer_bytes(&job->body).data;
	size_t count = buffer_length(&job->body) / sizeof(*claims);
	struct buffer error = { 0 };
	uint64_t backoff = AWAY_FIRST_MS;
	enum engine_result result = ENGINE_AWAY;

	if (c->engine->claim == NULL)
		return;
	/* Whatever keeps it from claiming: nothing goes on without. */
	while (result != ENGINE_OK) {
		buffer_clear(&error);
		round_begin_call(c);
		result = round_end_call(c, c->engine->claim(c->db, claims, count, &error), &error);
		if (result != ENGINE_OK && !wait_while_away(c, &backoff, buffer_bytes(&error)))
			break;
	}
	if (result == ENGINE_OK)
		count_lost(c, claims, count);
	buffer_fini(&error);
}

/* --- batches --- */

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
		.key = { NULL, e->address.len + 2 }, .record = e->record, .remove = e->remove,
		.shard = e->shard, .epoch = e->epoch };
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
	round_refuse(job, code, reason);
}

static void group_fini(struct group *g)
{
	free(g->changes);
	free(g->jobs);
	buffer_fini(&g->keys);
	*g = (struct group){ 0 };
}

static void fail_group(struct commit *c, struct group *g)
{
	for (size_t i = 0; i < g->job_count; i++)
		fail_stream(g->jobs[i], ERROR_INTERNAL, public_reason(c));
}

static bool is_held(const struct commit *c, const struct job *job)
{
	struct bytes entries = buffer_bytes(&job->body);
	struct ipc_batch_entry e;

	while (ipc_next_entry(&entries, &e))
		if (!c->engine->holds(c->db, e.shard, e.epoch))
			return false;
	return true;
}

/* Batches of shards that have another owner by now, and what their streams built on them;
 * the others are a group of their own. Where an earlier attempt had no answer, it may have
 * been made before the shard was lost. */
static void drop_fenced(struct commit *c, struct group *g)
{
	struct group rest = { 0 };

	for (size_t i = 0; i < g->job_count; i++) {
		struct job *job = g->jobs[i];
		struct stream *s = job->stream;

		if (s->failed) {
			round_refuse(job, s->failed, buffer_bytes(&s->reason));
		} else if (is_held(c, job)) {
			add_batch(&rest, job);
		} else {
			job->fenced = true;
			fail_stream(job, job->doubtful ? ERROR_LOST : ERROR_MOVED, BYTES_LITERAL("the shard has another owner"));
		}
	}
	group_fini(g);
	*g = rest;
	place_keys(g);
}

static void count_group(struct commit *c, const struct group *g)
{
	pthread_mutex_lock(&c->lock);
	c->figures.commits++;
	c->figures.batches += g->job_count;
	c->figures.changes += g->count;
	c->figures.bytes += g->bytes;
	pthread_mutex_unlock(&c->lock);
}

static void write_group(struct commit *c, struct group *g)
{
	struct buffer error = { 0 };
	uint64_t backoff = AWAY_FIRST_MS;
	enum engine_result result = ENGINE_AWAY;

	place_keys(g);
	while (g->job_count > 0 && (result == ENGINE_AWAY || result == ENGINE_FENCED)) {
		buffer_clear(&error);
		result = write_timed(c, g->changes, g->count, &error);
		if (result == ENGINE_OK)
			count_group(c, g);
		else if (result == ENGINE_FENCED)
			drop_fenced(c, g);
		else if (result != ENGINE_AWAY)
			set_failing(c, result, buffer_bytes(&error));
		for (size_t i = 0; i < g->job_count && result == ENGINE_AWAY; i++)
			g->jobs[i]->doubtful = true;
		if (result == ENGINE_AWAY && !wait_while_away(c, &backoff, buffer_bytes(&error)))
			break;
	}
	if (result != ENGINE_OK)
		fail_group(c, g);
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
			round_refuse(job, s->failed, buffer_bytes(&s->reason));
		else if (job->code)
			fail_stream(job, job->code, buffer_bytes(&job->reason));
		else if (is_failing(c))
			fail_stream(job, ERROR_INTERNAL, public_reason(c));
		else
			add_batch(g, job);
	}
}

/* --- loads --- */

/* Of engines that read one by one. */
static void read_each(struct commit *c, struct job *jobs)
{
	for (struct job *job = jobs; job; job = job->next) {
		struct buffer error = { 0 };
		int r;

		if (job->kind != JOB_LOAD || job->code)
			continue;
		if (c->db == NULL) {
			round_refuse(job, ERROR_INTERNAL, BYTES_LITERAL("the store is being opened again"));
			continue;
		}
		r = c->engine->read(c->db, buffer_bytes(&job->body), &job->record, &error);
		job->found = r > 0;
		if (r < 0)
			round_refuse(job, ERROR_INTERNAL, buffer_bytes(&error));
		buffer_fini(&error);
	}
}

static void take_loads(struct job *jobs, const struct engine_load *loads, enum engine_result result, struct bytes reason)
{
	for (struct job *job = jobs; job; job = job->next) {
		if (job->kind != JOB_LOAD || job->code)
			continue;
		job->found = loads->found;
		job->fenced = loads->fenced;
		if (result != ENGINE_OK)
			round_refuse(job, ERROR_INTERNAL, reason);
		else if (job->fenced)
			round_refuse(job, ERROR_MOVED, BYTES_LITERAL("the shard has another owner"));
		loads++;
	}
}

/* Of an engine that reads all at once. */
static void read_together(struct commit *c, struct job *jobs, size_t count)
{
	struct engine_load *loads = memory_new(count * sizeof(*loads)), *next = loads;
	struct buffer error = { 0 };
	uint64_t backoff = AWAY_FIRST_MS;
	enum engine_result result;

	for (struct job *job = jobs; job; job = job->next)
		if (job->kind == JOB_LOAD && !job->code)
			*next++ = (struct engine_load){ .key = buffer_bytes(&job->body), .shard = job->shard,
				                        .epoch = job->epoch, .record = &job->record };
	do {
		buffer_clear(&error);
		round_begin_call(c);
		result = round_end_call(c, c->engine->load(c->db, loads, count, &error), &error);
	} while (result == ENGINE_AWAY && wait_while_away(c, &backoff, buffer_bytes(&error)));
	if (result != ENGINE_OK && result != ENGINE_AWAY)
		log_errorx("the store cannot read", F_BYTES("reason", buffer_bytes(&error)));
	take_loads(jobs, loads, result, result == ENGINE_AWAY ? public_reason(c) : BYTES_LITERAL("the store cannot read"));
	buffer_fini(&error);
	free(loads);
}

static void run_loads(struct commit *c, struct job *jobs)
{
	uint64_t count = 0;

	for (struct job *job = jobs; job; job = job->next)
		count += job->kind == JOB_LOAD && !job->code;
	if (count > 0 && c->engine->load)
		read_together(c, jobs, count);
	else if (count > 0)
		read_each(c, jobs);
	pthread_mutex_lock(&c->lock);
	c->figures.loads += count;
	c->figures.commit_p50_ns = histogram_quantile(&c->latency, 0.5);
	c->figures.commit_p99_ns = histogram_quantile(&c->latency, 0.99);
	pthread_mutex_unlock(&c->lock);
}

void round_run(struct commit *c, struct job *jobs)
{
	struct group g = { 0 };

	if (is_failing(c) && clock_now_ms() >= c->retry_at_ms)
		recover(c);
	if (jobs && jobs->kind == JOB_CLAIM) {
		run_claim(c, jobs);
		return;
	}
	if (jobs && jobs->kind > JOB_CLAIM) {
		round_whole(c, jobs);
		return;
	}
	gather(c, jobs, &g);
	write_group(c, &g);
	run_loads(c, jobs);
	group_fini(&g);
}
