/* The embedded engine: RocksDB, one database, its log synced at every group commit. */
#include <errno.h>
#include <rocksdb/c.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/memory.h"
#include "proto/transfer.h"
#include "worker/store/engine.h"

#define WRITE_BUFFER (64u << 20) /* bytes in memory before a file of its own */
#define WRITE_BUFFERS 3
#define CACHE (64u << 20)
#define OPEN_FILES 512
#define INFO_LOG (4u << 20)
#define LOG_FATAL_ONLY 4 /* InfoLogLevel::FATAL_LEVEL */
#define BLOOM_BITS 10

struct db {
	rocksdb_t *handle;
	rocksdb_options_t *options;
	rocksdb_cache_t *cache;
	rocksdb_writeoptions_t *synced;
	rocksdb_readoptions_t *reads;
};

static void close_db(void *at)
{
	struct db *db = at;

	if (db == NULL)
		return;
	if (db->handle)
		rocksdb_close(db->handle);
	if (db->synced)
		rocksdb_writeoptions_destroy(db->synced);
	if (db->reads)
		rocksdb_readoptions_destroy(db->reads);
	rocksdb_options_destroy(db->options);
	rocksdb_cache_destroy(db->cache);
	free(db);
}

/* Never recycle_log_file_num: with it, old records came back after a crash. */
static void set_options(struct db *db)
{
	rocksdb_options_t *o = rocksdb_options_create();
	rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();

	db->options = o;
	db->cache = rocksdb_cache_create_lru(CACHE);
	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_paranoid_checks(o, 1);
	rocksdb_options_set_write_buffer_size(o, WRITE_BUFFER);
	rocksdb_options_set_max_write_buffer_number(o, WRITE_BUFFERS);
	rocksdb_options_set_max_background_jobs(o, 2);
	rocksdb_options_set_max_open_files(o, OPEN_FILES);
	rocksdb_options_set_compression(o, rocksdb_lz4_compression);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	rocksdb_options_set_keep_log_file_num(o, 3);
	/* Debian's build asserts when its own log meets a full disk: it writes none but the
	 * heading. Errors come back with each call and are logged as ours. */
	rocksdb_options_set_info_log_level(o, LOG_FATAL_ONLY);
	rocksdb_options_set_max_log_file_size(o, INFO_LOG);
	rocksdb_options_set_bytes_per_sync(o, 1 << 20);
	rocksdb_block_based_options_set_block_cache(table, db->cache);
	rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(BLOOM_BITS));
	rocksdb_options_set_block_based_table_factory(o, table);
	rocksdb_block_based_options_destroy(table);
}

static void take_error(char *take_text, struct buffer *error)
{
	buffer_append_text(error, take_text);
	rocksdb_free(take_text);
}

static enum engine_result open_db(const struct engine_settings *settings, void **ret_db, struct buffer *error)
{
	const char *directory = settings->directory;
	struct db *db;
	char *text = NULL;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
		buffer_printf(error, "%s cannot be made: %s", directory, strerror(errno));
		return ENGINE_FAILED;
	}
	db = memory_new(sizeof(*db));
	set_options(db);
	db->handle = rocksdb_open(db->options, directory, &text);
	if (text) {
		take_error(text, error);
		close_db(db);
		return ENGINE_FAILED;
	}
	db->synced = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(db->synced, 1);
	db->reads = rocksdb_readoptions_create();
	*ret_db = db;
	return ENGINE_OK;
}

/* RocksDB tells kinds of failure apart in its text alone: `IO error: No space left on
 * device: While appending to file: …`, `IO error: While fdatasync: …`. */
static enum engine_result classify(const char *text)
{
	if (strstr(text, "While fdatasync") || strstr(text, "While fsync") || strstr(text, "While sync"))
		return ENGINE_UNSYNCED;
	if (strstr(text, "No space left on device") || strstr(text, "Disk quota exceeded"))
		return ENGINE_FULL;
	return ENGINE_FAILED;
}

static enum engine_result write_db(void *at, const struct engine_change *changes, size_t count, struct buffer *error)
{
	struct db *db = at;
	rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
	enum engine_result result = ENGINE_OK;
	char *text = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct engine_change *c = &changes[i];

