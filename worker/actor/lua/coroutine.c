/* coroutine.resume and wrap that can be interrupted from outside. */
#include "worker/actor/lua/coroutine.h"

#include <lauxlib.h>

#include "worker/actor/lua/lua_class.h"
#include "worker/actor/lua/preempt.h"

static int go_on(lua_State *L, lua_State *co, int arguments, bool wrapped);

static lua_State *target(lua_State *L, bool wrapped)
{
	lua_State *co = lua_tothread(L, wrapped ? lua_upvalueindex(1) : 1);

	if (co == NULL)
		luaL_typeerror(L, 1, "coroutine");
	return co;
}

/* The turn goes on: so does the coroutine that it was interrupted in. */
static int on_resumed(lua_State *L, int status, lua_KContext wrapped)
{
	(void)status;
	return go_on(L, target(L, wrapped), -1, wrapped);
}

static int fail(lua_State *L, lua_State *co, bool wrapped)
{
	if (wrapped) {
		lua_xmove(co, L, 1);
		lua_resetthread(co);
		return lua_error(L);
	}
	lua_pushboolean(L, 0);
	lua_xmove(co, L, 1);
	return 2;
}

/* arguments -1: it goes on where the turn was interrupted, without any. */
static int go_on(lua_State *L, lua_State *co, int arguments, bool wrapped)
{
	struct lua_run *run = lua_run_now;
	bool blocked = run && !lua_isyieldable(L);
	lua_State *former;
	int status, results = 0;

	if (run)
		run->blocked += blocked;
	former = preempt_enter(co);
	status = lua_resume(co, L, arguments < 0 ? 0 : arguments, &results);
	preempt_leave(former, co);
	if (run)
		run->blocked -= blocked;
	if (status == LUA_YIELD && run && (run->preempted || run->waiting))
		return lua_yieldk(L, 0, wrapped, on_resumed);
	if (status != LUA_OK && status != LUA_YIELD)
		return fail(L, co, wrapped);
	luaL_checkstack(L, results + 1, "too many results");
	if (!wrapped)
		lua_pushboolean(L, 1);
	lua_xmove(co, L, results);
	return results + !wrapped;
}

/* Moves the arguments into a coroutine that can take them; else pushes the reason. */
static bool hand_over(lua_State *L, lua_State *co, int arguments)
{
	const char *problem = NULL;

	if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
		problem = "cannot resume dead coroutine";
	else if (lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD)
		problem = "cannot resume dead coroutine";
	else if (co == L)
		problem = "cannot resume non-suspended coroutine";
	else if (!lua_checkstack(co, arguments + 1))
		problem = "too many arguments to resume";
	else if (lua_status(co) == LUA_OK) {
		lua_Debug ar;

		if (lua_getstack(co, 0, &ar))
			problem = "cannot resume non-suspended coroutine";
	}
	if (problem) {
		lua_pushstring(L, problem);
		return false;
	}
	lua_xmove(L, co, arguments);
	return true;
}

static int on_resume(lua_State *L)
{
	lua_State *co = target(L, false);
	int arguments = lua_gettop(L) - 1;

	if (!hand_over(L, co, arguments)) {
		lua_pushboolean(L, 0);
		lua_insert(L, -2);
		return 2;
	}
	return go_on(L, co, arguments, false);
}

static int on_wrapped(lua_State *L)
{
	lua_State *co = target(L, true);
	int arguments = lua_gettop(L);

	if (!hand_over(L, co, arguments))
		return luaL_error(L, "%s", lua_tostring(L, -1));
	return go_on(L, co, arguments, true);
}

static int on_create(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	co = lua_newthread(L);
	lua_sethook(co, NULL, 0, 0); /* it inherited what may be armed */
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static int on_wrap(lua_State *L)
{
	on_create(L);
	lua_pushcclosure(L, on_wrapped, 1);
	return 1;
}

static int on_yield(lua_State *L)
{
	if (lua_run_now && L == lua_run_now->thread)
		return luaL_error(L, "attempt to yield from outside a coroutine");
	return lua_yield(L, lua_gettop(L));
}

void coroutine_open(lua_State *L)
{
	static const luaL_Reg replaced[] = {
		{ "create", on_create }, { "resume", on_resume }, { "wrap", on_wrap }, { "yield", on_yield }, { NULL, NULL },
	};

	lua_getglobal(L, "coroutine");
	luaL_setfuncs(L, replaced, 0);
	lua_pop(L, 1);
}
