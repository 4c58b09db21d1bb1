/* Owns what Lua would tell of addresses in memory: nothing. Whoever attacks by a fault of ours
 * shall not know where anything lies. */
#ifndef WORKER_ACTOR_LUA_ADDRESS_H
#define WORKER_ACTOR_LUA_ADDRESS_H

#include <lua.h>

/* Replaces tostring, string.format and math.randomseed in a new state: a table is still told
 * from another by its text, which is a keyed hash; `%p` is refused; random numbers begin with
 * the system's randomness, not with the time and an address. */
void address_open(lua_State *L);

#endif
