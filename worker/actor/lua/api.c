/* stage.class, property, error, call, tell, get, watch, sleep, after, every, … */
#include "worker/actor/lua/api.h"

#include <lauxlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "proto/msgpack.h"
#include "worker/actor/lua/convert.h"
#include "worker/actor/lua/failure.h"
#include "worker/actor/lua/lua_class.h"
#include "worker/actor/lua/mark.h"
#include "worker/actor/lua/self.h"

#define REQUEST_SIZE 256 /* bytes that a message takes beside its arguments */
#define LOG_MAX 4096     /* bytes of a line's text, and of its fields */

/* Their addresses are keys of the registry. */
static char class_table, class_pattern, property_mark;

/* One buffer for arguments: a Lua error passes by without freeing it. */
static struct buffer packed;

static struct bytes check_bytes(lua_State *L, int index)
{
	size_t length;
	const char *text = luaL_checklstring(L, index, &length);

	return (struct bytes){ text, length };
}

/* What a step asks for stays in memory until it is committed: its bytes are bounded as
 * those are that the turn allocates. */
static void charge(lua_State *L, struct lua_run *run)
{
	run->asked += buffer_length(&packed) + REQUEST_SIZE;
	if (run->asked > lua_limits.turn_memory)
		luaL_error(L, "too many messages at once: without a wait between them they may take what a turn may");
}

/* The arguments from `first` on as a msgpack array. */
static struct bytes pack_arguments(lua_State *L, struct lua_run *run, int first)
{
	buffer_clear(&packed);
	convert_write_list(L, first, &packed);
	charge(L, run);
	return buffer_bytes(&packed);
}

/* --- class files --- */

static int on_class(lua_State *L)
{
	const char *problem = class_pattern_problem(luaL_checkstring(L, 1));

	if (lua_run_now)
		return luaL_error(L, "stage.class is for class files, not for methods");
	if (problem)
		return luaL_error(L, "stage.class: %s", problem);
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &class_table) != LUA_TNIL)
		return luaL_error(L, "a class file makes one class; this is the second");
	lua_pushvalue(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &class_pattern);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &class_table);
	return 1;
}

bool api_push_class(lua_State *L)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &class_table) == LUA_TTABLE)
		return true;
	lua_pop(L, 1);
	return false;
}

const char *api_class_pattern(lua_State *L)
{
	const char *pattern;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &class_pattern);
	pattern = lua_tostring(L, -1);
	lua_pop(L, 1);
	return pattern;
}

bool api_is_property(lua_State *L, int index)
{
	return mark_has(L, index, &property_mark);
}

static int on_property(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";

		if (strcmp(key, "default") != 0 && strcmp(key, "writable") != 0 && strcmp(key, "check") != 0)
			return luaL_error(L, "stage.property takes default, writable and check, not '%s'", key);
	}
	lua_settop(L, 1);
	mark_set(L, 1, &property_mark);
	return 1;
}

/* --- waiting --- */

static int on_answer(lua_State *L, int status, lua_KContext context)
{
	struct lua_run *run = lua_run_now;
	const struct host_answer *answer = run->answer;

	(void)status, (void)context;
	run->waiting = false;
	run->asked = 0;
	if (answer->code != ERROR_NONE)
		failure_raise(L, answer->code, answer->payload, NULL);
	convert_push(L, answer->payload);
	return 1;
}

static struct lua_run *begin_wait(lua_State *L, const char *what)
{
	struct lua_run *run = self_run(L, what);

	if (run->entry == HOST_CHECK)
		luaL_error(L, "%s: a check decides at once, it cannot wait", what);
	if (!lua_isyieldable(L) || run->blocked)
		luaL_error(L, "%s cannot wait here: it is inside a function that Lua cannot set aside", what);
	return run;
}

static int wait(lua_State *L, struct lua_run *run, enum error_code code, const char *why)
{
	if (code != ERROR_NONE)
		failure_raise(L, code, (struct bytes){ NULL, 0 }, why);
	run->waiting = true;
	return lua_yieldk(L, 0, 0, on_answer);
}

static int on_call(lua_State *L)
{
	struct lua_run *run = begin_wait(L, "stage.call");
	struct bytes address = check_bytes(L, 1), method = check_bytes(L, 2);
	const char *why = NULL;
	enum error_code code;

	code = turn_wait_call(run->turn, address, method, pack_arguments(L, run, 3), &why);
	return wait(L, run, code, why);
}

static int on_get(lua_State *L)
{
	struct lua_run *run = begin_wait(L, "stage.get");
	const char *why = NULL;
	enum error_code code;

	code = turn_wait_get(run->turn, check_bytes(L, 1), check_bytes(L, 2), &why);
	return wait(L, run, code, why);
}

static uint64_t check_ms(lua_State *L, int index)
{
	lua_Number ms = luaL_checknumber(L, index);

	luaL_argcheck(L, ms >= 0 && ms <= 1e12, index, "milliseconds, not negative");
	return (uint64_t)ms;
}

static int on_sleep(lua_State *L)
{
	struct lua_run *run = begin_wait(L, "stage.sleep");
	const char *why = NULL;
	enum error_code code;

	code = turn_wait_sleep(run->turn, check_ms(L, 1), &why);
	return wait(L, run, code, why);
}

/* --- what does not wait --- */

