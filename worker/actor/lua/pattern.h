/* Owns Lua's patterns inside an actor: find, match, gmatch and gsub with a budget of steps. */
#ifndef WORKER_ACTOR_LUA_PATTERN_H
#define WORKER_ACTOR_LUA_PATTERN_H

#include <lua.h>

/*
 * A pattern runs no VM instruction, so no hook can interrupt it: a single match of Lua's own
 * library may take minutes. Here every step of the matcher and every byte it looks at counts,
 * and the call that spends more than this raises "pattern takes too long". About 2 ms.
 */
enum { PATTERN_STEPS_MAX = 200000 };

/*
 * Replaces find, match, gmatch and gsub in the table on top of the stack, which is the string
 * library; leaves the stack as it was. Results and error texts are those of Lua 5.4. An iterator
 * of gmatch has the whole budget at every call. The library's gsub takes strings and tables
 * only, until prelude_open() adds functions.
 *
 * Errors: raises what Lua raises when its memory is used up.
 */
void pattern_open(lua_State *L);

/* string.gsub for a replacement that is no function; a lua_CFunction. */
int pattern_gsub(lua_State *L);

/*
 * string.find for the prelude's gsub; a lua_CFunction. Its errors name the line which called
 * gsub: two levels above the Lua function that calls this one.
 */
int pattern_find_for_gsub(lua_State *L);

#endif
