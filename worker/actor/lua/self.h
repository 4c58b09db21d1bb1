/* `self`: a light userdata that reads and writes the slots of the running turn's actor. */
#ifndef WORKER_ACTOR_LUA_SELF_H
#define WORKER_ACTOR_LUA_SELF_H

#include <lua.h>

/* Gives the state's light userdata their one metatable. */
void self_open(lua_State *L);

/* Errors raised by the host's functions: the turn's run, or an error where none is under
 * way (while a class file is being loaded). */
struct lua_run *self_run(lua_State *L, const char *what);

#endif
