/* tostring, string.format and math.randomseed without addresses. */
#include "worker/actor/lua/address.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/hash.h"

static void fill(void *at, size_t n)
{
	if (getrandom(at, n, 0) != (ssize_t)n)
		abort();
}

/* What stands for an address, the same as long as this process lives. */
static uint64_t disguise(const void *pointer)
{
	static struct hash_key key;
	static bool made;
	unsigned char seed[HASH_KEY_SIZE];

	if (!made) {
		fill(seed, sizeof(seed));
		hash_key_init(&key, seed);
		made = true;
	}
	return hash_bytes(&key, (struct bytes){ (const char *)&pointer, sizeof(pointer) });
}

/* As luaL_tolstring(), for what has no text of its own. */
static void push_text(lua_State *L, int index)
{
	const char *kind = luaL_typename(L, index);
	int type = lua_type(L, index);
	char text[24];

	if (type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER || type == LUA_TSTRING ||
	    luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
		luaL_tolstring(L, index, NULL);
		return;
	}
	snprintf(text, sizeof(text), "0x%016" PRIx64, disguise(lua_topointer(L, index)));
	if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING)
		kind = lua_tostring(L, -1);
	lua_pushfstring(L, "%s: %s", kind, text);
}

static int guarded_tostring(lua_State *L)
{
	luaL_checkany(L, 1);
	push_text(L, 1);
	return 1;
}

/* upvalue 1: the library's own. It would make the texts of %s arguments itself. */
static int guarded_format(lua_State *L)
{
	const char *format = luaL_checkstring(L, 1);
	int argument = 1, arguments = lua_gettop(L);

	while ((format = strchr(format, '%')) != NULL) {
		format += 1 + strspn(format + 1, "-+ #0123456789.");
		if (*format == '\0')
			break;
		argument += *format != '%';
		if (*format == 'p')
			return luaL_error(L, "string.format: %%p is not available");
		if (*format == 's' && argument <= arguments) {
			push_text(L, argument);
			lua_replace(L, argument);
			lua_settop(L, arguments);
		}
		format++;
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, arguments, LUA_MULTRET);
	return lua_gettop(L);
}

/* upvalue 1: the library's own, which without arguments returns the time and an address */
static int guarded_randomseed(lua_State *L)
{
	lua_Integer seed[2];

	if (lua_gettop(L) == 0) {
		fill(seed, sizeof(seed));
		lua_pushinteger(L, seed[0]);
		lua_pushinteger(L, seed[1]);
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

static void replace(lua_State *L, const char *library, const char *name, lua_CFunction function)
{
	lua_getglobal(L, library);
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
}

void address_open(lua_State *L)
{
	lua_register(L, "tostring", guarded_tostring);
	replace(L, "string", "format", guarded_format);
	replace(L, "math", "randomseed", guarded_randomseed);
	lua_getglobal(L, "math");
	lua_getfield(L, -1, "randomseed");
	lua_call(L, 0, 0);
	lua_pop(L, 1);
}
