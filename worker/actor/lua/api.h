/* The table `stage`: what class files and methods may use. */
#ifndef WORKER_ACTOR_LUA_API_H
#define WORKER_ACTOR_LUA_API_H

#include <lua.h>
#include <stdbool.h>

void api_open(lua_State *L);

/* What stage.class() made in this state: pushes its table, true; or pushes nothing. */
bool api_push_class(lua_State *L);
/* Its pattern, borrowed from the state. */
const char *api_class_pattern(lua_State *L);

/* Whether the value at index is a stage.property{} description. */
bool api_is_property(lua_State *L, int index);

#endif
