/* What a storage engine does for the store: ordered keys to records, written durably in
 * groups. Called by the commit thread alone (open and close: by one thread at a time), so
 * an engine needs no locks.
 *
 * An engine that several nodes share has owners of shards: it writes and reads only for who
 * has claimed a shard in the epoch that the database holds. The others have no claim(). */
#ifndef WORKER_STORE_ENGINE_H
#define WORKER_STORE_ENGINE_H

#include <stdint.h>

#include "common/buffer.h"
#include "common/hash.h"

#define ENGINE_CLUSTER_SIZE 16

/* What a database says of the cluster that it is of. */
struct engine_foreign {
	unsigned char cluster[ENGINE_CLUSTER_SIZE], key[HASH_KEY_SIZE];
	bool has_key; /* a database of an earlier version does not */
	uint32_t shards;
};

/* Borrowed for the call of open(). */
struct engine_settings {
	const char *directory; /* of the engines that keep their own files; made if it is missing */
	const char *url;       /* of those that keep them elsewhere */
	const char *node;      /* this node's name: who claims */
	unsigned char cluster[ENGINE_CLUSTER_SIZE]; /* zeros: not known, and not compared */
	unsigned char key[HASH_KEY_SIZE]; /* of addresses; zeros: not known */
	uint32_t shards;       /* of the cluster; 0: not known, and not compared */
	unsigned char former[ENGINE_CLUSTER_SIZE]; /* zeros: none. Whose database is taken over, where it
	                        * has this key and number of shards */
	struct engine_foreign *foreign; /* NULL, or filled with ENGINE_FOREIGN */
	uint64_t gather;       /* microseconds that a group may wait (gather.h); the commit thread's */
};

/* One change. remove: record is not looked at. key: commit_key(). */
struct engine_change {
	struct bytes key, record;
	bool remove;
	uint32_t shard;
	uint64_t epoch;
};

/* One record wanted; filled are found, fenced and record. */
struct engine_load {
	struct bytes key;
	uint32_t shard;
	uint64_t epoch;
	struct buffer *record; /* appended to where it is found */
	bool found;
	bool fenced;           /* the shard is not claimed in that epoch */
};

struct engine_claim {
	uint32_t shard;
	uint64_t epoch;
	uint64_t above; /* filled: the epoch in the database that kept it from being claimed; 0: it is claimed */
	bool own;       /* filled: who has it there is of this node's name */
};

enum engine_result {
	ENGINE_OK,
	ENGINE_FULL,     /* no room: nothing is promised about these changes; recover, then try again */
	ENGINE_FAILED,   /* any other failure; the same */
	ENGINE_UNSYNCED, /* a flush to stable storage failed: what the disk holds is unknown.
	                  * The process must end; it may never acknowledge anything again. */
	ENGINE_AWAY,     /* the database cannot be reached. The same call again finds out whether it
	                  * is back; the changes may have been made, a second time changes nothing. */
	ENGINE_FENCED,   /* write: a shard belongs to somebody else, see holds(); nothing was changed */
	ENGINE_REFUSED,  /* open: it may not be used like this, and no further attempt will change that */
	ENGINE_FOREIGN,  /* open: the database is another cluster's */
};

/* Every call that does not return ENGINE_OK leaves a sentence in error, FENCED apart. */
struct engine_ops {
	const char *name;
	enum engine_result (*open)(const struct engine_settings *settings, void **ret_db, struct buffer *error);
	void (*close)(void *db);
	/* All changes or none, in order, on stable storage when it returns ENGINE_OK. */
	enum engine_result (*write)(void *db, const struct engine_change *changes, size_t count,
	                            struct buffer *error);
	/* 1 found (appended to out), 0 not there, negative with a sentence in error. NULL where
	 * there is load(). */
	int (*read)(void *db, struct bytes key, struct buffer *out, struct buffer *error);

	/* NULL where each read() is cheap: all that is wanted at once. */
	enum engine_result (*load)(void *db, struct engine_load *loads, size_t count, struct buffer *error);
	/* NULL: everything is this node's. Makes the shards this node's own in these epochs, but
	 * for those that somebody has in a higher one; holds() tells. A second claim of the same
	 * shard in the same epoch changes nothing. */
	enum engine_result (*claim)(void *db, struct engine_claim *claims, size_t count, struct buffer *error);
	bool (*holds)(const void *db, uint32_t shard, uint64_t epoch);
	/* This and the next: NULL where nodes share the database, so that nothing moves. Appends
	 * pairs (proto/transfer.h) of a shard in the order of their keys, from behind `after`
	 * (empty: from the first) on, about `budget` bytes; *ret_more: there are others. A shard
	 * that is read so is not written to meanwhile. */
	enum engine_result (*scan)(void *db, uint32_t shard, struct bytes after, size_t budget, struct buffer *pairs,
	                           bool *ret_more, struct buffer *error);
	/* Removes all records of a shard, on stable storage. */
	enum engine_result (*drop)(void *db, uint32_t shard, struct buffer *error);
	/* Whether there is no record at all. */
	bool (*is_empty)(void *db);
	/* NULL: recovery is close, open and a write. Whether it writes again after ENGINE_FULL or
	 * ENGINE_FAILED; leaves nothing behind. */
	enum engine_result (*probe)(void *db, struct buffer *error);
	/* NULL: nothing to see. Without any work: whether the database is still there. */
	enum engine_result (*look)(void *db, struct buffer *error);
	/* NULL: the directory. Where the records are, for people. */
	void (*place)(const void *db, struct buffer *out);
};

extern const struct engine_ops engine_rocksdb;
extern const struct engine_ops engine_memory;
extern const struct engine_ops engine_postgresql;

#endif
