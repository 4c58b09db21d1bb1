/* The class files of a node as one sealed memfd, which every actor worker gets. The
 * supervisor reads the files and never interprets them. */
#ifndef SUPERVISOR_BUNDLE_H
#define SUPERVISOR_BUNDLE_H

#include <stdint.h>

#include "common/buffer.h"

struct bundle_limits {
	uint32_t files;     /* most *.lua files */
	size_t file_bytes;  /* of one */
	size_t total_bytes; /* of all */
	uint32_t depth;     /* of directories below the class directory */
};

extern const struct bundle_limits bundle_limits;

struct bundle {
	int fd;          /* sealed: a msgpack map, path below the directory -> source */
	uint32_t serial; /* the number this bundle goes by */
	uint32_t files;
};

/* Reads all *.lua below path, in the order of their names; names that begin with a
 * dot are left out. Problems are lines `FILE: what` in error, all of them at once.
 * 0; -ENOENT where the directory does not exist; -EINVAL with problems; -errno. */
int bundle_read(const char *path, const struct bundle_limits *limits, uint32_t serial,
                struct bundle *ret, struct buffer *error);
void bundle_fini(struct bundle *b);

/* A bundle without a class. 0 or -errno. */
int bundle_empty(uint32_t serial, struct bundle *ret);

/* A descriptor of its own for one child, at offset 0. -errno where there is none. */
int bundle_open(const struct bundle *b);

#endif
