/* The PostgreSQL engine by itself, in the database that STAGE_TEST_URL names: engine.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/store/commit.h"

static const struct engine_ops *const engine = &engine_postgresql;
static const char *url;
static PGconn *admin;
static void *ann, *bob; /* engines of two nodes */
static struct buffer error;

static void sql(const char *text)
{
	PGresult *r = PQexec(admin, text);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(admin));
	PQclear(r);
}

static void *open_as(const char *node)
{
	struct engine_settings settings = { .url = url, .node = node, .shards = 16384 };
	void *db = NULL;

	buffer_clear(&error);
	assert_int_equal(engine->open(&settings, &db, &error), ENGINE_OK);
	return db;
}

static void ignore(void *owner, const PGresult *notice)
{
	(void)owner, (void)notice;
}

static int set_up(void **state)
{
	(void)state;
	admin = PQconnectdb(url);
	assert_int_equal(PQstatus(admin), CONNECTION_OK);
	PQsetNoticeReceiver(admin, ignore, NULL);
	sql("DROP SCHEMA IF EXISTS stage CASCADE");
	ann = open_as("ann");
	bob = open_as("bob");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	engine->close(ann);
	engine->close(bob);
	PQfinish(admin);
	return 0;
}

static void claim(void *db, uint32_t shard, uint64_t epoch)
{
	struct engine_claim c = { shard, epoch };

	buffer_clear(&error);
	assert_int_equal(engine->claim(db, &c, 1, &error), ENGINE_OK);
}

static struct engine_change change_of(uint32_t shard, uint64_t epoch, struct bytes address, const char *record,
                                      struct buffer *key)
{
	buffer_clear(key);
	commit_key(shard, address, key);
	return (struct engine_change){
		.key = buffer_bytes(key), .record = bytes_of(record ? record : ""), .remove = record == NULL,
		.shard = shard, .epoch = epoch,
	};
}

/* record NULL: removed. */
static enum engine_result put(void *db, uint32_t shard, uint64_t epoch, const char *address, const char *record)
{
	struct buffer key = { 0 };
	struct engine_change c = change_of(shard, epoch, bytes_of(address), record, &key);
	enum engine_result result;

	buffer_clear(&error);
	result = engine->write(db, &c, 1, &error);
	buffer_fini(&key);
	return result;
}

/* `moved`, `absent` or the record. */
static const char *get(void *db, uint32_t shard, uint64_t epoch, struct bytes address)
{
	static struct buffer record;
	struct buffer key = { 0 };
	struct engine_load l = { .shard = shard, .epoch = epoch, .record = &record };

	buffer_clear(&record);
	buffer_clear(&error);
	commit_key(shard, address, &key);
	l.key = buffer_bytes(&key);
	assert_int_equal(engine->load(db, &l, 1, &error), ENGINE_OK);
	buffer_fini(&key);
	buffer_append(&record, "", 1);
	return l.fenced ? "moved" : l.found ? record.data + record.head : "absent";
}

#define GET(db, shard, epoch, address) get(db, shard, epoch, BYTES_LITERAL(address))

static void what_is_written_is_there(void **state)
{
	(void)state;
	claim(ann, 3, 1);
	assert_string_equal(GET(ann, 3, 1, "x"), "absent");
	assert_int_equal(put(ann, 3, 1, "x", "one"), ENGINE_OK);
	assert_int_equal(put(ann, 3, 1, "y", ""), ENGINE_OK);
	assert_string_equal(GET(ann, 3, 1, "x"), "one");
	assert_string_equal(GET(ann, 3, 1, "y"), "");
	assert_int_equal(put(ann, 3, 1, "x", "two"), ENGINE_OK);
	assert_int_equal(put(ann, 3, 1, "y", NULL), ENGINE_OK);
	assert_string_equal(GET(ann, 3, 1, "x"), "two");
	assert_string_equal(GET(ann, 3, 1, "y"), "absent");
}

