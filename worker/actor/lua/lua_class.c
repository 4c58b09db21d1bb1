/* States of classes and their memory. */
#include "worker/actor/lua/lua_class.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "worker/actor/lua/preempt.h"
#include "worker/actor/lua/sandbox.h"
#include "worker/actor/room.h"

static size_t total;
static LIST_HEAD(, lua_class) classes = LIST_HEAD_INITIALIZER(classes);
static char class_key; /* its address is the registry's key */

struct lua_run *lua_run_now;
struct host_limits lua_limits;

size_t lua_class_total(void)
{
	return total;
}

/* Whether growing by n keeps every bound. What a collection has left must be well below the
 * class's: else the next one is near. */
static bool within_bounds(struct lua_heap *h, size_t n, size_t block)
{
	size_t room = h->room;

	if (!h->enforced)
		return true;
	if (h->refusals > 0)
		room -= room / 16;
	h->crowded = h->used + n > room || !room_for(n);
	return !h->crowded && block <= LUA_CLASS_BLOCK &&
	       h->used + n + h->run_net <= h->run_base + lua_limits.turn_memory;
}

/* Lua collects all garbage after a first refusal and asks again. Where that does not help,
 * the run ends: each further try would collect again, which no hook can interrupt. One block
 * too large says nothing about the rest. */
static void refuse(struct lua_heap *h, size_t block)
{
	if (block > LUA_CLASS_BLOCK || ++h->refusals < 2)
		return;
	h->starved = true;
	if (h->crowded)
		h->crowded_until = clock_now_ns() + LUA_CLASS_REST_NS;
	preempt_starve();
}

static void *allocate(void *at, void *old, size_t old_size, size_t size)
{
	struct lua_heap *h = at;
	void *new;

	if (old == NULL)
		old_size = 0; /* then it tells a type */
	if (size == 0) {
		h->used -= old_size;
		total -= old_size;
		room_give(old_size);
		free(old);
		return NULL;
	}
	if (size > old_size && !within_bounds(h, size - old_size, size)) {
		refuse(h, size);
		return NULL;
	}
	h->refusals = 0;
	new = realloc(old, size);
	if (new == NULL)
		return NULL;
	h->used += size - old_size;
	total += size - old_size;
	room_take(size);
	room_give(old_size);
	return new;
}

static int panic(lua_State *L)
{
	log_errorx("Lua panics outside of any protection", F_TEXT("error", lua_tostring(L, -1)));
	abort();
}

struct lua_class *lua_class_of(lua_State *L)
{
	struct lua_class *c;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &class_key);
	c = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return c;
}

bool lua_class_is_crowded(const struct lua_class *c)
{
	return c->heap.crowded_until && clock_now_ns() < c->heap.crowded_until;
}

int lua_class_protect(lua_State *L, lua_CFunction f, void *argument)
{
	lua_pushcfunction(L, f);
	lua_pushlightuserdata(L, argument);
	return lua_pcall(L, 1, 0, 0);
}

static int open_state(lua_State *L)
{
	sandbox_open(L);
	return 0;
}

struct lua_class *lua_class_new(struct lua_sources *sources)
{
	struct lua_class *c = memory_new(sizeof(*c));

	c->members = c->entries = c->checks = LUA_NOREF;
	c->sources = sources;
	sources->references++;
	c->state = lua_newstate(allocate, &c->heap);
	if (c->state == NULL)
		abort(); /* no bound is enforced yet: the machine has no memory */
	lua_atpanic(c->state, panic);
	*lua_class_marks(c->state) = 0; /* threads begin with a copy of it */
	lua_gc(c->state, LUA_GCINC, 200, 100, 13);
	lua_pushlightuserdata(c->state, c);
	lua_rawsetp(c->state, LUA_REGISTRYINDEX, &class_key);
	if (lua_class_protect(c->state, open_state, NULL) != LUA_OK)
		panic(c->state);
	LIST_INSERT_HEAD(&classes, c, next);
	return c;
}

void lua_class_collect(void)
{
	struct lua_class *c;

	LIST_FOREACH (c, &classes, next)
		lua_gc(c->state, LUA_GCCOLLECT);
}

void lua_class_release_sources(struct lua_sources *s)
{
	if (--s->references > 0)
		return;
	for (size_t i = 0; i < s->count; i++) {
		free((char *)s->files[i].path.data);
		free((char *)s->files[i].source.data);
	}
	free(s->files);
	free(s);
}

void lua_class_add_method(lua_State *L, struct lua_class *c, const char *name)
{
	struct lua_method m = { memory_text(name), strlen(name), LUA_NOREF };

	c->methods = memory_grow(c->methods, c->method_count + 1, sizeof(m));
	c->methods[c->method_count++] = m; /* freed from here, should the next line raise an error */
	lua_pushvalue(L, -1);
	c->methods[c->method_count - 1].reference = luaL_ref(L, LUA_REGISTRYINDEX);
}

const struct lua_method *lua_class_method(const struct lua_class *c, struct bytes name)
{
	for (const struct lua_method *m = c->methods; m < c->methods + c->method_count; m++)
		if (m->length == name.len && memcmp(m->name, name.data, name.len) == 0)
			return m;
	return NULL;
}

void lua_class_free(struct lua_class *c)
{
	if (c == NULL)
		return;
	LIST_REMOVE(c, next);
	lua_close(c->state);
	for (size_t i = 0; i < c->method_count; i++)
		free(c->methods[i].name);
	free(c->methods);
	lua_class_release_sources(c->sources);
	free(c);
}
