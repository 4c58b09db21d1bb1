/* A growable byte queue: written at the end, read from the front, contiguous. */
#ifndef COMMON_BUFFER_H
#define COMMON_BUFFER_H

#include "common/bytes.h"

/* Zeroed memory is an empty buffer that owns nothing. */
struct buffer {
	char *data;
	size_t head;     /* first unread byte */
	size_t tail;     /* one past the last byte */
	size_t capacity; /* bytes allocated */
};

void buffer_fini(struct buffer *b);

/* Room for at least n more bytes; the pointer is where they go. They count once
 * buffer_commit() says so. Out of memory aborts: callers bound n beforehand. */
char *buffer_reserve(struct buffer *b, size_t n);
void buffer_commit(struct buffer *b, size_t n);

void buffer_append(struct buffer *b, const void *data, size_t n);
void buffer_append_bytes(struct buffer *b, struct bytes s);
void buffer_append_text(struct buffer *b, const char *text);
__attribute__((format(printf, 2, 3), nonnull(2))) void buffer_printf(struct buffer *b, const char *format, ...);

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
