/* The locked-down library of a class's state: nothing opens a file, a socket or a process,
 * loads bytecode, or runs for long in C. */
#ifndef WORKER_ACTOR_LUA_SANDBOX_H
#define WORKER_ACTOR_LUA_SANDBOX_H

#include <lua.h>

/* Everything a new state has: libraries, guards, `self`, `stage`, `require`. */
void sandbox_open(lua_State *L);

#endif
