/* require: modules from the folders of the class directory, once per class state. */
#ifndef WORKER_ACTOR_LUA_REQUIRE_H
#define WORKER_ACTOR_LUA_REQUIRE_H

#include <lua.h>

void require_open(lua_State *L);

#endif