/* Within one group the last change of a key counts, whatever bytes it is made of. */
static void a_group_is_applied_in_its_order(void **state)
{
	const struct bytes odd = { "a\0\xff'\\", 5 };
	struct buffer keys[5] = { 0 };
	struct engine_change changes[] = {
		change_of(3, 1, odd, "first", &keys[0]),          change_of(4, 1, odd, "gone", &keys[1]),
		change_of(3, 1, odd, NULL, &keys[2]),             change_of(3, 1, odd, "last", &keys[3]),
		change_of(4, 1, odd, NULL, &keys[4]),
	};

	(void)state;
	claim(ann, 3, 1);
	claim(ann, 4, 1);
	assert_int_equal(put(ann, 4, 1, "b", "kept"), ENGINE_OK);
	assert_int_equal(engine->write(ann, changes, 5, &error), ENGINE_OK);
	assert_string_equal(get(ann, 3, 1, odd), "last");
	assert_string_equal(get(ann, 4, 1, odd), "absent");
	assert_string_equal(GET(ann, 4, 1, "b"), "kept");
	for (int i = 0; i < 5; i++)
		buffer_fini(&keys[i]);
}

static void nobody_writes_or_reads_what_was_not_claimed(void **state)
{
	(void)state;
	assert_int_equal(put(ann, 3, 1, "x", "one"), ENGINE_FENCED);
	assert_string_equal(GET(ann, 3, 1, "x"), "moved");
	claim(ann, 3, 1);
	assert_int_equal(put(ann, 3, 2, "x", "one"), ENGINE_FENCED);
	assert_int_equal(put(ann, 3, 1, "x", "one"), ENGINE_OK);
}

static void a_higher_epoch_takes_a_shard_from_its_owner(void **state)
{
	struct buffer keys[2] = { 0 };
	struct engine_change both[] = {
		change_of(3, 1, BYTES_LITERAL("x"), "late", &keys[0]), change_of(4, 1, BYTES_LITERAL("x"), "late", &keys[1]),
	};

	(void)state;
	claim(ann, 3, 1);
	claim(ann, 4, 1);
	assert_int_equal(put(ann, 3, 1, "x", "one"), ENGINE_OK);
	claim(bob, 3, UINT64_C(1) << 32);
	assert_string_equal(GET(bob, 3, UINT64_C(1) << 32, "x"), "one");
	/* All or nothing, and the one that is lost can be told from the other. */
	assert_int_equal(engine->write(ann, both, 2, &error), ENGINE_FENCED);
	assert_false(engine->holds(ann, 3, 1));
	assert_true(engine->holds(ann, 4, 1));
	assert_string_equal(GET(ann, 4, 1, "x"), "absent");
	assert_int_equal(engine->write(ann, &both[1], 1, &error), ENGINE_OK);
	assert_string_equal(GET(ann, 3, 1, "x"), "moved");
	assert_string_equal(GET(bob, 3, UINT64_C(1) << 32, "x"), "one");
	/* An epoch does not go back. */
	claim(ann, 3, 2);
	assert_false(engine->holds(ann, 3, 2));
	assert_int_equal(put(bob, 3, UINT64_C(1) << 32, "x", "two"), ENGINE_OK);
	buffer_fini(&keys[0]);
	buffer_fini(&keys[1]);
}

static void a_load_notices_a_new_owner_too(void **state)
{
	(void)state;
	claim(ann, 3, 1);
	assert_int_equal(put(ann, 3, 1, "x", "one"), ENGINE_OK);
	claim(bob, 3, 2);
	assert_string_equal(GET(ann, 3, 1, "x"), "moved");
	assert_false(engine->holds(ann, 3, 1));
}

static void an_epoch_has_one_owner(void **state)
{
	(void)state;
	claim(ann, 3, 7);
	claim(bob, 3, 7);
	assert_false(engine->holds(bob, 3, 7));
	assert_int_equal(put(ann, 3, 7, "x", "one"), ENGINE_OK);
}

