/* What the files of the fixture share. */
#ifndef TESTS_UNIT_TURNS_CORE_PARTS_H
#define TESTS_UNIT_TURNS_CORE_PARTS_H

#include "tests/unit/turns/core.h"

#define CORE_STORE 2 /* its link, behind those of two gateways */

/* Takes the next frame that the worker has written to a link; false: none. */
bool core_take(size_t link, struct bytes *ret);
/* As text that stays valid until the next call. */
const char *core_line(struct buffer *take_text);

/* Answers what the store is to answer by itself. */
void core_serve_store(void);

#endif
