/* The table that a class file filled, taken apart into a struct class. */
#ifndef WORKER_ACTOR_LUA_DESCRIBE_H
#define WORKER_ACTOR_LUA_DESCRIBE_H

#include <lua.h>

#include "worker/actor/class.h"

/* Raises a Lua error `file:0: …` for what is wrong. */
void describe_class(lua_State *L, struct class *c);

#endif
