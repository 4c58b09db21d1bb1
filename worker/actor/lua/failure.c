/* Errors between Lua and the outside. */
#include "worker/actor/lua/failure.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "proto/utf8.h"
#include "worker/actor/lua/convert.h"
#include "worker/actor/lua/mark.h"

static char error_mark;

/* --- raising --- */

static noreturn void raise(lua_State *L)
{
	mark_set(L, -1, &error_mark);
	lua_error(L);
	abort(); /* lua_error() does not return, but is not declared so */
}

/* Copies what has a name in the table at index `from` into the one on top; true where that
 * was all of it. */
static bool copy_fields(lua_State *L, int from)
{
	bool all = true;

	for (lua_pushnil(L); lua_next(L, from); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING) {
			all = false;
			continue;
		}
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		lua_rawset(L, -5);
	}
	return all;
}

/* Now, where the line is known, and not when the error has come out of the turn. */
static void check_can_be_sent(lua_State *L, int index)
{
	static struct buffer scratch; /* kept: a Lua error passes by without freeing */

	buffer_clear(&scratch);
	convert_write(L, index, &scratch);
}

/* The object is the actor's own: its details stand beside its code. */
int failure_on_error(lua_State *L)
{
	size_t length;

	luaL_checklstring(L, 1, &length);
	luaL_argcheck(L, length > 0 && length <= FAILURE_CODE_MAX, 1, "a code is 1 to 64 bytes");
	luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_istable(L, 2) || lua_isstring(L, 2), 2, "table or string");
	lua_settop(L, 2);
	lua_newtable(L);
	if (lua_istable(L, 2)) {
		if (!copy_fields(L, 2))
			return luaL_error(L, "the details of an error are a table with names as keys");
	} else if (!lua_isnil(L, 2)) {
		lua_pushvalue(L, 2);
		lua_tostring(L, -1);
		lua_setfield(L, 3, "message");
	}
	lua_pushvalue(L, 1);
	lua_tostring(L, -1);
	lua_setfield(L, 3, "code");
	check_can_be_sent(L, 3);
	raise(L);
}

void failure_raise(lua_State *L, enum error_code code, struct bytes payload, const char *why)
{
	int at = lua_gettop(L) + 1;

	if (payload.len > 0)
		convert_push(L, payload);
	else
		lua_pushnil(L);
	lua_newtable(L);
	if (lua_istable(L, at))
		copy_fields(L, at);
	if (code != ERROR_APP || lua_getfield(L, -1, "code") != LUA_TSTRING) {
		lua_settop(L, at + 1);
		lua_pushstring(L, error_rows[code].name);
		lua_setfield(L, -2, "code");
		lua_pushstring(L, why ? why : error_rows[code].help);
		lua_setfield(L, -2, "message");
	}
	lua_settop(L, at + 1);
	raise(L);
}

/* --- telling --- */

static int on_tostring(lua_State *L)
{
	lua_settop(L, 1);
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_pushliteral(L, "code");
	lua_rawget(L, 1);
	lua_pushliteral(L, "message");
	lua_rawget(L, 1);
	if (!lua_isstring(L, 2))
		lua_pushliteral(L, "error");
	else if (!lua_isstring(L, 3))
		lua_pushvalue(L, 2);
	else
		lua_pushfstring(L, "%s: %s", lua_tostring(L, 2), lua_tostring(L, 3));
	return 1;
}

bool failure_write(lua_State *L, int index, struct buffer *out)
{
	bool has_code;

	if (!mark_has(L, index, &error_mark))
		return false;
	index = lua_absindex(L, index);
	lua_pushliteral(L, "code");
	lua_rawget(L, index);
	has_code = lua_type(L, -1) == LUA_TSTRING;
	lua_pop(L, 1);
	if (has_code)
		convert_write(L, index, out);
	return has_code;
}

static void append_utf8(struct buffer *out, struct bytes text)
{
	size_t end = buffer_length(out) + FAILURE_TEXT_MAX;

	while (text.len > 0) {
		size_t n = utf8_sequence(text);

		if (buffer_length(out) + 4 > end) {
			buffer_append_text(out, "…");
			return;
		}
		if (n > 0)
			buffer_append(out, text.data, n);
		else
			buffer_append_text(out, "\xef\xbf\xbd");
		text.data += n > 0 ? n : 1;
		text.len -= n > 0 ? n : 1;
	}
}

void failure_text(lua_State *L, int index, struct buffer *out)
{
	size_t length;
	const char *text;

	switch (lua_type(L, index)) {
	case LUA_TNIL:
		buffer_append_text(out, "nil");
		return;
	case LUA_TBOOLEAN:
		buffer_append_text(out, lua_toboolean(L, index) ? "true" : "false");
		return;
	case LUA_TSTRING:
	case LUA_TNUMBER:
		lua_pushvalue(L, index);
		text = lua_tolstring(L, -1, &length);
		append_utf8(out, (struct bytes){ text, length });
		lua_pop(L, 1);
		return;
	default:
		buffer_printf(out, "an error object (a %s)", luaL_typename(L, index));
	}
}

void failure_open(lua_State *L)
{
	mark_new(L, &error_mark, "error");
	lua_pushcfunction(L, on_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pop(L, 1);
}