/* So that whoever should have it, by the cluster's log, can go above. */
static void a_claim_in_vain_says_what_is_in_its_way(void **state)
{
	struct engine_claim claims[] = { { .shard = 3, .epoch = 7 }, { .shard = 4, .epoch = 7 }, { .shard = 5, .epoch = 7 }, { .shard = 6, .epoch = 7 } };

	(void)state;
	claim(ann, 3, 9);
	claim(ann, 4, 7);
	claim(ann, 5, 6);
	claim(bob, 6, 8);
	buffer_clear(&error);
	assert_int_equal(engine->claim(bob, claims, 4, &error), ENGINE_OK);
	assert_int_equal(claims[0].above, 9);
	assert_int_equal(claims[1].above, 7);
	assert_int_equal(claims[2].above, 0);
	assert_int_equal(claims[3].above, 8);
	assert_false(claims[0].own || claims[1].own);
	assert_true(claims[3].own);
	assert_true(engine->holds(bob, 5, 7));
	assert_false(engine->holds(bob, 3, 7) || engine->holds(bob, 4, 7));
	claim(bob, 3, 10);
	assert_true(engine->holds(bob, 3, 10));
}

/* A store process that was taken for dead, and the one that was started in its place. */
static void a_successor_of_the_same_node_shuts_its_predecessor_out(void **state)
{
	void *successor;

	(void)state;
	claim(ann, 3, 7);
	assert_int_equal(put(ann, 3, 7, "x", "one"), ENGINE_OK);
	successor = open_as("ann");
	claim(successor, 3, 7);
	assert_int_equal(put(successor, 3, 7, "x", "two"), ENGINE_OK);
	assert_int_equal(put(ann, 3, 7, "x", "late"), ENGINE_FENCED);
	assert_string_equal(GET(successor, 3, 7, "x"), "two");
	engine->close(successor);
}

static void end_sessions(void)
{
	sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'stage'");
}

static void a_lost_session_is_begun_again(void **state)
{
	enum engine_result result;

	(void)state;
	claim(ann, 3, 1);
	assert_int_equal(put(ann, 3, 1, "x", "one"), ENGINE_OK);
	end_sessions();
	result = put(ann, 3, 1, "x", "two");
	assert_int_equal(result, ENGINE_AWAY);
	assert_int_equal(put(ann, 3, 1, "x", "two"), ENGINE_OK);
	end_sessions();
	assert_int_equal(engine->look(ann, &error) == ENGINE_OK && engine->look(ann, &error) == ENGINE_OK, false);
	assert_int_equal(engine->look(ann, &error), ENGINE_OK);
	assert_string_equal(GET(ann, 3, 1, "x"), "two");
}

/* While its session was gone somebody else has come. */
static void a_shard_may_be_lost_with_the_session(void **state)
{
	(void)state;
	claim(ann, 3, 1);
	claim(ann, 4, 1);
	end_sessions();
	sql("UPDATE stage.shard SET epoch = 2, owner = 'bob' WHERE shard = 3");
	assert_int_equal(put(ann, 4, 1, "x", "one"), ENGINE_AWAY);
	assert_int_equal(put(ann, 4, 1, "x", "one"), ENGINE_OK);
	assert_int_equal(put(ann, 3, 1, "x", "one"), ENGINE_FENCED);
}

/* Whatever the server says, on the nth insert from now on and on those before it. */
static void say_on_insert(const char *state, int times)
{
	char text[512];

	sql("DROP SEQUENCE IF EXISTS public.said CASCADE; CREATE SEQUENCE public.said");
	snprintf(text, sizeof(text),
	         "CREATE OR REPLACE FUNCTION public.say() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
	         " IF nextval('public.said') <= %d THEN RAISE 'as asked for' USING ERRCODE = '%s'; END IF;"
	         " RETURN NEW; END$$", times, state);
	sql(text);
	sql("DROP TRIGGER IF EXISTS say ON stage.actor; CREATE TRIGGER say BEFORE INSERT ON stage.actor"
	    " FOR EACH ROW EXECUTE FUNCTION public.say()");
}

