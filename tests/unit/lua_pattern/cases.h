/* The handwritten cases: Lua expressions that must give the same in Lua and in Stage. */
#ifndef TESTS_UNIT_LUA_PATTERN_CASES_H
#define TESTS_UNIT_LUA_PATTERN_CASES_H

#include <stddef.h>

extern const char *const cases[];
extern const size_t cases_size;

#endif
