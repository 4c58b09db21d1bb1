/* The memory engine, for tests and caches: a hash table that ends with the process. */
#include <stdlib.h>

#include "common/map.h"
#include "common/memory.h"
#include "proto/transfer.h"
#include "worker/store/engine.h"

struct record {
	size_t len;
	char data[];
};

static enum engine_result open_db(const struct engine_settings *settings, void **ret_db, struct buffer *error)
{
	(void)settings, (void)error;
	*ret_db = memory_new(sizeof(struct map));
	return ENGINE_OK;
}

static void close_db(void *at)
{
	struct map *db = at;
	size_t next = 0;
	void *record;

	if (db == NULL)
		return;
	while (map_next(db, &next, NULL, &record))
		free(record);
	map_fini(db);
	free(db);
}

static enum engine_result write_db(void *at, const struct engine_change *changes, size_t count, struct buffer *error)
{
	(void)error;
	for (size_t i = 0; i < count; i++) {
		const struct engine_change *c = &changes[i];
		struct record *record;

		if (c->remove) {
			free(map_remove(at, c->key));
			continue;
		}
		record = memory_new(sizeof(*record) + c->record.len);
		record->len = c->record.len;
		if (c->record.len > 0)
			memcpy(record->data, c->record.data, c->record.len);
		free(map_put(at, c->key, record));
	}
	return ENGINE_OK;
}

static int read_db(void *at, struct bytes key, struct buffer *out, struct buffer *error)
{
	const struct record *record = map_get(at, key);

	(void)error;
	if (record == NULL)
		return 0;
	buffer_append(out, record->data, record->len);
	return 1;
}

/* A hash table has no order to go on in: all at once. */
static enum engine_result scan_db(void *at, uint32_t shard, struct bytes after, size_t budget, struct buffer *pairs,
                                  bool *ret_more, struct buffer *error)
{
	const unsigned char prefix[2] = { (unsigned char)(shard >> 8), (unsigned char)shard };
	struct bytes key;
	size_t next = 0;
	void *value;

	(void)budget, (void)error;
	*ret_more = false;
	while (after.len == 0 && map_next(at, &next, &key, &value)) {
		const struct record *record = value;

		if (key.len >= 2 && memcmp(key.data, prefix, 2) == 0)
			transfer_add_pair(pairs, key, (struct bytes){ record->data, record->len });
	}
	return ENGINE_OK;
}

static enum engine_result drop_db(void *at, uint32_t shard, struct buffer *error)
{
	struct buffer pairs = { 0 };
	struct bytes rest, key, record;
	bool more;

	(void)scan_db(at, shard, (struct bytes){ 0 }, 0, &pairs, &more, error);
	rest = buffer_bytes(&pairs);
	while (transfer_next_pair(&rest, &key, &record))
		free(map_remove(at, key));
	buffer_fini(&pairs);
	return ENGINE_OK;
}

static bool is_empty_db(void *at)
{
	size_t next = 0;

	return !map_next(at, &next, NULL, NULL);
}

const struct engine_ops engine_memory = {
	.name = "memory", .open = open_db, .close = close_db, .write = write_db, .read = read_db,
	.scan = scan_db, .drop = drop_db, .is_empty = is_empty_db,
};
