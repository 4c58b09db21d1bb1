/* XXH3 with a secret made from a key. */
#include "common/hash.h"

#define XXH_INLINE_ALL
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

void hash_key_init(struct hash_key *key, const unsigned char seed[HASH_KEY_SIZE])
{
	XXH3_generateSecret(key->secret, sizeof(key->secret), seed, HASH_KEY_SIZE);
}

uint64_t hash_bytes(const struct hash_key *key, struct bytes s)
{
	return XXH3_64bits_withSecret(s.len ? s.data : "", s.len, key->secret, sizeof(key->secret));
}

uint64_t hash_local(struct bytes s)
{
	static struct hash_key key;
	static bool made;

	if (!made) {
		unsigned char seed[HASH_KEY_SIZE];

		if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
			abort();
		hash_key_init(&key, seed);
		made = true;
	}
	return hash_bytes(&key, s);
}
