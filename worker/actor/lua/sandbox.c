/* Libraries of a class's state and the guards on them. */
#include "worker/actor/lua/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "worker/actor/lua/address.h"
#include "worker/actor/lua/api.h"
#include "worker/actor/lua/convert.h"
#include "worker/actor/lua/coroutine.h"
#include "worker/actor/lua/pattern.h"
#include "worker/actor/lua/prelude.h"
#include "worker/actor/lua/require.h"
#include "worker/actor/lua/self.h"

#define RANGE_MOST 50000        /* elements that one C call of table.* may touch */
#define REPEAT_MOST (1 << 20)   /* bytes of string.rep */
#define CHUNK_MOST 65536        /* bytes of load */

/* --- base --- */

/* Finalizers would run at any time, outside of every turn. */
static int guarded_setmetatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
	if (lua_istable(L, 2)) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "__gc is not available: an actor's end is not its own to see");
		lua_pop(L, 1);
	}
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

static int guarded_collectgarbage(lua_State *L)
{
	const char *what = luaL_optstring(L, 1, "count");

	if (strcmp(what, "count") != 0)
		return luaL_error(L, "collectgarbage: only 'count' is available");
	lua_pushnumber(L, lua_gc(L, LUA_GCCOUNT) + lua_gc(L, LUA_GCCOUNTB) / 1024.0);
	return 1;
}

static int guarded_load(lua_State *L)
{
	size_t length;
	const char *source, *name, *mode = luaL_optstring(L, 3, "t");

	if (lua_type(L, 1) != LUA_TSTRING)
		return luaL_error(L, "load: only the text of a chunk is available");
	source = lua_tolstring(L, 1, &length);
	name = luaL_optstring(L, 2, "=load");
	if (strchr(mode, 't') == NULL)
		return luaL_error(L, "load: only text is available");
	if (length > CHUNK_MOST)
		return luaL_error(L, "load: a chunk is at most 64 KB");
	if (luaL_loadbufferx(L, source, length, name, "t") != LUA_OK) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	if (!lua_isnone(L, 4)) {
		lua_pushvalue(L, 4);
		if (lua_setupvalue(L, -2, 1) == NULL)
			lua_pop(L, 1);
	}
	return 1;
}

/* xpcall runs its handler after unwinding, as ordinary code that can be set aside. */
static int xpcall_handled(lua_State *L, int status, lua_KContext context)
{
	(void)status, (void)context;
	return lua_gettop(L) - 1;
}

static int xpcall_done(lua_State *L, int status, lua_KContext context)
{
	(void)context;
	if (status == LUA_OK || status == LUA_YIELD) {
		lua_pushboolean(L, 1);
		lua_replace(L, 2);
		return lua_gettop(L) - 1;
	}
	/* stack: handler, placeholder, error */
	lua_pushboolean(L, 0);
	lua_replace(L, 2);
	lua_pushvalue(L, 1);
	lua_insert(L, 3);
	lua_callk(L, 1, LUA_MULTRET, 0, xpcall_handled);
	return xpcall_handled(L, LUA_OK, 0);
}

static int guarded_xpcall(lua_State *L)
{
	int arguments = lua_gettop(L) - 2;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_insert(L, 1);       /* handler, function, handler, … */
	lua_pushboolean(L, 0);
	lua_replace(L, 3);      /* handler, function, placeholder, … */
	lua_pushvalue(L, 2);
	lua_pushvalue(L, 3);
	lua_replace(L, 2);      /* handler, placeholder, placeholder, …, function */
	lua_replace(L, 3);      /* handler, placeholder, function, … */
	return xpcall_done(L, lua_pcallk(L, arguments, LUA_MULTRET, 0, 0, xpcall_done), 0);
}

/* --- table and string: C loops whose length the caller chooses --- */

/* upvalue 1: the library's own function */
static int call_original(lua_State *L)
{
	int arguments = lua_gettop(L);

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, arguments, LUA_MULTRET);
	return lua_gettop(L);
}

static int too_many(lua_State *L, const char *function)
{
	return luaL_error(L, "%s: more than %d elements at once", function, RANGE_MOST);
}

