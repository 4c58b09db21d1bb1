/* Keyed hashing of addresses: one key per cluster decides shards, one per boot
 * seeds hash tables so that nobody outside can aim for collisions. (XXH3 with a
 * secret derived from the key: https://github.com/Cyan4973/xxHash) */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stdint.h>

#include "common/bytes.h"

#define HASH_KEY_SIZE 32

struct hash_key {
	unsigned char secret[192];
};

void hash_key_init(struct hash_key *key, const unsigned char seed[HASH_KEY_SIZE]);

uint64_t hash_bytes(const struct hash_key *key, struct bytes s);

/* The key of this boot's hash tables, made from getrandom() at first use. */
uint64_t hash_local(struct bytes s);

#endif
