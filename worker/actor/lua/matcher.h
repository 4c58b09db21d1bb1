/* Owns the matcher of Lua patterns: one pattern, one subject, and what is left of the budget. */
#ifndef WORKER_ACTOR_LUA_MATCHER_H
#define WORKER_ACTOR_LUA_MATCHER_H

#include <lua.h>
#include <stddef.h>
#include <stdnoreturn.h>

enum {
	MATCHER_CAPTURES_MAX = 32,

	/* A capture's length, where it is none. */
	MATCHER_OPEN = -1,     /* its ')' has not been reached */
	MATCHER_POSITION = -2, /* "()" */
};

struct matcher {
	lua_State *L;
	const char *subject;     /* borrowed from the stack, and NUL-terminated, as the pattern is */
	const char *subject_end;
	const char *pattern;
	const char *pattern_end;
	size_t steps;            /* left to spend */
	int depth;               /* left to go down */
	int blame;               /* the level of the caller whom errors name: 1 is the nearest */
	int level;               /* captures of the last match */
	struct {
		const char *start;
		ptrdiff_t length;
	} capture[MATCHER_CAPTURES_MAX];
};

/*
 * Begins with the strings at these two stack indexes, which stay there while it is used, and
 * PATTERN_STEPS_MAX steps. Nothing is to be freed: errors may leave it at any time.
 *
 * Errors: raises "bad argument" where one is not a string.
 */
void matcher_init(struct matcher *m, lua_State *L, int subject, int pattern, int blame);

/*
 * The end of a match that begins exactly at s, of the pattern from p on; NULL: there is none.
 *
 * Errors: raises where the pattern is malformed, nests too deeply, or the steps are used up.
 */
const char *matcher_match(struct matcher *m, const char *s, const char *p);

/* Takes steps from the budget; raises "pattern takes too long" where fewer are left. */
void matcher_spend(struct matcher *m, size_t steps);

/* Raises an error with the position of the caller to blame. The format is lua_pushfstring's. */
noreturn void matcher_fail(struct matcher *m, const char *format, ...);

#endif
