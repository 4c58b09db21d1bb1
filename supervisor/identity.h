/* What is fixed when a cluster is created, and the secrets of its state directory. */
#ifndef SUPERVISOR_IDENTITY_H
#define SUPERVISOR_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/hash.h"

#define IDENTITY_FILE "cluster"
#define IDENTITY_TOKEN_MAX 128

struct identity {
	uint32_t shards;
	unsigned char key[HASH_KEY_SIZE]; /* maps an address to its shard */
	uint32_t starts;                  /* of this state directory, this one included */
	uint64_t node;                    /* random: this state directory, never 0 */
	unsigned char cluster[16];        /* random: the cluster it belongs to */
	bool joined;                      /* it has not created that cluster itself */
	bool left;                        /* it has left the one before */
};

/* Reads the file of the state directory, or makes it with `shards` at first start,
 * and counts the start. A file of an earlier version gets what it lacks. -EINVAL where the file is damaged, or fixed (somebody asked
 * for this very number of shards) and differs. 0 or -errno with a sentence in error. */
int identity_load(const char *state, uint32_t shards, bool fixed,
                  struct identity *ret, struct buffer *error);

/* From now on the directory is a node of another cluster: writes `next` down, then takes it
 * over. 0 or -errno with a sentence in error. */
int identity_adopt(const char *state, const struct identity *next, struct identity *ret, struct buffer *error);
/* The directory has left its cluster: the next start is a first one, but for the count, and
 * that it knows that it has left. */
int identity_renew(const char *state, const struct identity *former, struct buffer *error);

/* The admin token in `file`, made (0600) where there is none. A file that others may
 * read is refused. 0 or -errno with a sentence in error. */
int identity_token(const char *file, char ret_token[IDENTITY_TOKEN_MAX], struct buffer *error);

#endif
