/* User coroutines that hand preemption and waiting on to the turn they belong to. */
#ifndef WORKER_ACTOR_LUA_COROUTINE_H
#define WORKER_ACTOR_LUA_COROUTINE_H

#include <lua.h>

/* Replaces create, resume, wrap and yield of the coroutine library. */
void coroutine_open(lua_State *L);

#endif
