/* Owns the library functions written in Lua, so that the callbacks they run can yield. */
#ifndef WORKER_ACTOR_LUA_PRELUDE_H
#define WORKER_ACTOR_LUA_PRELUDE_H

#include <lua.h>

/*
 * Up to so many elements, numbers and texts of at most so many bytes, table.sort without a
 * comparator is Lua's own: it is fast, and in C.
 */
enum { PRELUDE_SORT_STOCK_MAX = 5000, PRELUDE_SORT_TEXT_MAX = 200 };

/* The Lua source of sort and gsub. It is loaded without debug information. */
extern const char prelude_source[];

/*
 * Replaces table.sort and string.gsub in the globals of a new state, once, after pattern_open().
 * A comparator of sort and a function given to gsub may yield and be preempted. sort is stable
 * and takes any comparator: "invalid order function" is never raised; if one fails, the table is
 * as it was. All else is as in Lua 5.4, error texts included.
 *
 * LUA_OK; else a status of lua_pcall, and the error is on top of the stack.
 */
int prelude_open(lua_State *L);

#endif
