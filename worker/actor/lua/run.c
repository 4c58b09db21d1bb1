/* Runs: pooled coroutines, their slices, and what comes out of them. */
#include "worker/actor/lua/run.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/msgpack.h"
#include "worker/actor/lua/api.h"
#include "worker/actor/lua/convert.h"
#include "worker/actor/lua/preempt.h"

/* What the last outcome's slices point to. */
static struct buffer result, details, report;
static uintptr_t next_handle;

void lua_run_fini(void)
{
	buffer_fini(&result);
	buffer_fini(&details);
	buffer_fini(&report);
}

static struct lua_class *class_of(const struct class *class)
{
	return class->host;
}

bool lua_run_has_method(const struct class *class, struct bytes name)
{
	lua_State *L = class_of(class)->state;
	bool found;

	lua_rawgeti(L, LUA_REGISTRYINDEX, class_of(class)->members);
	lua_pushlstring(L, name.data, name.len);
	found = lua_rawget(L, -2) == LUA_TFUNCTION;
	lua_pop(L, 2);
	return found;
}

/* --- threads --- */

static void take_thread(struct lua_run *run)
{
	struct lua_class *c = run->class;

	if (c->pooled > 0) {
		c->pooled--;
		run->thread = c->pool[c->pooled];
		run->thread_ref = c->pool_refs[c->pooled];
		return;
	}
	run->thread = lua_newthread(c->state);
	run->thread_ref = luaL_ref(c->state, LUA_REGISTRYINDEX);
}

static void give_thread(struct lua_run *run)
{
	struct lua_class *c = run->class;

	lua_settop(run->thread, 0);
	if (c->pooled == LUA_CLASS_POOL) {
		luaL_unref(c->state, LUA_REGISTRYINDEX, run->thread_ref);
		return;
	}
	c->pool[c->pooled] = run->thread;
	c->pool_refs[c->pooled++] = run->thread_ref;
}

static void end(struct lua_run *run)
{
	run->turn->host_state = NULL;
	give_thread(run);
	free(run);
}

/* --- bounds of a slice --- */

static void enter(struct lua_run *run)
{
	struct lua_heap *h = &run->class->heap;

	h->enforced = true;
	h->run_base = h->used;
	h->run_net = run->net;
	lua_run_now = run;
}

static void leave(struct lua_run *run)
{
	struct lua_heap *h = &run->class->heap;

	h->enforced = false;
	run->net = h->used + h->run_net > h->run_base ? h->used + h->run_net - h->run_base : 0;
	lua_run_now = NULL;
}

/* --- outcomes --- */

struct encoding {
	struct lua_run *run;
	int status;
};

/* Runs protected, with the thread's first result on top. */
static int encode_result(lua_State *L)
{
	struct encoding *e = lua_touserdata(L, 1);

	buffer_clear(&result);
	if (e->run->entry == HOST_CHECK)
		msgpack_write_bool(&result, lua_toboolean(L, 2));
	else
		convert_write(L, 2, &result);
	return 0;
}

/* `players.lua:12: text` without its position. */
static struct bytes without_position(const char *text)
{
	const char *colon = strstr(text, ".lua:");

	if (colon && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") >= (size_t)(colon - text)) {
		const char *end = colon + 5 + strspn(colon + 5, "0123456789");

		if (end[0] == ':' && end[1] == ' ')
			return bytes_of(end + 2);
	}
	return bytes_of(text);
}

static void write_details(const char *code, struct bytes message)
{
	buffer_clear(&details);
	msgpack_write_map(&details, 2);
	msgpack_write_str(&details, BYTES_LITERAL("code"));
	msgpack_write_str(&details, bytes_of(code));
	msgpack_write_str(&details, BYTES_LITERAL("message"));
	msgpack_write_str(&details, message);
}

/* Runs protected: the error at 2, its traceback at 3. */
static int encode_error(lua_State *L)
{
	size_t length;
	const char *text;

	buffer_clear(&report);
	buffer_clear(&details);
	if (api_write_error(L, 2, &details))
		return 0;
	text = luaL_tolstring(L, 2, &length);
	write_details("error", without_position(text));
	buffer_append(&report, text, length);
	buffer_append_text(&report, "\n");
	buffer_append_text(&report, luaL_optstring(L, 3, ""));
	return 0;
}

static enum host_status failed(struct host_outcome *ret)
{
	*ret = (struct host_outcome){
		.code = ERROR_APP, .details = buffer_bytes(&details), .report = buffer_bytes(&report) };
	return HOST_FAILED;
}

static enum host_status fail_plainly(const char *code, const char *message, struct host_outcome *ret)
{
	write_details(code, bytes_of(message));
	buffer_clear(&report);
	buffer_append_text(&report, message);
	return failed(ret);
}

/* The thread has ended with an error, which is on top of its stack. */
static enum host_status on_error(struct lua_run *run, int status, struct host_outcome *ret)
{
	lua_State *L = run->class->state, *thread = run->thread;
	struct encoding e = { run, status };
	enum host_status outcome;

