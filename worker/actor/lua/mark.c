/* Metatables in the registry. */
#include "worker/actor/lua/mark.h"

void mark_new(lua_State *L, const void *key, const char *name)
{
	lua_createtable(L, 0, 2);
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__metatable");
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void mark_set(lua_State *L, int index, const void *key)
{
	index = lua_absindex(L, index);
	lua_rawgetp(L, LUA_REGISTRYINDEX, key);
	lua_setmetatable(L, index);
}

bool mark_has(lua_State *L, int index, const void *key)
{
	bool marked;

	if (!lua_istable(L, index) || !lua_getmetatable(L, index))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, key);
	marked = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return marked;
}