static void what_the_server_wants_again_it_gets_again(void **state)
{
	static const char *const states[] = { "40001", "40P01" };

	(void)state;
	claim(ann, 3, 1);
	for (size_t i = 0; i < 2; i++) {
		say_on_insert(states[i], 3);
		assert_int_equal(put(ann, 3, 1, "x", states[i]), ENGINE_OK);
		assert_string_equal(GET(ann, 3, 1, "x"), states[i]);
	}
	say_on_insert("40001", 1000);
	assert_int_equal(put(ann, 3, 1, "x", "never"), ENGINE_FAILED);
}

static void what_the_server_says_has_a_meaning(void **state)
{
	static const struct { const char *state; enum engine_result result; } cases[] = {
		{ "53100", ENGINE_FULL }, { "XX000", ENGINE_FAILED }, { "25006", ENGINE_AWAY }, { "57014", ENGINE_AWAY },
	};

	(void)state;
	claim(ann, 3, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say_on_insert(cases[i].state, 1);
		assert_int_equal(put(ann, 3, 1, "x", "one"), cases[i].result);
		assert_int_equal(put(ann, 3, 1, "x", "one"), ENGINE_OK);
	}
	say_on_insert("53100", 1);
	assert_int_equal(engine->probe(ann, &error), ENGINE_FULL);
	assert_int_equal(engine->probe(ann, &error), ENGINE_OK);
}

static void every_shard_can_be_claimed_at_once(void **state)
{
	enum { COUNT = 16384 };
	struct engine_claim *claims = calloc(COUNT, sizeof(*claims));

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++)
		claims[i] = (struct engine_claim){ i, 5 };
	assert_int_equal(engine->claim(ann, claims, COUNT, &error), ENGINE_OK);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_true(engine->holds(ann, i, 5));
	free(claims);
}

static void *open_in_thread(void *node)
{
	struct engine_settings settings = { .url = url, .node = node, .shards = 16384 };
	struct buffer why = { 0 };
	void *db = NULL;

	engine->open(&settings, &db, &why);
	buffer_fini(&why);
	return db;
}

static void nodes_that_start_at_once_make_one_schema(void **state)
{
	enum { COUNT = 8 };
	pthread_t threads[COUNT];
	char node[] = "node";
	void *db;

	(void)state;
	sql("DROP SCHEMA stage CASCADE");
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_in_thread, node), 0);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(pthread_join(threads[i], &db), 0);
		assert_non_null(db);
		engine->close(db);
	}
	sql("SELECT 1 / (count(*) = 1)::int FROM stage.meta"); /* an error where it is not one */
}

static void a_cluster_keeps_others_out(void **state)
{
	struct engine_settings settings = { .url = url, .node = "cat", .cluster = { 1, 2, 3 }, .shards = 16384 };
	void *db = NULL;

	(void)state;
	assert_int_equal(engine->open(&settings, &db, &error), ENGINE_OK); /* which did not have a name before */
	engine->close(db);
	assert_int_equal(engine->open(&settings, &db, &error), ENGINE_OK);
	engine->close(db);
	settings.cluster[15] = 9;
	buffer_clear(&error);
	assert_int_equal(engine->open(&settings, &db, &error), ENGINE_FOREIGN);
	buffer_append(&error, "", 1);
	assert_non_null(strstr(error.data, "another cluster (01020300000000000000000000000000, this one is "));
}

