/* Both engines keep what they are given; RocksDB keeps it across its end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker/store/engine.h"

static char directory[] = "/tmp/engine-XXXXXX";
static char path[64];

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/engine-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/db", directory);
	return 0;
}

static int remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", directory);
	return system(command);
}

static void *open_it(const struct engine_ops *engine)
{
	struct buffer error = { 0 };
	struct engine_settings settings = { .directory = path };
	void *db = NULL;

	assert_int_equal(engine->open(&settings, &db, &error), ENGINE_OK);
	buffer_fini(&error);
	return db;
}

static void put(const struct engine_ops *engine, void *db, const char *key, const char *record, bool remove)
{
	struct buffer error = { 0 };
	struct engine_change c = { .key = bytes_of(key), .record = bytes_of(record), .remove = remove };

	assert_int_equal(engine->write(db, &c, 1, &error), ENGINE_OK);
	buffer_fini(&error);
}

static void expect(const struct engine_ops *engine, void *db, const char *key, const char *record)
{
	struct buffer out = { 0 }, error = { 0 };

	assert_int_equal(engine->read(db, bytes_of(key), &out, &error), record != NULL);
	if (record)
		assert_true(bytes_equal(buffer_bytes(&out), bytes_of(record)));
	buffer_fini(&out);
	buffer_fini(&error);
}

static void keeps(const struct engine_ops *engine)
{
	void *db = open_it(engine);

	expect(engine, db, "a", NULL);
	put(engine, db, "a", "one", false);
	put(engine, db, "b", "", false);
	expect(engine, db, "a", "one");
	expect(engine, db, "b", "");
	put(engine, db, "a", "two", false);
	put(engine, db, "b", "", true);
	expect(engine, db, "a", "two");
	expect(engine, db, "b", NULL);
	engine->close(db);
}

static void memory_keeps_what_it_is_given(void **state)
{
	(void)state;
	keeps(&engine_memory);
}

static void rocksdb_keeps_it_across_its_end(void **state)
{
	void *db;

	(void)state;
	keeps(&engine_rocksdb);
	db = open_it(&engine_rocksdb);
	expect(&engine_rocksdb, db, "a", "two");
	expect(&engine_rocksdb, db, "b", NULL);
	engine_rocksdb.close(db);
}

static void one_process_has_a_database_at_a_time(void **state)
{
	struct engine_settings settings = { .directory = path };
	struct buffer error = { 0 };
	void *db, *second;

	(void)state;
	db = open_it(&engine_rocksdb);
	assert_int_equal(engine_rocksdb.open(&settings, &second, &error), ENGINE_FAILED);
	assert_true(buffer_length(&error) > 0);
	buffer_fini(&error);
	engine_rocksdb.close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)
		T(memory_keeps_what_it_is_given), T(rocksdb_keeps_it_across_its_end), T(one_process_has_a_database_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
