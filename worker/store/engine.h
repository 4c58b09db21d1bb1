/* What a storage engine does for the store: ordered keys to records, written durably in
 * groups. Called by the commit thread alone, so an engine needs no locks. */
#ifndef WORKER_STORE_ENGINE_H
#define WORKER_STORE_ENGINE_H

#include "common/buffer.h"

/* One change. remove: record is not looked at. */
struct engine_change {
	struct bytes key, record;
	bool remove;
};

enum engine_result {
	ENGINE_OK,
	ENGINE_FULL,     /* no room: nothing is promised about these changes; reopen, then try again */
	ENGINE_FAILED,   /* any other failure of a write; the same */
	ENGINE_UNSYNCED, /* a flush to stable storage failed: what the disk holds is unknown.
	                  * The process must end; it may never acknowledge anything again. */
};

struct engine_ops {
	const char *name;
	/* directory is made if it is missing. NULL with a sentence in error. */
	void *(*open)(const char *directory, struct buffer *error);
	void (*close)(void *db);
	/* All changes or none, in order, on stable storage when it returns ENGINE_OK. */
	enum engine_result (*write)(void *db, const struct engine_change *changes, size_t count,
	                            struct buffer *error);
	/* 1 found (appended to out), 0 not there, negative with a sentence in error. */
	int (*read)(void *db, struct bytes key, struct buffer *out, struct buffer *error);
};

extern const struct engine_ops engine_rocksdb;
extern const struct engine_ops engine_memory;

#endif