		if (c->remove)
			rocksdb_writebatch_delete(batch, c->key.data, c->key.len);
		else
			rocksdb_writebatch_put(batch, c->key.data, c->key.len, c->record.data, c->record.len);
	}
	rocksdb_write(db->handle, db->synced, batch, &text);
	rocksdb_writebatch_destroy(batch);
	if (text) {
		result = classify(text);
		take_error(text, error);
	}
	return result;
}

static int read_db(void *at, struct bytes key, struct buffer *out, struct buffer *error)
{
	struct db *db = at;
	char *text = NULL;
	const char *value;
	size_t length;
	rocksdb_pinnableslice_t *slice = rocksdb_get_pinned(db->handle, db->reads, key.data, key.len, &text);

	if (text) {
		take_error(text, error);
		return -EIO;
	}
	if (slice == NULL)
		return 0;
	value = rocksdb_pinnableslice_value(slice, &length);
	buffer_append(out, value, length);
	rocksdb_pinnableslice_destroy(slice);
	return 1;
}

/* --- whole shards --- */

static enum engine_result iterator_result(rocksdb_iterator_t *i, struct buffer *error)
{
	char *text = NULL;

	rocksdb_iter_get_error(i, &text);
	rocksdb_iter_destroy(i);
	if (text == NULL)
		return ENGINE_OK;
	take_error(text, error);
	return ENGINE_FAILED;
}

static bool is_of(struct bytes key, const unsigned char prefix[2])
{
	return key.len >= 2 && memcmp(key.data, prefix, 2) == 0;
}

static struct bytes key_at(rocksdb_iterator_t *i)
{
	struct bytes key;

	key.data = rocksdb_iter_key(i, &key.len);
	return key;
}

static enum engine_result scan_db(void *at, uint32_t shard, struct bytes after, size_t budget, struct buffer *pairs,
                                  bool *ret_more, struct buffer *error)
{
	struct db *db = at;
	const unsigned char prefix[2] = { (unsigned char)(shard >> 8), (unsigned char)shard };
	rocksdb_iterator_t *i = rocksdb_create_iterator(db->handle, db->reads);

	if (after.len > 0)
		rocksdb_iter_seek(i, after.data, after.len);
	else
		rocksdb_iter_seek(i, (const char *)prefix, sizeof(prefix));
	if (after.len > 0 && rocksdb_iter_valid(i) && bytes_equal(key_at(i), after))
		rocksdb_iter_next(i);
	for (; rocksdb_iter_valid(i) && is_of(key_at(i), prefix) && buffer_length(pairs) < budget; rocksdb_iter_next(i)) {
		struct bytes record;

		record.data = rocksdb_iter_value(i, &record.len);
		transfer_add_pair(pairs, key_at(i), record);
	}
	*ret_more = rocksdb_iter_valid(i) && is_of(key_at(i), prefix);
	return iterator_result(i, error);
}

static enum engine_result drop_db(void *at, uint32_t shard, struct buffer *error)
{
	struct db *db = at;
	const char from[2] = { (char)(shard >> 8), (char)shard }, to[2] = { (char)((shard + 1) >> 8), (char)(shard + 1) };
	rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
	char *text = NULL;

	rocksdb_writebatch_delete_range(batch, from, sizeof(from), to, sizeof(to));
	rocksdb_write(db->handle, db->synced, batch, &text);
	rocksdb_writebatch_destroy(batch);
	if (text == NULL)
		return ENGINE_OK;
	take_error(text, error);
	return ENGINE_FAILED;
}

/* Shards are fewer than 0xffff: what begins so is the store's own. */
static bool is_empty_db(void *at)
{
	struct db *db = at;
	rocksdb_iterator_t *i = rocksdb_create_iterator(db->handle, db->reads);
	static const unsigned char own[2] = { 0xff, 0xff };
	bool empty;

	rocksdb_iter_seek_to_first(i);
	empty = !rocksdb_iter_valid(i) || is_of(key_at(i), own);
	rocksdb_iter_destroy(i);
	return empty;
}

const struct engine_ops engine_rocksdb = {
	.name = "rocksdb", .open = open_db, .close = close_db, .write = write_db, .read = read_db,
	.scan = scan_db, .drop = drop_db, .is_empty = is_empty_db,
};
