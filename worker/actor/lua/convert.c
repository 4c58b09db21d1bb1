/* msgpack to Lua and back. */
#include "worker/actor/lua/convert.h"

#include <lauxlib.h>
#include <math.h>
#include <msgpuck.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/msgpack.h"
#include "proto/utf8.h"

static char array_key; /* registry: the metatable that marks arrays */

void convert_open(lua_State *L)
{
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "array");
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

void convert_mark_array(lua_State *L, int index)
{
	index = lua_absindex(L, index);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
	lua_setmetatable(L, index);
}

static bool is_marked(lua_State *L, int index)
{
	bool marked;

	if (!lua_getmetatable(L, index))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
	marked = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return marked;
}

/* --- to Lua; what comes has been checked when it entered the server --- */

static void push(lua_State *L, const char **at)
{
	uint32_t n, length;
	const char *text;

	luaL_checkstack(L, 4, "nested too deep");
	switch (mp_typeof(**at)) {
	case MP_BOOL:
		lua_pushboolean(L, mp_decode_bool(at));
		break;
	case MP_UINT:
		lua_pushinteger(L, (lua_Integer)mp_decode_uint(at));
		break;
	case MP_INT:
		lua_pushinteger(L, mp_decode_int(at));
		break;
	case MP_DOUBLE:
		lua_pushnumber(L, mp_decode_double(at));
		break;
	case MP_STR:
		text = mp_decode_str(at, &length);
		lua_pushlstring(L, text, length);
		break;
	case MP_ARRAY:
		n = mp_decode_array(at);
		lua_createtable(L, (int)n, 0);
		if (n == 0)
			convert_mark_array(L, -1);
		for (uint32_t i = 1; i <= n; i++) {
			push(L, at);
			lua_rawseti(L, -2, i);
		}
		break;
	case MP_MAP:
		n = mp_decode_map(at);
		lua_createtable(L, 0, (int)n);
		for (uint32_t i = 0; i < n; i++) {
			push(L, at);
			push(L, at);
			lua_rawset(L, -3);
		}
		break;
	default:
		mp_next(at);
		lua_pushlightuserdata(L, CONVERT_NULL);
	}
}

void convert_push(lua_State *L, struct bytes msgpack)
{
	const char *at = msgpack.data;

	if (msgpack.len == 0)
		lua_pushlightuserdata(L, CONVERT_NULL);
	else
		push(L, &at);
}

void convert_push_value(lua_State *L, const struct value *v)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		lua_pushlightuserdata(L, CONVERT_NULL);
		break;
	case VALUE_FALSE:
	case VALUE_TRUE:
		lua_pushboolean(L, v->type == VALUE_TRUE);
		break;
	case VALUE_INT:
		lua_pushinteger(L, v->i);
		break;
	case VALUE_REAL:
		lua_pushnumber(L, v->real);
		break;
	case VALUE_PACKED:
		convert_push(L, (struct bytes){ v->packed, v->len });
		break;
	}
}

/* --- from Lua --- */

static void write_value(lua_State *L, int index, struct buffer *out, unsigned depth);

static void write_text(lua_State *L, int index, struct buffer *out)
{
	size_t length;
	const char *text = lua_tolstring(L, index, &length);

	if (!utf8_valid((struct bytes){ text, length }))
		luaL_error(L, "a string that is not UTF-8 cannot be kept or sent");
	msgpack_write_str(out, (struct bytes){ text, length });
}

static void write_array(lua_State *L, int index, lua_Unsigned n, struct buffer *out, unsigned depth)
{
	msgpack_write_array(out, (uint32_t)n);
	for (lua_Unsigned i = 1; i <= n; i++) {
		lua_rawgeti(L, index, (lua_Integer)i);
		write_value(L, lua_gettop(L), out, depth + 1);
		lua_pop(L, 1);
	}
}

static int compare_keys(const void *left, const void *right)
{
	const struct bytes *a = left, *b = right;
	int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static size_t count_keys(lua_State *L, int index)
{
	size_t n = 0;

	lua_pushnil(L);
	while (lua_next(L, index)) {
		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "a table has the key %s: keys are either all strings, or 1 to n without a gap",
			           luaL_tolstring(L, -1, NULL));
		n++;
	}
	return n;
}

/* The keys, sorted so that equal tables are written alike, in a block that is pushed. The
 * strings are the table's own. */
static struct bytes *push_sorted_keys(lua_State *L, int index, size_t n)
{
	struct bytes *keys = lua_newuserdatauv(L, (n + 1) * sizeof(*keys), 0);
	size_t at = 0;

	lua_pushnil(L);
	while (lua_next(L, index)) {
		lua_pop(L, 1);
		keys[at].data = lua_tolstring(L, -1, &keys[at].len);
		at++;
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	return keys;
}

static void write_map(lua_State *L, int index, struct buffer *out, unsigned depth)
{
	size_t n = count_keys(L, index);
	struct bytes *keys = push_sorted_keys(L, index, n);

	msgpack_write_map(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		lua_pushlstring(L, keys[i].data, keys[i].len);
		write_text(L, -1, out);
		lua_rawget(L, index);
		write_value(L, lua_gettop(L), out, depth + 1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static void write_table(lua_State *L, int index, struct buffer *out, unsigned depth)
{
	lua_Unsigned n = lua_rawlen(L, index);
	bool marked = is_marked(L, index);

	if (depth >= JSON_DEPTH_MAX)
		luaL_error(L, "a table is nested deeper than 64 levels, or contains itself");
	luaL_checkstack(L, 8, "nested too deep");
	if (n > 0) {
		/* An array has nothing behind its last element. */
		lua_pushinteger(L, (lua_Integer)n);
		if (lua_next(L, index)) {
			lua_pop(L, 2);
			n = 0;
		}
	}
	if (n > 0 || marked)
		write_array(L, index, n, out, depth);
	else
		write_map(L, index, out, depth);
}

static void write_number(lua_State *L, int index, struct buffer *out)
{
	lua_Number real;

	if (lua_isinteger(L, index)) {
		msgpack_write_int(out, lua_tointeger(L, index));
		return;
	}
	real = lua_tonumber(L, index);
	if (!isfinite(real))
		luaL_error(L, "NaN and infinities cannot be kept or sent");
	msgpack_write_real(out, real);
}

static void write_value(lua_State *L, int index, struct buffer *out, unsigned depth)
{
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		msgpack_write_nil(out);
		break;
	case LUA_TBOOLEAN:
		msgpack_write_bool(out, lua_toboolean(L, index));
		break;
	case LUA_TNUMBER:
		write_number(L, index, out);
		break;
	case LUA_TSTRING:
		write_text(L, index, out);
		break;
	case LUA_TTABLE:
		write_table(L, index, out, depth);
		break;
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(L, index) == CONVERT_NULL) {
			msgpack_write_nil(out);
			break;
		}
		luaL_error(L, "self cannot be kept or sent; its address can");
		break;
	default:
		luaL_error(L, "a %s cannot be kept or sent", luaL_typename(L, index));
	}
}

void convert_write(lua_State *L, int index, struct buffer *out)
{
	write_value(L, lua_absindex(L, index), out, 0);
}
