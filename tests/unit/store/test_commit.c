/* The commit thread: groups of what waits, an order for each worker, and failures that
 * nothing overtakes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/memory.h"
#include "worker/store/commit.h"

static struct commit commit;
static struct ev_loop *loop;
static struct ev_async signal_done;
static struct stream streams[2];
static char said[4096];     /* what was answered: `a1 ok`, `b2 internal`, `load 7 found` */
static unsigned answered;

/* The engine of the test: a memory engine whose writes fail while `failing` says so, and
 * where shards from `lost` on have another owner. */
static _Atomic int failing; /* enum engine_result */
static _Atomic unsigned writes, opens, attempts, claims;
static _Atomic uint32_t lost;
static _Atomic unsigned slow_us; /* what a write takes */

static enum engine_result open_engine(const struct engine_settings *settings, void **ret_db, struct buffer *error)
{
	opens++;
	return engine_memory.open(settings, ret_db, error);
}

static enum engine_result write_engine(void *db, const struct engine_change *changes, size_t count, struct buffer *error)
{
	attempts++;
	if (slow_us)
		usleep(slow_us);
	if (failing) {
		buffer_append_text(error, "the disk says no");
		return (enum engine_result)failing;
	}
	for (size_t i = 0; i < count; i++)
		if (changes[i].shard >= lost)
			return ENGINE_FENCED;
	writes++;
	return engine_memory.write(db, changes, count, error);
}

static enum engine_result claim_in_engine(void *db, struct engine_claim *wanted, size_t count, struct buffer *error)
{
	(void)db, (void)wanted, (void)error;
	claims += (unsigned)count;
	return ENGINE_OK;
}

static bool holds_in_engine(const void *db, uint32_t shard, uint64_t epoch)
{
	(void)db, (void)epoch;
	return shard < lost;
}

static enum engine_result load_from_engine(void *db, struct engine_load *loads, size_t count, struct buffer *error)
{
	if (failing)
		return (enum engine_result)failing;
	for (size_t i = 0; i < count; i++) {
		loads[i].fenced = loads[i].shard >= lost;
		loads[i].found = !loads[i].fenced && engine_memory.read(db, loads[i].key, loads[i].record, error) > 0;
	}
	return ENGINE_OK;
}

static enum engine_result look_at_engine(void *db, struct buffer *error)
{
	(void)db, (void)error;
	return (enum engine_result)failing;
}

static struct engine_ops engine;
static struct engine_settings settings = { .directory = "unused", .url = "", .node = "test" };

