/* What the fuzz targets share. A check that fails ends the run with the input kept. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(what)                                                                      \
	do {                                                                                  \
		if (!(what)) {                                                                \
			fprintf(stderr, "%s:%d: it does not hold that %s\n", __FILE__, __LINE__, #what); \
			abort();                                                              \
		}                                                                             \
	} while (0)

static inline struct bytes fuzz_bytes(const uint8_t *data, size_t size)
{
	return (struct bytes){ (const char *)data, size };
}

/* A slice that was read from `whole` lies in it. */
static inline bool fuzz_inside(struct bytes part, struct bytes whole)
{
	return part.len == 0 || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

#endif