/* An operator says that the former cluster is gone; what of it runs still is shut out. */
static void a_cluster_takes_over_what_a_former_one_has_left(void **state)
{
	struct engine_foreign foreign;
	struct engine_settings first = { .url = url, .node = "cat", .cluster = { 1, 2 }, .key = { 7, 8 }, .shards = 64 },
	                       second = { .url = url, .node = "dog", .cluster = { 3, 4 }, .key = { 9 }, .shards = 64, .foreign = &foreign };
	void *former = NULL, *db = NULL;

	(void)state;
	sql("DROP SCHEMA stage CASCADE");
	assert_int_equal(engine->open(&first, &former, &error), ENGINE_OK);
	claim(former, 3, 8);
	assert_int_equal(put(former, 3, 8, "x", "kept"), ENGINE_OK);
	assert_int_equal(engine->open(&second, &db, &error), ENGINE_FOREIGN);
	assert_memory_equal(foreign.cluster, first.cluster, sizeof(first.cluster));
	assert_true(foreign.has_key && foreign.shards == 64);
	assert_memory_equal(foreign.key, first.key, sizeof(first.key));
	second.former[0] = 1; /* not its whole id */
	memcpy(second.key, first.key, sizeof(first.key));
	assert_int_equal(engine->open(&second, &db, &error), ENGINE_FOREIGN);
	second.former[1] = 2;
	second.key[0] = 9; /* it would look for actors in other shards */
	assert_int_equal(engine->open(&second, &db, &error), ENGINE_FOREIGN);
	second.key[0] = 7;
	second.shards = 63;
	assert_int_equal(engine->open(&second, &db, &error), ENGINE_FOREIGN);
	second.shards = 64;
	assert_int_equal(engine->open(&second, &db, &error), ENGINE_OK);
	claim(db, 3, 9);
	assert_string_equal(GET(db, 3, 9, "x"), "kept");
	/* The former one hears why; it neither writes nor claims, whatever the epoch. */
	buffer_clear(&error);
	assert_int_equal(put(former, 3, 8, "x", "late"), ENGINE_AWAY);
	buffer_append(&error, "", 1);
	assert_non_null(strstr(error.data, "another cluster has taken it over"));
	buffer_clear(&error);
	assert_int_equal(engine->claim(former, &(struct engine_claim){ .shard = 3, .epoch = 99 }, 1, &error), ENGINE_AWAY);
	buffer_append(&error, "", 1);
	assert_non_null(strstr(error.data, "it holds the state of another cluster (0304"));
	assert_string_equal(GET(db, 3, 9, "x"), "kept");
	/* And cannot take it back by what was said of it. */
	engine->close(former);
	assert_int_equal(engine->open(&first, &former, &error), ENGINE_FOREIGN);
	engine->close(db);
	assert_int_equal(engine->open(&second, &db, &error), ENGINE_OK);
	engine->close(db);
}

/* Its session has begun before the takeover, and it claims for the first time behind it. */
static void a_claim_behind_a_takeover_is_in_vain(void **state)
{
	struct engine_settings first = { .url = url, .node = "cat", .cluster = { 1, 2 }, .shards = 64 };
	void *former = NULL;

	(void)state;
	sql("DROP SCHEMA stage CASCADE");
	assert_int_equal(engine->open(&first, &former, &error), ENGINE_OK);
	sql("UPDATE stage.meta SET cluster = '\\x0304'");
	buffer_clear(&error);
	assert_int_equal(engine->claim(former, &(struct engine_claim){ .shard = 3, .epoch = 99 }, 1, &error), ENGINE_AWAY);
	sql("SELECT 1 / (count(*) = 0)::int FROM stage.shard WHERE shard = 3"); /* an error where it has claimed */
	engine->close(former);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(what_is_written_is_there), T(a_group_is_applied_in_its_order),
		T(nobody_writes_or_reads_what_was_not_claimed), T(a_higher_epoch_takes_a_shard_from_its_owner),
		T(a_load_notices_a_new_owner_too), T(an_epoch_has_one_owner), T(a_claim_in_vain_says_what_is_in_its_way),
		T(a_successor_of_the_same_node_shuts_its_predecessor_out), T(a_lost_session_is_begun_again),
		T(a_shard_may_be_lost_with_the_session), T(what_the_server_wants_again_it_gets_again),
		T(what_the_server_says_has_a_meaning), T(every_shard_can_be_claimed_at_once),
		T(nodes_that_start_at_once_make_one_schema), T(a_cluster_keeps_others_out),
		T(a_cluster_takes_over_what_a_former_one_has_left), T(a_claim_behind_a_takeover_is_in_vain),
	};
	int failed;

	url = getenv("STAGE_TEST_URL");
	if (url == NULL) {
		fputs("STAGE_TEST_URL names the database\n", stderr);
		return 64;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buffer_fini(&error);
	return failed;
}
