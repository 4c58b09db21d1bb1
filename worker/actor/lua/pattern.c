/* The functions of the string library that take a pattern: find, match, gmatch and gsub. */
#include "worker/actor/lua/pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "worker/actor/lua/matcher.h"

#define MAGIC "^$*+?.([%-"

enum {
	REPLACED_PER_STEP = 32, /* bytes of a result that cost one step */

	/* gmatch's iterator: what it keeps. Offsets into the subject. */
	GMATCH_SUBJECT = lua_upvalueindex(1),
	GMATCH_PATTERN = lua_upvalueindex(2),
	GMATCH_NEXT = lua_upvalueindex(3),
	GMATCH_LAST = lua_upvalueindex(4), /* where the last match ended; -1: there was none */
};

/* The offset that a script's init means, from 0; it may lie behind the end. */
static size_t offset_of(lua_Integer init, size_t length)
{
	if (init > 0)
		return (size_t)init - 1;
	if (init == 0 || init < -(lua_Integer)length)
		return 0;
	return length + (size_t)init;
}

/* Is it text that matches itself? A malformed ')' is so to find, which does not notice it. */
static bool is_plain(const struct matcher *m, const char *magic)
{
	for (const char *p = m->pattern; p < m->pattern_end; p++)
		if (*p && strchr(magic, *p))
			return false;
	return true;
}

/* Pushes capture i of the match [s, end); without captures, the whole match is the first. */
static void push_capture(struct matcher *m, int i, const char *s, const char *end)
{
	if (i >= m->level) {
		if (i > 0)
			matcher_fail(m, "invalid capture index %%%d", i + 1);
		lua_pushlstring(m->L, s, (size_t)(end - s));
	} else if (m->capture[i].length == MATCHER_OPEN) {
		matcher_fail(m, "unfinished capture");
	} else if (m->capture[i].length == MATCHER_POSITION) {
		lua_pushinteger(m->L, m->capture[i].start - m->subject + 1);
	} else {
		lua_pushlstring(m->L, m->capture[i].start, (size_t)m->capture[i].length);
	}
}

static int push_captures(struct matcher *m, bool whole_if_none, const char *s, const char *end)
{
	int n = m->level == 0 && whole_if_none ? 1 : m->level;

	luaL_checkstack(m->L, n, "too many captures");
	for (int i = 0; i < n; i++)
		push_capture(m, i, s, end);
	return n;
}

/* --- find and match ---------------------------------------------------------------------- */

static int find_plain(struct matcher *m, const char *s)
{
	size_t length = (size_t)(m->pattern_end - m->pattern);
	const char *found = memmem(s, (size_t)(m->subject_end - s), m->pattern, length);

	if (!found) {
		luaL_pushfail(m->L);
		return 1;
	}
	lua_pushinteger(m->L, found - m->subject + 1);
	lua_pushinteger(m->L, found - m->subject + (lua_Integer)length);
	return 2;
}

/* magic: the characters without which find looks for the text as it is; NULL: this is match. */
static int search(lua_State *L, const char *magic, int blame)
{
	struct matcher m;
	const char *s, *end, *p;
	size_t length, init;
	bool anchored;

	matcher_init(&m, L, 1, 2, blame);
	length = (size_t)(m.subject_end - m.subject);
	init = offset_of(luaL_optinteger(L, 3, 1), length);
	if (init > length) {
		luaL_pushfail(L);
		return 1;
	}
	s = m.subject + init;
	if (magic && (lua_toboolean(L, 4) || is_plain(&m, magic)))
		return find_plain(&m, s);
	anchored = *m.pattern == '^';
	p = m.pattern + anchored;
	do {
		end = matcher_match(&m, s, p);
		if (end && magic) {
			lua_pushinteger(L, s - m.subject + 1);
			lua_pushinteger(L, end - m.subject);
			return push_captures(&m, false, s, end) + 2;
		}
		if (end)
			return push_captures(&m, true, s, end);
	} while (s++ < m.subject_end && !anchored);
	luaL_pushfail(L);
	return 1;
}

static int on_find(lua_State *L)
{
	return search(L, MAGIC, 1);
}

static int on_match(lua_State *L)
{
	return search(L, NULL, 1);
}

int pattern_find_for_gsub(lua_State *L)
{
	return search(L, MAGIC ")", 3);
}

/* --- gmatch ------------------------------------------------------------------------------ */

static void keep_offset(lua_State *L, int upvalue, ptrdiff_t offset)
{
	lua_pushinteger(L, offset);
	lua_replace(L, upvalue);
}

