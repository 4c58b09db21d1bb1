/* Group commit in a thread of its own: its queues. */
#include "worker/store/commit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/memory.h"
#include "worker/store/round.h"

#define LOOK_MS 1000 /* between looks at a database that has nothing to do */

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

/* The thread has something to do besides jobs at this time; 0: never. */
static uint64_t next_duty(const struct commit *c)
{
	if (c->retry_at_ms)
		return c->retry_at_ms;
	return c->engine->look ? clock_now_ms() + LOOK_MS : 0;
}

/* As it is queued (1) and taken (-1). */
static void count(struct commit *c, const struct job *job, int times)
{
	if (job->kind == JOB_BATCH)
		c->changes += (uint64_t)times * job->count;
	else
		c->others += (uint64_t)times;
}

/* One with a round of its own, or what waits up to the next such. */
static struct job *take_jobs(struct commit *c)
{
	struct job *jobs = c->first, *last = jobs;

	if (jobs == NULL)
		return NULL;
	count(c, last, -1);
	c->taken = last->count;
	while (jobs->kind < JOB_CLAIM && last->next && last->next->kind < JOB_CLAIM) {
		last = last->next;
		count(c, last, -1);
		c->taken += last->count;
	}
	c->first = last->next;
	if (c->first == NULL)
		c->last = NULL;
	last->next = NULL;
	return jobs;
}

void commit_wait(struct commit *c, uint64_t at_ns)
{
	struct timespec until = { .tv_sec = (time_t)(at_ns / 1000000000), .tv_nsec = (long)(at_ns % 1000000000) };

	pthread_cond_clockwait(&c->waiting, &c->lock, CLOCK_MONOTONIC, &until);
}

/* Who has just been answered may be about to ask again; only batches wait for that. */
static void gather_more(struct commit *c)
{
	uint64_t wait = gather_begin(&c->gather, c->taken, c->write_ns, c->changes, &c->wanted);
	uint64_t until = clock_now_ns() + wait;

	while (wait > 0 && c->changes < c->wanted && !c->others && !c->stopping && clock_now_ns() < until)
		commit_wait(c, until);
	if (wait > 0)
		gather_end(&c->gather, c->changes);
	c->wanted = c->taken = 0;
}

/* Waits for jobs, but no longer than to the next duty: then NULL. The lock is held on both
 * sides. */
static struct job *wait_for_jobs(struct commit *c)
{
	uint64_t at = next_duty(c);

	gather_more(c);
	while (c->first == NULL && !c->stopping && (at == 0 || clock_now_ms() < at)) {
		if (at == 0)
			pthread_cond_wait(&c->waiting, &c->lock);
		else
			commit_wait(c, at * 1000000);
	}
	return take_jobs(c);
}

static void *run(void *at)
{
	struct commit *c = at;

	pthread_mutex_lock(&c->lock);
	while (c->first || !c->stopping) {
		struct job *jobs = wait_for_jobs(c), *last = jobs;

		pthread_mutex_unlock(&c->lock);
		round_run(c, jobs);
		if (jobs == NULL)
			round_look(c);
		pthread_mutex_lock(&c->lock);
		while (last && last->next)
			last = last->next;
		if (jobs && c->done_last)
			c->done_last->next = jobs;
		else if (jobs)
			c->done_first = jobs;
		if (jobs)
			c->done_last = last;
		/* Whom it wakes finds the lock free. */
		pthread_mutex_unlock(&c->lock);
		ev_async_send(c->loop, c->done_signal);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* --- the loop's side --- */

static char *find_place(const struct commit *c)
{
	struct buffer text = { 0 };
	char *place;

	if (c->engine->place == NULL)
		return memory_text(c->settings.directory);
	c->engine->place(c->db, &text);
	place = memory_copy(buffer_bytes(&text).data, buffer_length(&text));
	buffer_fini(&text);
	return place;
}

static void close_engine(struct commit *c)
{
	c->engine->close(c->db);
	free(c->place);
	free((char *)c->settings.directory);
	free((char *)c->settings.url);
	free((char *)c->settings.node);
}

int commit_init(struct commit *c, const struct engine_ops *engine, const struct engine_settings *settings,
                struct ev_loop *loop, struct ev_async *done_signal, struct buffer *error)
{
	enum engine_result result;

	*c = (struct commit){ .engine = engine, .loop = loop, .done_signal = done_signal };
	result = engine->open(settings, &c->db, error);
	if (result != ENGINE_OK) {
		c->engine = NULL;
		return result == ENGINE_AWAY ? -EAGAIN : result == ENGINE_REFUSED ? -EINVAL : result == ENGINE_FOREIGN ? -EXDEV : -EIO;
	}
	c->settings = *settings;
	c->settings.foreign = NULL;
	c->gather.most_ns = settings->gather * 1000;
	c->settings.directory = memory_text(settings->directory);
	c->settings.url = memory_text(settings->url);
	c->settings.node = memory_text(settings->node);
	c->place = find_place(c);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->waiting, NULL);
	if (pthread_create(&c->thread, NULL, run, c) != 0) {
		buffer_append_text(error, "the commit thread cannot be started");
		close_engine(c);
		c->engine = NULL;
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
	close_engine(c);
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
	count(c, take_job, 1);
	if (c->changes >= c->wanted || c->others)
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
	uint64_t busy = c->busy_since_ms;

	pthread_mutex_lock(&c->lock);
	*ret = c->figures;
	pthread_mutex_unlock(&c->lock);
	if (ret->state != COMMIT_GOOD || busy == 0 || clock_now_ms() < busy + COMMIT_SLOW_MS)
		return;
	ret->state = COMMIT_SLOW;
	ret->since_ms = busy;
	snprintf(ret->reason, sizeof(ret->reason), "what was asked of it has not been answered for more than %u s",
	         COMMIT_SLOW_MS / 1000);
}

const char *commit_state_name(enum commit_state state)
{
	static const char *const names[] = {
		[COMMIT_GOOD] = "good", [COMMIT_SLOW] = "slow", [COMMIT_AWAY] = "away",
		[COMMIT_FULL] = "full", [COMMIT_FAILING] = "failing",
	};

	return names[state];
}
