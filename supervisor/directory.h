/* The state and runtime directories: made, locked, and the small files in them
 * written whole or not at all. Errors are also told as a sentence in `error`. */
#ifndef SUPERVISOR_DIRECTORY_H
#define SUPERVISOR_DIRECTORY_H

#include <sys/types.h>

#include "common/buffer.h"

/* Makes the directory (0750) and what is missing above it. 0 or -errno. */
int directory_prepare(const char *path, const char *purpose, struct buffer *error);

/* Takes `path/name` for as long as the descriptor is open; -EWOULDBLOCK where a
 * living process holds it, whose pid is then in the sentence. 0 or -errno. */
int directory_lock(const char *path, const char *name, const char *purpose,
                   int *ret_fd, struct buffer *error);

/* A file of at most `most` bytes. -ENOENT where there is none, -EFBIG over most. */
int directory_read(const char *file, size_t most, struct buffer *out);

/* Replaces the file by `data`, atomically and durably. 0 or -errno. */
int directory_write(const char *file, mode_t mode, struct bytes data);

#endif
