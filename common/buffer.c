/* The byte queue's memory. */
#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/memory.h"

#define BUFFER_LEAST 256

void buffer_fini(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){ 0 };
}

static void slide(struct buffer *b)
{
	size_t length = buffer_length(b);

	if (length > 0)
		memmove(b->data, b->data + b->head, length);
	b->head = 0;
	b->tail = length;
}

char *buffer_make_room(struct buffer *b, size_t n)
{
	if (b->head > 0)
		slide(b);
	if (b->capacity - b->tail < n || b->data == NULL) {
		size_t capacity = b->capacity ? b->capacity : BUFFER_LEAST;

		while (capacity - b->tail < n)
			capacity *= 2;
		b->data = memory_grow(b->data, capacity, 1);
		b->capacity = capacity;
	}
	return b->data + b->tail;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list arguments, again;
	int n;

	va_start(arguments, format);
	va_copy(again, arguments);
	n = vsnprintf(NULL, 0, format, arguments);
	assert(n >= 0);
	vsnprintf(buffer_reserve(b, (size_t)n + 1), (size_t)n + 1, format, again);
	b->tail += (size_t)n;
	va_end(again);
	va_end(arguments);
}

void buffer_append_hex(struct buffer *b, const unsigned char *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buffer_printf(b, "%02x", data[i]);
}

void buffer_consume(struct buffer *b, size_t n)
{
	assert(n <= buffer_length(b));
	b->head += n;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}

void buffer_clear(struct buffer *b)
{
	b->head = b->tail = 0;
}

void buffer_trim(struct buffer *b)
{
	if (b->head == b->tail)
		buffer_fini(b);
}
