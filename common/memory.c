/* Allocation that aborts rather than fails. */
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

void *memory_new(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (p == NULL)
		abort();
	return p;
}

void *memory_grow(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count ? count : 1, size ? size : 1);

	if (p == NULL)
		abort();
	return p;
}

char *memory_text(const char *text)
{
	return memory_copy(text, strlen(text));
}

char *memory_copy(const void *data, size_t n)
{
	char *p = malloc(n + 1);

	if (p == NULL)
		abort();
	if (n > 0)
		memcpy(p, data, n);
	p[n] = '\0';
	return p;
}
