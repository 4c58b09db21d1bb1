/* User coroutines that hand preemption and waiting on to the turn they belong to. */
#ifndef WORKER_ACTOR_LUA_COROUTINE_H
#define WORKER_ACTOR_LUA_COROUTINE_H

#include <lua.h>

/* The library `coroutine`. As Lua 5.4 has it, but that the thread of a turn is no coroutine,
 * and that one which a turn waits or was interrupted in is nobody else's. */
void coroutine_open(lua_State *L);

#endif
