/* coroutine.* that can be interrupted from outside, and whose coroutines stay with the
 * turn that was interrupted in them. */
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

/* --- resume and wrap --- */

/* The turn goes on: so does the coroutine that it was interrupted in. */
static int on_resumed(lua_State *L, int status, lua_KContext wrapped)
{
	lua_State *co = target(L, wrapped);

	(void)status;
	*lua_class_marks(co) &= ~LUA_CLASS_BUSY;
	return go_on(L, co, -1, wrapped);
}

/* Runs what is to be closed in a coroutine that has ended or waits for its user. */
static int close_pending(lua_State *co)
{
	lua_State *former;
	int status;

	if (*lua_class_marks(co) & LUA_CLASS_BROKEN)
		return lua_status(co);
	former = preempt_enter(co);
	status = lua_resetthread(co);
	preempt_leave(former, co);
	return status;
}

/* A copy of what it failed with: the coroutine keeps it, for coroutine.close. */
static void push_error_of(lua_State *L, lua_State *co)
{
	if (!lua_checkstack(co, 1)) {
		lua_pushliteral(L, "stack overflow");
		return;
	}
	lua_pushvalue(co, -1);
	lua_xmove(co, L, 1);
}

static int fail(lua_State *L, lua_State *co, bool wrapped)
{
	if (wrapped) {
		close_pending(co);
		push_error_of(L, co);
		return lua_error(L);
	}
	lua_pushboolean(L, 0);
	push_error_of(L, co);
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
	if (status == LUA_YIELD && run && (run->preempted || run->waiting)) {
		*lua_class_marks(co) |= LUA_CLASS_BUSY;
		return lua_yieldk(L, 0, wrapped, on_resumed);
	}
	if (status != LUA_OK && status != LUA_YIELD)
		return fail(L, co, wrapped);
	*lua_class_marks(co) &= ~LUA_CLASS_BROKEN;
	luaL_checkstack(L, results + 1, "too many results");
	if (!wrapped)
		lua_pushboolean(L, 1);
	lua_xmove(co, L, results);
	return results + !wrapped;
}

enum coroutine_status { RUNNING, DEAD, SUSPENDED, NORMAL };

static enum coroutine_status status_of(lua_State *L, lua_State *co)
{
	lua_Debug ar;

	if (co == L)
		return RUNNING;
	if (*lua_class_marks(co) & LUA_CLASS_BUSY)
		return NORMAL;
	if (lua_status(co) == LUA_YIELD)
		return SUSPENDED;
	if (lua_status(co) != LUA_OK)
		return DEAD;
	if (lua_getstack(co, 0, &ar))
		return NORMAL;
	return lua_gettop(co) == 0 ? DEAD : SUSPENDED;
}

/* Moves the arguments into a coroutine that can take them; else pushes the reason. */
static bool hand_over(lua_State *L, lua_State *co, int arguments)
{
	enum coroutine_status status = status_of(L, co);

	if (*lua_class_marks(co) & LUA_CLASS_BUSY)
		lua_pushliteral(L, "cannot resume a coroutine of another turn");
	else if (status == DEAD)
		lua_pushliteral(L, "cannot resume dead coroutine");
	else if (status != SUSPENDED)
		lua_pushliteral(L, "cannot resume non-suspended coroutine");
	else if (!lua_checkstack(co, arguments + 1))
		lua_pushliteral(L, "too many arguments to resume");
	else {
		lua_xmove(L, co, arguments);
		return true;
	}
	return false;
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

/* --- the rest --- */

/* The thread of a turn or of a class file is no coroutine of the user's. */
static bool is_outermost(lua_State *L)
{
	return L == preempt_outermost();
}

static int on_yield(lua_State *L)
{
	if (is_outermost(L))
		return luaL_error(L, "attempt to yield from outside a coroutine");
	return lua_yield(L, lua_gettop(L));
}

static int on_close(lua_State *L)
{
	lua_State *co = target(L, false);
	enum coroutine_status status = status_of(L, co);

	if (*lua_class_marks(co) & LUA_CLASS_BUSY)
		return luaL_error(L, "cannot close a coroutine of another turn");
	if (status != DEAD && status != SUSPENDED)
		return luaL_error(L, "cannot close a %s coroutine", status == RUNNING ? "running" : "normal");
	if (close_pending(co) == LUA_OK) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushboolean(L, 0);
	push_error_of(L, co);
	if ((*lua_class_marks(co) & LUA_CLASS_BROKEN) == 0)
		lua_settop(co, 0);
	return 2;
}

static int on_status(lua_State *L)
{
	static const char *const names[] = { "running", "dead", "suspended", "normal" };

	lua_pushstring(L, names[status_of(L, target(L, false))]);
	return 1;
}

static int on_running(lua_State *L)
{
	lua_pushthread(L);
	lua_pushboolean(L, is_outermost(L));
	return 2;
}

static int on_isyieldable(lua_State *L)
{
	lua_State *co = lua_isnone(L, 1) ? L : target(L, false);

	lua_pushboolean(L, lua_isyieldable(co) && !is_outermost(co));
	return 1;
}

void coroutine_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "create", on_create }, { "resume", on_resume }, { "wrap", on_wrap },       { "yield", on_yield },
		{ "close", on_close },   { "status", on_status }, { "running", on_running }, { "isyieldable", on_isyieldable },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	lua_setglobal(L, "coroutine");
}