static int done(lua_State *L, enum error_code code, const char *why)
{
	if (code != ERROR_NONE)
		failure_raise(L, code, (struct bytes){ NULL, 0 }, why);
	return 0;
}

static int on_tell(lua_State *L)
{
	struct lua_run *run = self_run(L, "stage.tell");
	struct bytes address = check_bytes(L, 1), method = check_bytes(L, 2);
	const char *why = NULL;
	enum error_code code;

	code = turn_tell(run->turn, address, method, pack_arguments(L, run, 3), &why);
	return done(L, code, why);
}

static int on_watch(lua_State *L)
{
	struct lua_run *run = self_run(L, "stage.watch");
	const char *why = NULL;
	enum error_code code;

	buffer_clear(&packed);
	charge(L, run);
	code = turn_watch(run->turn, check_bytes(L, 1), check_bytes(L, 2), check_bytes(L, 3), &why);
	return done(L, code, why);
}

static int begin_timer(lua_State *L, bool every, const char *what)
{
	struct lua_run *run = self_run(L, what);
	uint64_t ms = check_ms(L, 1);
	struct bytes method = check_bytes(L, 2);
	const char *why = NULL;
	enum error_code code;
	uint32_t id = 0;

	code = turn_timer(run->turn, ms, every, method, pack_arguments(L, run, 3), &id, &why);
	done(L, code, why);
	lua_pushinteger(L, id);
	return 1;
}

static int on_after(lua_State *L)
{
	return begin_timer(L, false, "stage.after");
}

static int on_every(lua_State *L)
{
	return begin_timer(L, true, "stage.every");
}

static int on_cancel(lua_State *L)
{
	struct lua_run *run = self_run(L, "stage.cancel");

	lua_pushboolean(L, turn_timer_cancel(run->turn, (uint32_t)luaL_checkinteger(L, 1)));
	return 1;
}

static int on_remind(lua_State *L)
{
	return luaL_error(L, "stage.remind is not available in this version");
}

static int on_caller(lua_State *L)
{
	struct bytes caller = turn_caller(self_run(L, "stage.caller")->turn);

	if (caller.len == 0)
		lua_pushnil(L);
	else
		lua_pushlstring(L, caller.data, caller.len);
	return 1;
}

static int on_destroy(lua_State *L)
{
	turn_destroy(self_run(L, "stage.destroy")->turn);
	return 0;
}

static int on_now(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)clock_real_ms());
	return 1;
}

/* As math.random, but seeded by nobody. */
static int on_random(lua_State *L)
{
	uint64_t bits;
	lua_Integer low = 1, high;

	if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
		return luaL_error(L, "no randomness");
	if (lua_gettop(L) == 0) {
		lua_pushnumber(L, (lua_Number)(bits >> 11) * 0x1p-53);
		return 1;
	}
	if (lua_gettop(L) > 1)
		low = luaL_checkinteger(L, 1);
	high = luaL_checkinteger(L, lua_gettop(L) > 1 ? 2 : 1);
	luaL_argcheck(L, low <= high, lua_gettop(L) > 1 ? 2 : 1, "interval is empty");
	if ((uint64_t)high - (uint64_t)low + 1 != 0)
		bits %= (uint64_t)high - (uint64_t)low + 1;
	lua_pushinteger(L, (lua_Integer)((uint64_t)low + bits));
	return 1;
}

static int on_log(lua_State *L)
{
	static const char *const names[] = { "debug", "info", "warn", "error", NULL };
	struct lua_run *run = self_run(L, "stage.log");
	int level = luaL_checkoption(L, 1, NULL, names);
	struct bytes text = check_bytes(L, 2);

	buffer_clear(&packed);
	if (!lua_isnoneornil(L, 3)) {
		luaL_checktype(L, 3, LUA_TTABLE);
		convert_write(L, 3, &packed);
	}
	luaL_argcheck(L, text.len <= LOG_MAX, 2, "a line of the log is at most 4 KB");
	luaL_argcheck(L, buffer_length(&packed) <= LOG_MAX, 3, "the fields of a line are at most 4 KB");
	charge(L, run);
	turn_log(run->turn, (enum log_level)level, text, buffer_bytes(&packed));
	return 0;
}

static int on_array(lua_State *L)
{
	lua_settop(L, 1);
	if (lua_isnil(L, 1)) {
		lua_newtable(L);
		lua_replace(L, 1);
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!convert_is_array(L, 1) && lua_getmetatable(L, 1))
		return luaL_error(L, "stage.array takes a table without a metatable");
	convert_mark_array(L, 1);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "class", on_class },     { "property", on_property }, { "error", failure_on_error },   { "caller", on_caller },
	{ "call", on_call },       { "tell", on_tell },         { "get", on_get },       { "watch", on_watch },
	{ "sleep", on_sleep },     { "after", on_after },       { "every", on_every },   { "cancel", on_cancel },
	{ "remind", on_remind },   { "now", on_now },           { "random", on_random }, { "log", on_log },
	{ "destroy", on_destroy }, { "array", on_array },       { NULL, NULL },
};

void api_open(lua_State *L)
{
	mark_new(L, &property_mark, "property");
	lua_pop(L, 1);
	failure_open(L);
	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, CONVERT_NULL);
	lua_setfield(L, -2, "null");
	lua_setglobal(L, "stage");
}
