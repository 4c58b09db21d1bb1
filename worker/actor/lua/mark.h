/* Marks: metatables of the host's own, by which it knows its tables again. */
#ifndef WORKER_ACTOR_LUA_MARK_H
#define WORKER_ACTOR_LUA_MARK_H

#include <lua.h>
#include <stdbool.h>

/* Makes a new state's mark and leaves it on the stack, to be given metamethods. key: the
 * address of some static variable. name: what getmetatable() tells of it. */
void mark_new(lua_State *L, const void *key, const char *name);

/* Marks the table at index. */
void mark_set(lua_State *L, int index, const void *key);

bool mark_has(lua_State *L, int index, const void *key);

#endif
