/* Modules of class files. */
#include "worker/actor/lua/require.h"

#include <lauxlib.h>
#include <string.h>

#include "worker/actor/lua/lua_class.h"

#define NAME_MOST 200

/* `lib.damage` is `lib/damage.lua`. */
static const struct host_file *find(lua_State *L, const char *name)
{
	const struct lua_sources *sources = lua_class_of(L)->sources;
	char path[NAME_MOST + 8];
	size_t length = strlen(name);

	if (length == 0 || length > NAME_MOST || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != length)
		luaL_error(L, "bad module name '%s'", name);
	memcpy(path, name, length);
	for (size_t i = 0; i < length; i++)
		if (path[i] == '.')
			path[i] = '/';
	memcpy(path + length, ".lua", sizeof(".lua"));
	if (strchr(path, '/') == NULL)
		luaL_error(L, "'%s' is no module: modules belong in a folder, as in require \"lib.%s\"", name, name);
	for (size_t i = 0; i < sources->count; i++)
		if (bytes_equal(sources->files[i].path, bytes_of(path)))
			return &sources->files[i];
	luaL_error(L, "module '%s' is not there: the class directory has no %s", name, path);
	return NULL;
}

/* upvalue 1: the modules that have been loaded; LOADING: is being loaded */
#define LOADING ((void *)&loading)
static char loading;

static void remember(lua_State *L, int value)
{
	lua_pushvalue(L, value);
	lua_setfield(L, lua_upvalueindex(1), lua_tostring(L, 1));
}

static int on_require(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const struct host_file *file;

	lua_settop(L, 1);
	lua_getfield(L, lua_upvalueindex(1), name);
	if (lua_touserdata(L, 2) == LOADING)
		return luaL_error(L, "module '%s' requires itself", name);
	if (!lua_isnil(L, 2))
		return 1;
	file = find(L, name);
	lua_pushfstring(L, "=%s", file->path.data);
	if (luaL_loadbufferx(L, file->source.data, file->source.len, lua_tostring(L, -1), "t") != LUA_OK)
		return lua_error(L);
	lua_pushlightuserdata(L, LOADING);
	remember(L, -1);
	lua_pop(L, 1);
	lua_pushvalue(L, 1);
	if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
		remember(L, 2); /* nil: it may be tried again */
		return lua_error(L);
	}
	if (lua_isnil(L, -1))
		lua_pushboolean(L, 1);
	remember(L, -1);
	return 1;
}

void require_open(lua_State *L)
{
	lua_newtable(L);
	lua_pushcclosure(L, on_require, 1);
	lua_setglobal(L, "require");
}
