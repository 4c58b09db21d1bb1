/* The commit thread: groups of what waits, an order for each worker, and failures that
 * nothing overtakes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/memory.h"
#include "worker/store/commit.h"

static struct commit commit;
static struct ev_loop *loop;
static struct ev_async signal_done;
static struct stream streams[2];
static char said[4096];     /* what was answered: `a1 ok`, `b2 internal`, `load 7 found` */
static unsigned answered;

/* The engine of the test: a memory engine whose writes fail while `failing` says so. */
static _Atomic int failing; /* enum engine_result */
static _Atomic unsigned writes, opens;

static void *open_engine(const char *directory, struct buffer *error)
{
	opens++;
	return engine_memory.open(directory, error);
}

static enum engine_result write_engine(void *db, const struct engine_change *changes, size_t count, struct buffer *error)
{
	if (failing) {
		buffer_append_text(error, "the disk says no");
		return (enum engine_result)failing;
	}
	writes++;
	return engine_memory.write(db, changes, count, error);
}

static struct engine_ops engine;

static void on_done(struct ev_loop *l, struct ev_async *w, int events)
{
	struct job *job = commit_take_done(&commit);

	(void)l, (void)w, (void)events;
	while (job) {
		struct job *next = job->next;
		char word[64];

		if (job->kind == JOB_LOAD)
			snprintf(word, sizeof(word), "load %u %s;", (unsigned)job->number, job->found ? "found" : "absent");
		else if (job->kind == JOB_BATCH)
			snprintf(word, sizeof(word), "%c%u %s;", job->stream == &streams[0] ? 'a' : 'b', (unsigned)job->number,
			         error_rows[job->code].name);
		else
			word[0] = '\0';
		strcat(said, word);
		answered++;
		job_free(job);
		job = next;
	}
	ev_break(loop, EVBREAK_ALL);
}

static int set_up(void **state)
{
	struct buffer error = { 0 };

	(void)state;
	failing = ENGINE_OK;
	writes = opens = 0;
	engine = engine_memory;
	engine.open = open_engine;
	engine.write = write_engine;
	loop = ev_loop_new(EVFLAG_AUTO);
	ev_async_init(&signal_done, on_done);
	ev_async_start(loop, &signal_done);
	memset(streams, 0, sizeof(streams));
	said[0] = '\0';
	answered = 0;
	assert_int_equal(commit_init(&commit, &engine, "unused", loop, &signal_done, &error), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	commit_fini(&commit);
	for (int i = 0; i < 2; i++)
		buffer_fini(&streams[i].reason);
	ev_loop_destroy(loop);
	return 0;
}

static struct job *job_of(enum job_kind kind, unsigned stream, uint64_t number)
{
	struct job *job = memory_new(sizeof(*job));

	job->kind = kind;
	job->stream = &streams[stream];
	job->number = number;
	return job;
}

static void batch(unsigned stream, uint64_t number, const char *address)
{
	struct job *job = job_of(JOB_BATCH, stream, number);

	ipc_encode_entry(&job->body, &(struct ipc_batch_entry){
		.shard = 3, .address = bytes_of(address), .record = BYTES_LITERAL("record") });
	commit_submit(&commit, job);
}

static void load(uint64_t number, const char *address)
{
	struct job *job = job_of(JOB_LOAD, 0, number);

	commit_key(3, bytes_of(address), &job->body);
	commit_submit(&commit, job);
}

static void await(unsigned count)
{
	while (answered < count)
		ev_run(loop, 0);
}

static void batches_are_answered_in_order_and_loads_see_them(void **state)
{
	(void)state;
	batch(0, 1, "x");
	batch(0, 2, "y");
	load(7, "x");
	load(8, "z");
	await(4);
	assert_string_equal(said, "a1 ok;a2 ok;load 7 found;load 8 absent;");
}

static void what_waits_is_one_commit(void **state)
{
	struct commit_figures f;

	(void)state;
	pthread_mutex_lock(&commit.lock); /* the thread cannot begin before all are there */
	for (unsigned i = 1; i <= 50; i++) {
		struct job *job = job_of(JOB_BATCH, i % 2, i);

		ipc_encode_entry(&job->body, &(struct ipc_batch_entry){ .address = BYTES_LITERAL("x") });
		if (commit.last)
			commit.last->next = job;
		else
			commit.first = job;
		commit.last = job;
	}
	pthread_cond_signal(&commit.waiting);
	pthread_mutex_unlock(&commit.lock);
	await(50);
	commit_read_figures(&commit, &f);
	assert_int_equal(f.batches, 50);
	assert_int_equal(f.commits, 1);
	assert_int_equal(writes, 1);
}

static void nothing_overtakes_a_failure_until_the_reset(void **state)
{
	(void)state;
	failing = ENGINE_FULL;
	batch(0, 1, "x");
	await(1);
	failing = ENGINE_OK;
	batch(0, 2, "y");
	await(2);
	assert_string_equal(said, "a1 internal;a2 internal;");
	commit_submit(&commit, job_of(JOB_RESET, 0, 1));
	await(3);
	load(9, "y");
	await(4);
	assert_string_equal(said, "a1 internal;a2 internal;load 9 absent;");
}

static void it_writes_again_by_itself(void **state)
{
	struct commit_figures f;
	uint64_t number = 1;

	(void)state;
	failing = ENGINE_FULL;
	batch(0, number, "x");
	await(1);
	commit_read_figures(&commit, &f);
	assert_true(f.failing && f.full);
	assert_string_equal(f.reason, "the disk says no");
	failing = ENGINE_OK;
	/* Nobody asks: the thread signals when its own attempt has succeeded. */
	do {
		ev_run(loop, 0);
		commit_read_figures(&commit, &f);
	} while (f.failing);
	assert_true(opens >= 2);
	commit_submit(&commit, job_of(JOB_RESET, 0, 1));
	batch(0, ++number, "x");
	await(3);
	assert_string_equal(said, "a1 internal;a2 ok;");
}

static void a_refused_epoch_fails_its_worker_alone(void **state)
{
	struct job *moved = job_of(JOB_BATCH, 0, 1);

	(void)state;
	moved->code = ERROR_MOVED;
	commit_submit(&commit, moved);
	batch(0, 2, "x");
	batch(1, 1, "y");
	await(3);
	assert_string_equal(said, "a1 moved;a2 moved;b1 ok;");
}

static void keys_begin_with_their_shard(void **state)
{
	struct buffer key = { 0 };

	(void)state;
	commit_key(0x1234, BYTES_LITERAL("players.1"), &key);
	assert_int_equal(buffer_length(&key), 11);
	assert_memory_equal(key.data, "\x12\x34players.1", 11);
	buffer_fini(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(batches_are_answered_in_order_and_loads_see_them), T(what_waits_is_one_commit),
		T(nothing_overtakes_a_failure_until_the_reset), T(it_writes_again_by_itself),
		T(a_refused_epoch_fails_its_worker_alone), T(keys_begin_with_their_shard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