static void on_done(struct ev_loop *l, struct ev_async *w, int events)
{
	struct job *job = commit_take_done(&commit);

	(void)l, (void)w, (void)events;
	while (job) {
		struct job *next = job->next;
		char word[64];

		if (job->kind == JOB_LOAD)
			snprintf(word, sizeof(word), "load %u %s;", (unsigned)job->number,
			         job->code ? error_rows[job->code].name : job->found ? "found" : "absent");
		else if (job->kind == JOB_CLAIM)
			snprintf(word, sizeof(word), "claim;");
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

static int begin(bool shared)
{
	struct buffer error = { 0 };

	failing = ENGINE_OK;
	writes = opens = attempts = claims = 0;
	lost = UINT32_MAX;
	slow_us = 0;
	engine = engine_memory;
	engine.open = open_engine;
	engine.write = write_engine;
	if (shared) {
		engine.claim = claim_in_engine;
		engine.holds = holds_in_engine;
		engine.load = load_from_engine;
		engine.look = look_at_engine;
	}
	loop = ev_loop_new(EVFLAG_AUTO);
	ev_async_init(&signal_done, on_done);
	ev_async_start(loop, &signal_done);
	memset(streams, 0, sizeof(streams));
	said[0] = '\0';
	answered = 0;
	assert_int_equal(commit_init(&commit, &engine, &settings, loop, &signal_done, &error), 0);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return begin(false);
}

static int set_up_shared(void **state)
{
	(void)state;
	return begin(true);
}

static int set_up_gathering(void **state)
{
	int r;

	(void)state;
	settings.gather = 1000000;
	r = begin(false);
	settings.gather = 0;
	slow_us = 50000;
	return r;
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

static struct job *batch_of(unsigned stream, uint64_t number, uint32_t shard, const char *address)
{
	struct job *job = job_of(JOB_BATCH, stream, number);

	job->count = 1;
	ipc_encode_entry(&job->body, &(struct ipc_batch_entry){
		.shard = shard, .address = bytes_of(address), .record = BYTES_LITERAL("record") });
	return job;
}

static void batch(unsigned stream, uint64_t number, const char *address)
{
	commit_submit(&commit, batch_of(stream, number, 3, address));
}

/* All of them in one round: the thread cannot begin before they are there. */
static void submit_together(struct job *jobs[], size_t count)
{
	pthread_mutex_lock(&commit.lock);
	for (size_t i = 0; i < count; i++) {
		if (commit.last)
			commit.last->next = jobs[i];
		else
			commit.first = jobs[i];
		commit.last = jobs[i];
		commit.changes += jobs[i]->count;
		commit.others += jobs[i]->kind != JOB_BATCH;
	}
	pthread_cond_signal(&commit.waiting);
	pthread_mutex_unlock(&commit.lock);
}

static void load(uint64_t number, const char *address)
{
	struct job *job = job_of(JOB_LOAD, 0, number);

	job->shard = 3;
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
	struct job *jobs[50];

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		jobs[i] = batch_of(i % 2, i + 1, 3, "x");
	submit_together(jobs, 50);
	await(50);
	commit_read_figures(&commit, &f);
	assert_int_equal(f.batches, 50);
	assert_int_equal(f.commits, 1);
	assert_int_equal(writes, 1);
}

/* `b` comes while `a` is written. It is not written alone: `a` has only just been answered. */
static void who_has_been_answered_is_waited_for(void **state)
{
	(void)state;
	batch(0, 1, "x");
	while (attempts == 0)
		sched_yield();
	batch(1, 1, "y");
	await(1);
	batch(0, 2, "x");
	await(3);
	assert_string_equal(said, "a1 ok;b1 ok;a2 ok;");
	assert_int_equal(writes, 2);
}

static void who_does_not_come_back_is_not_waited_for_long(void **state)
{
	(void)state;
	batch(0, 1, "x");
	while (attempts == 0)
		sched_yield();
	batch(1, 1, "y");
	await(2);
	assert_string_equal(said, "a1 ok;b1 ok;");
	assert_int_equal(commit.gather.vain, 1);
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
	assert_int_equal(f.state, COMMIT_FULL);
	assert_string_equal(f.reason, "the disk says no");
	failing = ENGINE_OK;
	/* Nobody asks: the thread signals when its own attempt has succeeded. */
	do {
		ev_run(loop, 0);
		commit_read_figures(&commit, &f);
	} while (f.state != COMMIT_GOOD);
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

static struct job *claim_of(uint32_t shard)
{
	struct job *job = memory_new(sizeof(*job));
	struct engine_claim claim;

	memset(&claim, 0, sizeof(claim));
	claim.shard = shard;
	claim.epoch = 7;
	job->kind = JOB_CLAIM;
	buffer_append(&job->body, &claim, sizeof(claim));
	return job;
}

static void claims_keep_their_place_among_batches(void **state)
{
	struct job *jobs[] = { batch_of(0, 1, 3, "x"), claim_of(3), claim_of(4), batch_of(0, 2, 3, "y") };

	(void)state;
	submit_together(jobs, 4);
	await(4);
	assert_string_equal(said, "a1 ok;claim;claim;a2 ok;");
	assert_int_equal(claims, 2);
	assert_int_equal(writes, 2);
}

static void a_lost_shard_takes_its_own_stream_along_and_no_other(void **state)
{
	struct job *jobs[] = {
		batch_of(0, 1, 3, "x"), batch_of(1, 1, 3, "y"), batch_of(0, 2, 9, "z"), batch_of(1, 2, 4, "y"),
		batch_of(0, 3, 3, "x"),
	};

	(void)state;
	lost = 9;
	submit_together(jobs, 5);
	await(5);
	assert_string_equal(said, "a1 ok;b1 ok;a2 moved;b2 ok;a3 moved;");
	assert_int_equal(attempts, 2);
	assert_int_equal(writes, 1);
}

static void a_load_of_a_lost_shard_is_moved(void **state)
{
	(void)state;
	batch(0, 1, "x");
	load(7, "x");
	await(2);
	lost = 3;
	load(8, "x");
	await(3);
	assert_string_equal(said, "a1 ok;load 7 found;load 8 moved;");
}

static void await_state(enum commit_state state)
{
	struct commit_figures f;

	do {
		commit_read_figures(&commit, &f);
		if (f.state != state)
			ev_run(loop, 0);
	} while (f.state != state);
}

static void while_the_database_is_away_everything_waits(void **state)
{
	(void)state;
	failing = ENGINE_AWAY;
	batch(0, 1, "x");
	load(7, "x");
	await_state(COMMIT_AWAY);
	batch(1, 1, "y");
	while (attempts < 3)
		sched_yield();
	assert_string_equal(said, "");
	failing = ENGINE_OK;
	await(3);
	assert_string_equal(said, "a1 ok;load 7 found;b1 ok;");
	await_state(COMMIT_GOOD);
	assert_int_equal(opens, 1);
}

/* What had no answer may have been written before the shard was lost. */
static void who_loses_a_shard_while_the_database_is_away_is_told_maybe(void **state)
{
	(void)state;
	failing = ENGINE_AWAY;
	batch(0, 1, "x");
	await_state(COMMIT_AWAY);
	lost = 0;
	failing = ENGINE_OK;
	await(1);
	assert_string_equal(said, "a1 lost;");
}

static void an_idle_store_sees_the_database_go_and_come(void **state)
{
	(void)state;
	failing = ENGINE_AWAY;
	await_state(COMMIT_AWAY);
	failing = ENGINE_OK;
	await_state(COMMIT_GOOD);
	assert_int_equal(attempts, 0);
}

static void an_end_does_not_wait_for_the_database(void **state)
{
	struct job *job;

	(void)state;
	failing = ENGINE_AWAY;
	batch(0, 1, "x");
	load(7, "x");
	await_state(COMMIT_AWAY);
	pthread_mutex_lock(&commit.lock);
	commit.stopping = true;
	pthread_cond_signal(&commit.waiting);
	pthread_mutex_unlock(&commit.lock);
	await(2);
	assert_string_equal(said, "a1 internal;load 7 internal;");
	job = commit_take_done(&commit);
	assert_null(job);
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
#define GATHERING(name) cmocka_unit_test_setup_teardown(name, set_up_gathering, tear_down)
		GATHERING(who_has_been_answered_is_waited_for), GATHERING(who_does_not_come_back_is_not_waited_for_long),
#define SHARED(name) cmocka_unit_test_setup_teardown(name, set_up_shared, tear_down)
		SHARED(claims_keep_their_place_among_batches), SHARED(a_lost_shard_takes_its_own_stream_along_and_no_other),
		SHARED(a_load_of_a_lost_shard_is_moved), SHARED(while_the_database_is_away_everything_waits),
		SHARED(who_loses_a_shard_while_the_database_is_away_is_told_maybe),
		SHARED(an_idle_store_sees_the_database_go_and_come), SHARED(an_end_does_not_wait_for_the_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
