/* A borrowed run of bytes. */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Never owns what it points to; data may be NULL where len is 0. */
struct bytes {
	const char *data;
	size_t len;
};

#define BYTES_LITERAL(text) ((struct bytes){ (text), sizeof(text) - 1 })

static inline struct bytes bytes_of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