static int guarded_move(lua_State *L)
{
	lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);

	if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from >= RANGE_MOST)
		return too_many(L, "table.move");
	return call_original(L);
}

/* The elements behind `position` move. The library asks for the length again, and a `__len`
 * may then say another one. */
static void check_shift(lua_State *L, lua_Integer position, const char *function)
{
	if (luaL_getmetafield(L, 1, "__len") != LUA_TNIL)
		luaL_error(L, "%s: not at a position of a table with __len", function);
	if (luaL_len(L, 1) - position > RANGE_MOST)
		too_many(L, function);
}

static int guarded_insert(lua_State *L)
{
	if (lua_gettop(L) == 3)
		check_shift(L, luaL_checkinteger(L, 2), "table.insert");
	return call_original(L);
}

static int guarded_remove(lua_State *L)
{
	if (lua_gettop(L) >= 2)
		check_shift(L, luaL_checkinteger(L, 2), "table.remove");
	return call_original(L);
}

/* Arguments `first` and the next one: the range, made explicit, so that what was checked is
 * what the library gets. */
static void fix_range(lua_State *L, int first, const char *function)
{
	lua_Integer from = luaL_optinteger(L, first, 1);
	lua_Integer to = luaL_opt(L, luaL_checkinteger, first + 1, luaL_len(L, 1));

	if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from >= RANGE_MOST)
		too_many(L, function);
	lua_settop(L, first - 1);
	lua_pushinteger(L, from);
	lua_pushinteger(L, to);
}

static int guarded_concat(lua_State *L)
{
	fix_range(L, 3, "table.concat");
	return call_original(L);
}

static int guarded_unpack(lua_State *L)
{
	fix_range(L, 2, "table.unpack");
	return call_original(L);
}

static int guarded_rep(lua_State *L)
{
	size_t length, separator = 0;
	lua_Integer n = luaL_checkinteger(L, 2);

	luaL_checklstring(L, 1, &length);
	luaL_optlstring(L, 3, "", &separator);
	if (n > 0 && (lua_Unsigned)n > REPEAT_MOST / (length + separator + 1))
		return luaL_error(L, "string.rep: the result would be over 1 MB");
	return call_original(L);
}

static void guard(lua_State *L, const char *library, const char *name, lua_CFunction function)
{
	lua_getglobal(L, library);
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
}

/* --- all of it --- */

static const luaL_Reg libraries[] = {
	{ "_G", luaopen_base },     { "table", luaopen_table }, { "string", luaopen_string },
	{ "math", luaopen_math },   { "utf8", luaopen_utf8 },   { NULL, NULL },
};

static const char *const removed[] = { "dofile", "loadfile", "print", "warn", NULL };

static const luaL_Reg replaced[] = {
	{ "setmetatable", guarded_setmetatable },
	{ "collectgarbage", guarded_collectgarbage },
	{ "load", guarded_load },
	{ "xpcall", guarded_xpcall },
	{ NULL, NULL },
};

static void lock_strings(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushliteral(L, "string");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

void sandbox_open(lua_State *L)
{
	for (const luaL_Reg *l = libraries; l->name; l++) {
		luaL_requiref(L, l->name, l->func, 1);
		lua_pop(L, 1);
	}
	for (const char *const *name = removed; *name; name++) {
		lua_pushnil(L);
		lua_setglobal(L, *name);
	}
	for (const luaL_Reg *r = replaced; r->name; r++)
		lua_register(L, r->name, r->func);
	lua_getglobal(L, "string");
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	pattern_open(L);
	lua_pop(L, 1);
	guard(L, "table", "move", guarded_move);
	guard(L, "table", "insert", guarded_insert);
	guard(L, "table", "remove", guarded_remove);
	guard(L, "table", "concat", guarded_concat);
	guard(L, "table", "unpack", guarded_unpack);
	guard(L, "string", "rep", guarded_rep);
	address_open(L);
	if (prelude_open(L) != LUA_OK)
		lua_error(L);
	coroutine_open(L);
	lock_strings(L);
	convert_open(L);
	self_open(L);
	api_open(L);
	require_open(L);
}
