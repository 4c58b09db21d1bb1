/* Writes an address of every shard of a cluster, one a line, the shards in order:
 * addresses KEY SHARDS PREFIX, with the key as the file `cluster` of a node's state has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

#define LONGEST 64

static int read_key(const char *hex, unsigned char key[HASH_KEY_SIZE])
{
	if (strlen(hex) != 2 * HASH_KEY_SIZE)
		return -1;
	for (size_t i = 0; i < HASH_KEY_SIZE; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return -1;
		key[i] = (unsigned char)byte;
	}
	return 0;
}

/* Counts through the numbers until every shard has one. */
static void write_all(const struct hash_key *key, unsigned long shards, const char *prefix)
{
	char (*found)[LONGEST] = calloc(shards, sizeof(*found));
	unsigned long missing = found ? shards : 0;

	for (unsigned long number = 0; missing > 0; number++) {
		char address[LONGEST];
		unsigned long shard;

		snprintf(address, sizeof(address), "%.40s%lu", prefix, number);
		shard = hash_bytes(key, (struct bytes){ address, strlen(address) }) % shards;
		if (found[shard][0])
			continue;
		memcpy(found[shard], address, sizeof(address));
		missing--;
	}
	for (unsigned long i = 0; found && i < shards; i++)
		puts(found[i]);
	free(found);
}

int main(int argc, char **argv)
{
	unsigned char seed[HASH_KEY_SIZE];
	struct hash_key key;
	unsigned long shards = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;

	if (shards == 0 || read_key(argv[1], seed) != 0) {
		fputs("usage: addresses KEY SHARDS PREFIX\n", stderr);
		return 64;
	}
	hash_key_init(&key, seed);
	write_all(&key, shards, argv[3]);
	return 0;
}
