/* A growable byte queue: written at the end, read from the front, contiguous. */
#ifndef COMMON_BUFFER_H
#define COMMON_BUFFER_H

#include <assert.h>

#include "common/bytes.h"

/* Zeroed memory is an empty buffer that owns nothing. */
struct buffer {
	char *data;
	size_t head;     /* first unread byte */
	size_t tail;     /* one past the last byte */
	size_t capacity; /* bytes allocated */
};

void buffer_fini(struct buffer *b);

/* Slides or grows, so that there is room. */
char *buffer_make_room(struct buffer *b, size_t n);

/* Room for at least n more bytes; the pointer is where they go. They count once
 * buffer_commit() says so. Out of memory aborts: callers bound n beforehand. */
static inline char *buffer_reserve(struct buffer *b, size_t n)
{
	if (b->data && b->capacity - b->tail >= n)
		return b->data + b->tail;
	return buffer_make_room(b, n);
}

static inline void buffer_commit(struct buffer *b, size_t n)
{
	assert(b->capacity - b->tail >= n);
	b->tail += n;
}

static inline void buffer_append(struct buffer *b, const void *data, size_t n)
{
	if (n == 0)
		return;
	memcpy(buffer_reserve(b, n), data, n);
	b->tail += n;
}

static inline void buffer_append_bytes(struct buffer *b, struct bytes s)
{
	buffer_append(b, s.data, s.len);
}

static inline void buffer_append_text(struct buffer *b, const char *text)
{
	buffer_append(b, text, strlen(text));
}

__attribute__((format(printf, 2, 3), nonnull(2))) void buffer_printf(struct buffer *b, const char *format, ...);

/* Two digits a byte, 0 to f. */
void buffer_append_hex(struct buffer *b, const unsigned char *data, size_t n);

/* Forgets the first n unread bytes (n <= length). Memory stays; see buffer_trim(). */
void buffer_consume(struct buffer *b, size_t n);

/* Forgets everything, keeps the memory. */
void buffer_clear(struct buffer *b);

/* Frees the memory of an empty buffer; does nothing to one that holds bytes. */
void buffer_trim(struct buffer *b);

static inline size_t buffer_length(const struct buffer *b)
{
	return b->tail - b->head;
}

/* The unread bytes; valid until the buffer is next written or trimmed. */
static inline struct bytes buffer_bytes(const struct buffer *b)
{
	return (struct bytes){ b->data ? b->data + b->head : NULL, b->tail - b->head };
}

#endif