	if (status == LUA_ERRMEM) {
		outcome = fail_plainly("memory", "the turn needs more memory than [actors] turn_memory allows", ret);
	} else {
		lua_pushcfunction(L, encode_error);
		lua_pushlightuserdata(L, &e);
		lua_xmove(thread, L, 1);
		luaL_traceback(L, thread, NULL, 0);
		if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
			lua_pop(L, 1);
			outcome = fail_plainly("error", "an error whose object cannot be told", ret);
		} else {
			outcome = failed(ret);
		}
	}
	/* Closes what was to be closed: user code, which gets no more than a tick. */
	preempt_begin_last(thread);
	lua_run_now = run;
	lua_resetthread(thread);
	lua_run_now = NULL;
	preempt_end(thread);
	end(run);
	return outcome;
}

static enum host_status on_done(struct lua_run *run, int results, struct host_outcome *ret)
{
	lua_State *L = run->class->state;
	struct encoding e = { run, LUA_OK };
	enum host_status outcome = HOST_DONE;

	lua_pushcfunction(L, encode_result);
	lua_pushlightuserdata(L, &e);
	if (results > 0) {
		lua_settop(run->thread, lua_gettop(run->thread) - results + 1);
		lua_xmove(run->thread, L, 1);
	} else {
		lua_pushnil(L);
	}
	if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
		buffer_clear(&report);
		buffer_printf(&report, "the returned value: %s", lua_tostring(L, -1));
		write_details("error", bytes_of(lua_tostring(L, -1)));
		lua_pop(L, 1);
		outcome = failed(ret);
	} else {
		*ret = (struct host_outcome){ .result = buffer_bytes(&result) };
	}
	end(run);
	return outcome;
}

static enum host_status slice(struct lua_run *run, int arguments, struct host_outcome *ret)
{
	int results = 0, status;

	run->preempted = false;
	enter(run);
	preempt_begin(run->thread);
	status = lua_resume(run->thread, run->class->state, arguments, &results);
	preempt_end(run->thread);
	leave(run);
	if (status == LUA_YIELD)
		return run->preempted ? HOST_PREEMPTED : HOST_WAITING;
	return status == LUA_OK ? on_done(run, results, ret) : on_error(run, status, ret);
}

/* --- the host's table --- */

struct pushing {
	struct lua_run *run;
	struct bytes name, arguments;
	int count;
};

static const char *const entry_names[] = {
	[HOST_CREATE] = "create", [HOST_ACTIVATE] = "activate", [HOST_MIGRATE] = "migrate",
};

static void push_function(lua_State *L, const struct pushing *p)
{
	const struct lua_class *c = p->run->class;
	enum host_entry entry = p->run->entry;

	lua_rawgeti(L, LUA_REGISTRYINDEX, entry == HOST_METHOD ? c->members : entry == HOST_CHECK ? c->checks : c->entries);
	if (entry == HOST_METHOD || entry == HOST_CHECK)
		lua_pushlstring(L, p->name.data, p->name.len);
	else
		lua_pushstring(L, entry_names[entry]);
	lua_rawget(L, -2);
	lua_remove(L, -2);
}

/* Runs protected: the function, self and the arguments go to the run's thread. */
static int push_call(lua_State *L)
{
	struct pushing *p = lua_touserdata(L, 1);
	struct msgpack_reader r = msgpack_read(p->arguments);
	uint32_t n = p->arguments.len ? msgpack_read_array(&r) : 0;

	luaL_checkstack(L, (int)n + 8, "too many arguments");
	if (!lua_checkstack(p->run->thread, (int)n + 8))
		return luaL_error(L, "too many arguments");
	push_function(L, p);
	if (p->run->entry != HOST_CHECK)
		lua_pushlightuserdata(L, p->run->handle);
	for (uint32_t i = 0; i < n; i++)
		convert_push(L, msgpack_read_value(&r));
	p->count = lua_gettop(L) - 2;
	lua_xmove(L, p->run->thread, p->count + 1);
	return 0;
}

enum host_status lua_run_start(struct turn *turn, enum host_entry entry, struct bytes name,
                               struct bytes arguments, struct host_outcome *ret)
{
	struct lua_run *run = memory_new(sizeof(*run));
	struct pushing p = { run, name, arguments, 0 };

	*run = (struct lua_run){ .turn = turn, .class = class_of(turn->class), .entry = entry };
	run->handle = (void *)(next_handle += 16);
	turn->host_state = run;
	take_thread(run);
	if (lua_class_protect(run->class->state, push_call, &p) != LUA_OK) {
		lua_State *L = run->class->state;
		enum host_status outcome = fail_plainly("error", lua_tostring(L, -1), ret);

		lua_pop(L, 1);
		end(run);
		return outcome;
	}
	return slice(run, p.count, ret);
}

enum host_status lua_run_resume(struct turn *turn, const struct host_answer *answer, struct host_outcome *ret)
{
	struct lua_run *run = turn->host_state;

	run->answer = answer;
	return slice(run, 0, ret);
}

void lua_run_abort(struct turn *turn)
{
	struct lua_run *run = turn->host_state;

	if (run == NULL)
		return;
	preempt_begin_last(run->thread);
	lua_run_now = run;
	lua_resetthread(run->thread);
	lua_run_now = NULL;
	preempt_end(run->thread);
	end(run);
}
