/* msgpack to Lua and back: recursive, as deep as JSON may be. */
#include "worker/actor/lua/convert.h"

#include <lauxlib.h>
#include <math.h>
#include <msgpuck.h>
#include <stdarg.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/msgpack.h"
#include "proto/utf8.h"
#include "worker/actor/lua/mark.h"

#define TABLE_CHARGE 32 /* bytes: a value of 65,536 tables is as large as any may be */

static char array_mark;

void convert_open(lua_State *L)
{
	mark_new(L, &array_mark, "array");
	lua_pop(L, 1);
}

void convert_mark_array(lua_State *L, int index)
{
	mark_set(L, index, &array_mark);
}

bool convert_is_array(lua_State *L, int index)
{
	return mark_has(L, index, &array_mark);
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
		convert_mark_array(L, -1); /* it may lose its last element */
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

bool convert_push_plain(lua_State *L, struct bytes msgpack)
{
	enum mp_type type = msgpack.len ? mp_typeof(*msgpack.data) : MP_NIL;

	if (type == MP_STR || type == MP_ARRAY || type == MP_MAP)
		return false;
	convert_push(L, msgpack);
	return true;
}

/* --- from Lua --- */

/* Where in the value we are: a name, or a place in a list. */
struct place {
	struct bytes name; /* the table's own; data NULL: index */
	lua_Integer index;
};

struct writer {
	lua_State *L;
	struct buffer *out;
	size_t end;     /* what out may grow to */
	size_t charged; /* for the tables looked at: empty ones take time too */
	unsigned depth;
	struct place places[JSON_DEPTH_MAX];
};

static void write_value(struct writer *w, int index);

/* `a.b[2]: what is wrong there` */
static void wrong(struct writer *w, const char *format, ...)
{
	lua_State *L = w->L;
	va_list arguments;
	luaL_Buffer text;

	luaL_checkstack(L, 8, "nested too deep");
	va_start(arguments, format);
	lua_pushvfstring(L, format, arguments);
	va_end(arguments);
	luaL_where(L, 1);
	luaL_buffinit(L, &text);
	for (unsigned i = 0; i < w->depth; i++) {
		const struct place *p = &w->places[i];

		if (p->name.data)
			lua_pushfstring(L, i ? ".%s" : "%s", p->name.data);
		else
			lua_pushfstring(L, "[%I]", (LUAI_UACINT)p->index);
		luaL_addvalue(&text);
	}
	if (w->depth > 0)
		luaL_addstring(&text, ": ");
	luaL_pushresult(&text);
	lua_rotate(L, -3, -1); /* where, path, message */
	lua_concat(L, 3);
	lua_error(L);
}

static void write_text(struct writer *w, int index)
{
	size_t length;
	const char *text = lua_tolstring(w->L, index, &length);

	if (!utf8_valid((struct bytes){ text, length }))
		wrong(w, "a string that is not UTF-8 cannot be kept or sent");
	if (buffer_length(w->out) + w->charged + length > w->end)
		wrong(w, "a value takes more than 2 MB");
	msgpack_write_str(w->out, (struct bytes){ text, length });
}

static void write_array(struct writer *w, int index, lua_Unsigned n)
{
	struct place *p = &w->places[w->depth++];

	msgpack_write_array(w->out, (uint32_t)n);
	for (lua_Unsigned i = 1; i <= n; i++) {
		*p = (struct place){ .index = (lua_Integer)i };
		lua_rawgeti(w->L, index, (lua_Integer)i);
		write_value(w, lua_gettop(w->L));
		lua_pop(w->L, 1);
	}
	w->depth--;
}

static int compare_keys(const void *left, const void *right)
{
	const struct bytes *a = left, *b = right;
	int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* The keys, sorted, in a block that is pushed. The strings are the table's own. */
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

static void write_map(struct writer *w, int index, size_t n)
{
	lua_State *L = w->L;
	struct bytes *keys = push_sorted_keys(L, index, n);

	msgpack_write_map(w->out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		lua_pushlstring(L, keys[i].data, keys[i].len);
		write_text(w, lua_gettop(L));
		w->places[w->depth++] = (struct place){ .name = keys[i] };
		lua_rawget(L, index);
		write_value(w, lua_gettop(L));
		lua_pop(L, 1);
		w->depth--;
	}
	lua_pop(L, 1);
}

/* A table's keys are all names, or 1 to n: the whole table is looked at, since its border
 * says little about either. */
static size_t count_keys(struct writer *w, int index, bool *ret_list)
{
	lua_State *L = w->L;
	lua_Unsigned n = lua_rawlen(L, index);
	size_t names = 0, numbers = 0;

	lua_pushnil(L);
	while (lua_next(L, index)) {
		lua_Integer i = 0;

		lua_pop(L, 1);
		if (lua_type(L, -1) == LUA_TSTRING)
			names++;
		else if (!lua_isinteger(L, -1))
			wrong(w, "a %s as a key: keys are names, or 1 to n", luaL_typename(L, -1));
		else if ((i = lua_tointeger(L, -1)) < 1 || (lua_Unsigned)i > n)
			wrong(w, "the key %I: a list's keys are 1 to n without a gap (stage.null fills one)", (LUAI_UACINT)i);
		else
			numbers++;
	}
	if (names > 0 && (numbers > 0 || convert_is_array(L, index)))
		wrong(w, "a list that has names as keys too");
	if (numbers != n)
		wrong(w, "a list's keys are 1 to n without a gap (stage.null fills one)");
	*ret_list = numbers > 0 || (names == 0 && convert_is_array(L, index));
	return names + numbers;
}

static void write_table(struct writer *w, int index)
{
	bool list;
	size_t n;

	if (w->depth >= JSON_DEPTH_MAX) {
		w->depth = 0;
		wrong(w, "a table is nested deeper than 64 levels, or contains itself");
	}
	luaL_checkstack(w->L, 8, "nested too deep");
	w->charged += TABLE_CHARGE;
	n = count_keys(w, index, &list);
	if (list)
		write_array(w, index, n);
	else
		write_map(w, index, n);
}

static void write_number(struct writer *w, int index)
{
	lua_Number real;

	if (lua_isinteger(w->L, index)) {
		msgpack_write_int(w->out, lua_tointeger(w->L, index));
		return;
	}
	real = lua_tonumber(w->L, index);
	if (!isfinite(real))
		wrong(w, "NaN and infinities cannot be kept or sent");
	msgpack_write_real(w->out, real);
}

static void write_value(struct writer *w, int index)
{
	lua_State *L = w->L;

	if (buffer_length(w->out) + w->charged > w->end)
		wrong(w, "a value takes more than 2 MB");
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		msgpack_write_nil(w->out);
		break;
	case LUA_TBOOLEAN:
		msgpack_write_bool(w->out, lua_toboolean(L, index));
		break;
	case LUA_TNUMBER:
		write_number(w, index);
		break;
	case LUA_TSTRING:
		write_text(w, index);
		break;
	case LUA_TTABLE:
		write_table(w, index);
		break;
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(L, index) != CONVERT_NULL)
			wrong(w, "self cannot be kept or sent; its address can");
		msgpack_write_nil(w->out);
		break;
	default:
		wrong(w, "a %s cannot be kept or sent", luaL_typename(L, index));
	}
}

static void writer_init(struct writer *w, lua_State *L, struct buffer *out)
{
	w->L = L;
	w->out = out;
	w->end = buffer_length(out) + CONVERT_SIZE_MAX;
	w->depth = 0;
	w->charged = 0;
}

void convert_write(lua_State *L, int index, struct buffer *out)
{
	struct writer w;

	writer_init(&w, L, out);
	write_value(&w, lua_absindex(L, index));
}

bool convert_is_plain(lua_State *L, int index)
{
	int type = lua_type(L, index);

	return type == LUA_TNIL || type == LUA_TBOOLEAN || (type == LUA_TNUMBER && lua_isinteger(L, index)) ||
	       (type == LUA_TNUMBER && isfinite(lua_tonumber(L, index)));
}

void convert_write_list(lua_State *L, int first, struct buffer *out)
{
	int top = lua_gettop(L);
	struct writer w;

	writer_init(&w, L, out);
	msgpack_write_array(out, (uint32_t)(top >= first ? top - first + 1 : 0));
	for (int i = first; i <= top; i++)
		write_value(&w, i);
}
