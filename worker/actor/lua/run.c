/* Runs: pooled coroutines, their slices, and what comes out of them. */
#include "worker/actor/lua/run.h"

#include <stdlib.h>
#include <string.h>

#include "common/pool.h"
#include "proto/msgpack.h"
#include "worker/actor/lua/convert.h"
#include "worker/actor/lua/failure.h"
#include "worker/actor/lua/preempt.h"

#define REPORT_MAX 4000 /* bytes of a traceback */
#define PLAIN_MOST 8    /* arguments */

/* What the last outcome's slices point to. */
static struct buffer result, details, report;
static uintptr_t next_handle;

static const char crowded[] = "the class's code has used its memory up";

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
	return lua_class_method(class_of(class), name) != NULL;
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
	*lua_class_marks(run->thread) = LUA_CLASS_BUSY;
	run->thread_ref = luaL_ref(c->state, LUA_REGISTRYINDEX);
}

/* Nothing runs in it again, not even what was to be closed. */
static void drop_thread(struct lua_run *run)
{
	luaL_unref(run->class->state, LUA_REGISTRYINDEX, run->thread_ref);
	run->thread = NULL;
}

static void give_thread(struct lua_run *run)
{
	struct lua_class *c = run->class;

	if (run->thread == NULL)
		return;
	*lua_class_marks(run->thread) = LUA_CLASS_BUSY;
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
	pool_give(run, sizeof(*run));
}

/* --- bounds of a slice --- */

/* A run that has waited may come to its end, and give its memory back, where none may begin. */
static size_t room_of(const struct lua_run *run)
{
	return lua_limits.class_memory + (run->resumed ? lua_limits.class_memory / 8 : 0);
}

