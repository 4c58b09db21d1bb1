/* What the tests of proto/ share: cmocka's headers, texts and bytes compared readably. */
#ifndef TESTS_UNIT_PROTO_SUPPORT_H
#define TESTS_UNIT_PROTO_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/buffer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline void assert_text(struct bytes got, const char *expected)
{
	if (!bytes_equal(got, bytes_of(expected)))
		fail_msg("got `%.*s`, expected `%s`", (int)got.len, got.data, expected);
}

/* What the buffer holds, then it is empty. */
static inline void assert_written(struct buffer *b, const char *expected)
{
	assert_text(buffer_bytes(b), expected);
	buffer_clear(b);
}

/* A copy of exactly its size on the heap, so that ASan sees the first byte read too far. */
static inline struct bytes heap_copy(struct bytes s)
{
	char *copy = malloc(s.len ? s.len : 1);

	assert_non_null(copy);
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	return (struct bytes){ copy, s.len };
}

static inline void heap_free(struct bytes s)
{
	free((char *)(uintptr_t)s.data);
}

#endif