static int on_gmatch_next(lua_State *L)
{
	struct matcher m;
	const char *s, *end, *last;

	matcher_init(&m, L, GMATCH_SUBJECT, GMATCH_PATTERN, 1);
	s = m.subject + lua_tointeger(L, GMATCH_NEXT);
	last = lua_tointeger(L, GMATCH_LAST) < 0 ? NULL
	                                         : m.subject + lua_tointeger(L, GMATCH_LAST);
	for (; s <= m.subject_end; s++) {
		end = matcher_match(&m, s, m.pattern);
		if (end && end != last) {
			keep_offset(L, GMATCH_NEXT, end - m.subject);
			keep_offset(L, GMATCH_LAST, end - m.subject);
			return push_captures(&m, true, s, end);
		}
	}
	return 0;
}

static int on_gmatch(lua_State *L)
{
	size_t length, init;

	luaL_checklstring(L, 1, &length);
	luaL_checkstring(L, 2);
	init = offset_of(luaL_optinteger(L, 3, 1), length);
	lua_settop(L, 2);
	lua_pushinteger(L, init > length ? (lua_Integer)length + 1 : (lua_Integer)init);
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, on_gmatch_next, 4);
	return 1;
}

/* --- gsub -------------------------------------------------------------------------------- */

/* Adds the replacement string at index 3, with the captures that its %0 to %9 name. */
static void add_string(struct matcher *m, luaL_Buffer *b, const char *s, const char *end)
{
	size_t length;
	const char *r = lua_tolstring(m->L, 3, &length), *r_end = r + length, *percent;

	matcher_spend(m, length / REPLACED_PER_STEP);
	while ((percent = memchr(r, '%', (size_t)(r_end - r))) != NULL) {
		luaL_addlstring(b, r, (size_t)(percent - r));
		r = percent + 1;
		if (*r == '%') {
			luaL_addchar(b, '%');
		} else if (*r == '0') {
			matcher_spend(m, (size_t)(end - s) / REPLACED_PER_STEP + 1);
			luaL_addlstring(b, s, (size_t)(end - s));
		} else if (isdigit((unsigned char)*r)) {
			push_capture(m, *r - '1', s, end);
			matcher_spend(m, lua_rawlen(m->L, -1) / REPLACED_PER_STEP + 1);
			luaL_addvalue(b);
		} else {
			matcher_fail(m, "invalid use of '%c' in replacement string", '%');
		}
		r++;
	}
	luaL_addlstring(b, r, (size_t)(r_end - r));
}

/* Adds what the table at index 3 has for the first capture. false: nothing, the text stays. */
static bool add_field(struct matcher *m, luaL_Buffer *b, const char *s, const char *end)
{
	push_capture(m, 0, s, end);
	lua_gettable(m->L, 3);
	if (!lua_toboolean(m->L, -1)) {
		lua_pop(m->L, 1);
		luaL_addlstring(b, s, (size_t)(end - s));
		return false;
	}
	if (!lua_isstring(m->L, -1))
		matcher_fail(m, "invalid replacement value (a %s)", luaL_typename(m->L, -1));
	matcher_spend(m, lua_rawlen(m->L, -1) / REPLACED_PER_STEP);
	luaL_addvalue(b);
	return true;
}

int pattern_gsub(lua_State *L)
{
	struct matcher m;
	luaL_Buffer b;
	const char *s, *end, *last = NULL, *p;
	lua_Integer n = 0, max;
	int type = lua_type(L, 3);
	bool anchored, changed = false;

	matcher_init(&m, L, 1, 2, 1);
	max = luaL_optinteger(L, 4, m.subject_end - m.subject + 1);
	luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE, 3,
	                 "string/function/table");
	anchored = *m.pattern == '^';
	p = m.pattern + anchored;
	s = m.subject;
	luaL_buffinit(L, &b);
	while (n < max) {
		end = matcher_match(&m, s, p);
		if (end && end != last) {
			n++;
			if (type == LUA_TTABLE) {
				changed |= add_field(&m, &b, s, end);
			} else {
				add_string(&m, &b, s, end);
				changed = true;
			}
			s = last = end;
		} else if (s < m.subject_end) {
			luaL_addchar(&b, *s++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	if (changed) {
		luaL_addlstring(&b, s, (size_t)(m.subject_end - s));
		luaL_pushresult(&b);
	} else {
		lua_pushvalue(L, 1);
	}
	lua_pushinteger(L, n);
	return 2;
}

void pattern_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "find", on_find },
		{ "match", on_match },
		{ "gmatch", on_gmatch },
		{ "gsub", pattern_gsub },
		{ NULL, NULL },
	};

	luaL_setfuncs(L, functions, 0);
}