static void enter(struct lua_run *run)
{
	struct lua_heap *h = &run->class->heap;

	h->enforced = true;
	h->starved = false;
	h->refusals = 0;
	h->room = room_of(run);
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

/* Runs protected, with the thread's first result on top. */
static int encode_result(lua_State *L)
{
	const struct lua_run *run = lua_touserdata(L, 1);

	buffer_clear(&result);
	if (run->entry == HOST_CHECK)
		msgpack_write_bool(&result, lua_toboolean(L, 2));
	else
		convert_write(L, 2, &result);
	return 0;
}

/* `players.lua:12: text` without its position. */
static struct bytes without_position(struct bytes text)
{
	const char *colon = memmem(text.data, text.len, ".lua:", 5);
	const char *end = text.data + text.len;

	if (colon == NULL || memchr(text.data, ' ', (size_t)(colon - text.data)))
		return text;
	colon += 5;
	while (colon < end && *colon >= '0' && *colon <= '9')
		colon++;
	if (end - colon < 2 || colon[0] != ':' || colon[1] != ' ')
		return text;
	return (struct bytes){ colon + 2, (size_t)(end - colon - 2) };
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

/* Runs protected: the error at 2, its thread at 3. */
static int encode_error(lua_State *L)
{
	size_t length;
	const char *trace;

	buffer_clear(&report);
	buffer_clear(&details);
	if (failure_write(L, 2, &details))
		return 0;
	failure_text(L, 2, &report);
	write_details("error", without_position(buffer_bytes(&report)));
	luaL_traceback(L, lua_tothread(L, 3), NULL, 0);
	trace = lua_tolstring(L, -1, &length);
	buffer_append_text(&report, "\n");
	buffer_append(&report, trace, length < REPORT_MAX ? length : REPORT_MAX);
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

/* The error on top of the class's stack, popped: one of the host's own making. */
static enum host_status fail_with_error(lua_State *L, struct host_outcome *ret)
{
	buffer_clear(&report);
	failure_text(L, -1, &report);
	write_details("error", without_position(buffer_bytes(&report)));
	lua_pop(L, 1);
	return failed(ret);
}

/* Closes what was to be closed: the user's code, which gets no more than a tick. */
static void close_thread(struct lua_run *run)
{
	lua_State *thread = run->thread;

	if (*lua_class_marks(thread) & LUA_CLASS_BROKEN) {
		drop_thread(run);
		return;
	}
	enter(run);
	preempt_begin_last(thread);
	lua_resetthread(thread);
	preempt_end();
	leave(run);
	if (*lua_class_marks(thread) & LUA_CLASS_BROKEN)
		drop_thread(run);
}

/* The thread has ended with an error, which is on top of its stack. */
static enum host_status on_error(struct lua_run *run, int status, struct host_outcome *ret)
{
	lua_State *L = run->class->state, *thread = run->thread;
	enum host_status outcome;

	if (status == LUA_ERRMEM || run->class->heap.starved) {
		outcome = fail_plainly("memory", "the turn needs more memory than it may have", ret);
	} else {
		lua_pushcfunction(L, encode_error);
		lua_pushlightuserdata(L, run);
		if (lua_checkstack(thread, 1))
			lua_pushvalue(thread, -1); /* its own is for what closes */
		lua_xmove(thread, L, 1);
		lua_rawgeti(L, LUA_REGISTRYINDEX, run->thread_ref);
		outcome = lua_pcall(L, 3, 0, 0) == LUA_OK ? failed(ret) : fail_with_error(L, ret);
	}
	close_thread(run);
	end(run);
	return outcome;
}

/* What cannot fail needs no protection, which costs more than the rest. */
static bool encode_plainly(const struct lua_run *run, int results)
{
	lua_State *thread = run->thread;

	if (run->entry == HOST_CHECK)
		return false;
	buffer_clear(&result);
	if (results == 0)
		msgpack_write_nil(&result);
	else if (lua_isinteger(thread, -results))
		msgpack_write_int(&result, lua_tointeger(thread, -results));
	else if (convert_is_plain(thread, -results))
		convert_write(thread, -results, &result);
	else
		return false;
	return true;
}

static enum host_status on_done(struct lua_run *run, int results, struct host_outcome *ret)
{
	lua_State *L = run->class->state;
	enum host_status outcome = HOST_DONE;

	if (encode_plainly(run, results)) {
		*ret = (struct host_outcome){ .result = buffer_bytes(&result) };
		end(run);
		return HOST_DONE;
	}
	lua_pushcfunction(L, encode_result);
	lua_pushlightuserdata(L, run);
	if (results > 0) {
		lua_settop(run->thread, lua_gettop(run->thread) - results + 1);
		lua_xmove(run->thread, L, 1);
	} else {
		lua_pushnil(L);
	}
	if (lua_pcall(L, 2, 0, 0) != LUA_OK)
		outcome = fail_with_error(L, ret);
	else
		*ret = (struct host_outcome){ .result = buffer_bytes(&result) };
	end(run);
	return outcome;
}

static enum host_status slice(struct lua_run *run, int arguments, struct host_outcome *ret)
{
	int results = 0, status;
	bool again = run->preempted;

	run->preempted = false;
	enter(run);
	preempt_begin(run->thread, again);
	status = lua_resume(run->thread, run->class->state, arguments, &results);
	preempt_end();
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

/* A method with arguments that are no Lua objects: nothing is allocated, nothing can fail, so
 * it needs no protection. */
static bool push_plainly(struct pushing *p)
{
	lua_State *thread = p->run->thread;
	const struct lua_method *method = lua_class_method(p->run->class, p->name);
	struct msgpack_reader r = msgpack_read(p->arguments);
	uint32_t n = p->arguments.len ? msgpack_read_array(&r) : 0;

	if (p->run->entry != HOST_METHOD || method == NULL || n > PLAIN_MOST || !lua_checkstack(thread, PLAIN_MOST + 8))
		return false;
	lua_rawgeti(thread, LUA_REGISTRYINDEX, method->reference);
	lua_pushlightuserdata(thread, p->run->handle);
	for (uint32_t i = 0; i < n; i++) {
		if (!convert_push_plain(thread, msgpack_read_value(&r))) {
			lua_settop(thread, 0);
			return false;
		}
	}
	p->count = (int)n + 1;
	return true;
}

enum host_status lua_run_start(struct turn *turn, enum host_entry entry, struct bytes name,
                               struct bytes arguments, struct host_outcome *ret)
{
	struct lua_run *run;
	struct pushing p = { NULL, name, arguments, 0 };

	if (lua_class_is_crowded(class_of(turn->class)))
		return fail_plainly("memory", crowded, ret);
	p.run = run = pool_new(sizeof(*run));
	run->turn = turn;
	run->class = class_of(turn->class);
	run->entry = entry;
	run->handle = (void *)(next_handle += 16);
	turn->host_state = run;
	take_thread(run);
	if (!push_plainly(&p) && lua_class_protect(run->class->state, push_call, &p) != LUA_OK) {
		enum host_status outcome = fail_with_error(run->class->state, ret);

		end(run);
		return outcome;
	}
	return slice(run, p.count, ret);
}

enum host_status lua_run_resume(struct turn *turn, const struct host_answer *answer, struct host_outcome *ret)
{
	struct lua_run *run = turn->host_state;

	run->answer = answer;
	run->resumed |= answer != NULL;
	if (lua_class_is_crowded(run->class) && run->class->heap.used > room_of(run)) {
		drop_thread(run);
		end(run);
		return fail_plainly("memory", crowded, ret);
	}
	return slice(run, 0, ret);
}

void lua_run_abort(struct turn *turn)
{
	struct lua_run *run = turn->host_state;

	if (run == NULL)
		return;
	/* The thread is left to the collector: to close it would run code of the user's. */
	drop_thread(run);
	end(run);
}
