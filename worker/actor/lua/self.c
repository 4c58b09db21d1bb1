/* Reading and assigning properties from Lua. */
#include "worker/actor/lua/self.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/nearest.h"
#include "worker/actor/lua/convert.h"
#include "worker/actor/lua/lua_class.h"

struct lua_run *self_run(lua_State *L, const char *what)
{
	if (lua_run_now == NULL)
		luaL_error(L, "%s works in methods only, not while the class file is loaded", what);
	return lua_run_now;
}

static struct lua_run *owner(lua_State *L)
{
	const void *self = lua_touserdata(L, 1);

	if (self == CONVERT_NULL)
		luaL_error(L, "attempt to index a null value");
	if (lua_run_now == NULL || self != lua_run_now->handle)
		luaL_error(L, "a self of another turn: an actor reaches its own properties only, in its own turns");
	return lua_run_now;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* A parameter's text: %XX is the byte it stands for. */
static void push_decoded(lua_State *L, struct bytes text)
{
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '%' && i + 2 < text.len) {
			luaL_addchar(&b, (char)(hex(text.data[i + 1]) << 4 | hex(text.data[i + 2])));
			i += 2;
		} else {
			luaL_addchar(&b, text.data[i]);
		}
	}
	luaL_pushresult(&b);
}

static void push_parameters(lua_State *L, const struct turn *t)
{
	struct bytes names[CLASS_PARAMETERS_MAX], values[CLASS_PARAMETERS_MAX];
	size_t count = 0;

	class_match(t->class, turn_address(t), &count, names, values);
	lua_createtable(L, 0, (int)count);
	for (size_t i = 0; i < count; i++) {
		lua_pushlstring(L, names[i].data, names[i].len);
		push_decoded(L, values[i]);
		lua_rawset(L, -3);
	}
}

struct guess {
	struct bytes word;
	const char *nearest;
	size_t distance;
};

static void consider(struct guess *g, const char *name)
{
	size_t distance = nearest_distance(g->word, bytes_of(name));

	if (distance < g->distance) {
		g->distance = distance;
		g->nearest = name;
	}
}

/* Raises an error for the key at 2, with the name that may have been meant: methods are
 * considered where reading could have meant one. */
static int unknown(lua_State *L, const struct class *c, bool methods)
{
	const char *what = methods ? "no property or method" : "no property";
	const char *use = methods ? "" : " to assign";
	struct guess g = { .nearest = NULL };

	if (lua_type(L, 2) != LUA_TSTRING)
		return luaL_error(L, "%s has %s of a %s%s", c->name, what, luaL_typename(L, 2), use);
	g.word.data = lua_tolstring(L, 2, &g.word.len);
	g.distance = nearest_limit(g.word);
	for (uint32_t i = 0; i < c->property_count; i++)
		consider(&g, c->properties[i].name);
	for (lua_pushnil(L); methods && lua_next(L, lua_upvalueindex(1)); lua_pop(L, 1))
		consider(&g, lua_tostring(L, -2));
	if (g.nearest)
		return luaL_error(L, "%s has %s '%s'%s (is it '%s'?)", c->name, what, g.word.data, use, g.nearest);
	return luaL_error(L, "%s has %s '%s'%s", c->name, what, g.word.data, use);
}

/* upvalue 1: the members of the class */
static int on_index(lua_State *L)
{
	struct lua_run *run = owner(L);
	const char *key;
	int type;

	lua_pushvalue(L, 2);
	type = lua_rawget(L, lua_upvalueindex(1));
	if (type == LUA_TNUMBER) /* properties are the numbers among the members */
		convert_push_value(L, turn_property(run->turn, (unsigned)lua_tointeger(L, 3)));
	if (type != LUA_TNIL)
		return 1;
	key = lua_tostring(L, 2);
	if (key && strcmp(key, "address") == 0) {
		struct bytes address = turn_address(run->turn);

		lua_pushlstring(L, address.data, address.len);
		return 1;
	}
	if (key && strcmp(key, "params") == 0) {
		push_parameters(L, run->turn);
		return 1;
	}
	return unknown(L, run->turn->class, true);
}

/* The value on top as a slot takes it. */
static int assign(lua_State *L, struct lua_run *run, unsigned index)
{
	static struct buffer packed; /* kept: a Lua error passes by without freeing */
	struct value v = { 0 };
	int r;

	if (lua_isinteger(L, 3)) {
		v = (struct value){ .type = VALUE_INT, .i = lua_tointeger(L, 3) };
	} else if (lua_isboolean(L, 3)) {
		v.type = lua_toboolean(L, 3) ? VALUE_TRUE : VALUE_FALSE;
	} else {
		buffer_clear(&packed);
		convert_write(L, 3, &packed);
		r = value_unpack(buffer_bytes(&packed), &v);
		if (r < 0)
			return r;
	}
	return turn_assign(run->turn, index, &v);
}

static int on_newindex(lua_State *L)
{
	struct lua_run *run = owner(L);
	const char *name;
	int r = 0;

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNUMBER)
		return unknown(L, run->turn->class, false);
	if (!lua_isnil(L, 3)) {
		r = assign(L, run, (unsigned)lua_tointeger(L, 4));
		if (r == 0)
			return 0;
	}
	name = lua_tostring(L, 2);
	if (lua_isnil(L, 3))
		return luaL_error(L, "property '%s' cannot be nil; stage.null says that there is no value", name);
	if (r == -EDOM && run->turn->class->properties[lua_tointeger(L, 4)].number == CLASS_INTEGER)
		return luaL_error(L, "property '%s' takes whole numbers as its default does", name);
	if (r == -EDOM)
		return luaL_error(L, "property '%s' takes reals as its default does, and none is this number", name);
	if (r == -EDQUOT)
		return luaL_error(L, "property '%s': the actor's properties would take more than [actors] stored", name);
	if (r == -ENOMEM)
		return luaL_error(L, "property '%s' cannot be assigned: the worker has no memory left ([workers] memory)", name);
	return luaL_error(L, "property '%s' cannot be assigned: %s", name, strerror(-r));
}

static int on_tostring(lua_State *L)
{
	if (lua_touserdata(L, 1) == CONVERT_NULL) {
		lua_pushliteral(L, "null");
	} else if (lua_run_now && lua_touserdata(L, 1) == lua_run_now->handle) {
		struct bytes address = turn_address(lua_run_now->turn);

		lua_pushlstring(L, address.data, address.len);
	} else {
		lua_pushliteral(L, "a self of another turn");
	}
	return 1;
}

void self_open(lua_State *L)
{
	struct lua_class *c = lua_class_of(L);

	lua_newtable(L); /* the members, filled when the class has been loaded */
	lua_pushvalue(L, -1);
	c->members = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushlightuserdata(L, CONVERT_NULL);
	lua_createtable(L, 0, 4);
	lua_pushvalue(L, -3);
	lua_pushcclosure(L, on_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushvalue(L, -3);
	lua_pushcclosure(L, on_newindex, 1);
	lua_setfield(L, -2, "__newindex");
	lua_pushcfunction(L, on_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushliteral(L, "self");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_pop(L, 2);
}
