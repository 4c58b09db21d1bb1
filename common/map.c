/* Open addressing with linear probing; removal leaves graves that growing clears. */
#include "common/map.h"

#include <assert.h>
#include <stdlib.h>

#include "common/hash.h"
#include "common/memory.h"

#define MAP_LEAST 16

/* key NULL: empty, or a grave where value is GRAVE. */
struct map_slot {
	const char *key;
	size_t len;
	uint64_t hash;
	void *value;
};

static char grave;
#define GRAVE ((void *)&grave)

static void free_key(const struct map *m, struct map_slot *s)
{
	if (!m->borrows)
		free((char *)s->key);
}

void map_fini(struct map *m)
{
	for (size_t i = 0; i < m->capacity; i++)
		free_key(m, &m->slots[i]);
	free(m->slots);
	*m = (struct map){ .borrows = m->borrows };
}

/* The slot of a key, or NULL. */
static struct map_slot *find(const struct map *m, struct bytes key, uint64_t hash)
{
	if (m->capacity == 0)
		return NULL;
	for (size_t i = hash & (m->capacity - 1);; i = (i + 1) & (m->capacity - 1)) {
		struct map_slot *s = &m->slots[i];

		if (s->key == NULL && s->value == NULL)
			return NULL;
		if (s->key && s->hash == hash && s->len == key.len && memcmp(s->key, key.data, key.len) == 0)
			return s;
	}
}

static struct map_slot *find_free(struct map_slot *slots, size_t capacity, uint64_t hash)
{
	size_t i = hash & (capacity - 1);

	while (slots[i].key)
		i = (i + 1) & (capacity - 1);
	return &slots[i];
}

static void rehash(struct map *m)
{
	size_t capacity = MAP_LEAST;
	struct map_slot *slots;

	while (capacity < m->count * 2 + 2)
		capacity *= 2;
	slots = memory_new(capacity * sizeof(*slots));
	for (size_t i = 0; i < m->capacity; i++)
		if (m->slots[i].key)
			*find_free(slots, capacity, m->slots[i].hash) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->capacity = capacity;
	m->used = m->count;
}

void *map_get(const struct map *m, struct bytes key)
{
	struct map_slot *s = m->count ? find(m, key, hash_local(key)) : NULL;

	return s ? s->value : NULL;
}

void map_prefetch(const struct map *m, uint64_t hash)
{
	if (m->count > 0)
		__builtin_prefetch(&m->slots[hash & (m->capacity - 1)]);
}

void *map_guess(const struct map *m, uint64_t hash)
{
	const struct map_slot *s = m->count > 0 ? &m->slots[hash & (m->capacity - 1)] : NULL;

	return s && s->key && s->hash == hash ? s->value : NULL;
}

void *map_put(struct map *m, struct bytes key, void *value)
{
	uint64_t hash = hash_local(key);
	struct map_slot *s = find(m, key, hash);

	assert(value);
	if (s) {
		void *former = s->value;

		s->value = value;
		return former;
	}
	if ((m->used + 1) * 4 > m->capacity * 3)
		rehash(m);
	s = find_free(m->slots, m->capacity, hash);
	m->used += s->value == NULL;
	m->count++;
	*s = (struct map_slot){ m->borrows ? key.data : memory_copy(key.data, key.len), key.len, hash, value };
	return NULL;
}

void *map_remove(struct map *m, struct bytes key)
{
	struct map_slot *s = m->count ? find(m, key, hash_local(key)) : NULL;
	void *value;

	if (s == NULL)
		return NULL;
	value = s->value;
	free_key(m, s);
	*s = (struct map_slot){ .value = GRAVE };
	m->count--;
	return value;
}

bool map_next(const struct map *m, size_t *at, struct bytes *ret_key, void **ret_value)
{
	while (*at < m->capacity) {
		struct map_slot *s = &m->slots[(*at)++];

		if (s->key == NULL)
			continue;
		if (ret_key)
			*ret_key = (struct bytes){ s->key, s->len };
		*ret_value = s->value;
		return true;
	}
	return false;
}
