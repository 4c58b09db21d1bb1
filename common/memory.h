/* Allocation of small internal structures: out of memory aborts (style: what a
 * peer sizes is allocated with malloc() and reported instead). */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include <stddef.h>

void *memory_new(size_t size);                              /* zeroed */
void *memory_grow(void *old, size_t count, size_t size);    /* realloc, count * size checked */
char *memory_text(const char *text);                        /* strdup */
char *memory_copy(const void *data, size_t n);              /* n bytes and a NUL after them */

#endif
