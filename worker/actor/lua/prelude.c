/* sort and gsub: C looks at the arguments, Lua does what calls back. */
#include "worker/actor/lua/prelude.h"

#include <assert.h>
#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <stdbool.h>
#include <string.h>

#include "worker/actor/lua/pattern.h"

/*
 * The chunk takes the functions it calls, and returns sort and gsub. Level 3 of an error is
 * the script: 1 is the function here, 2 the C function which called it.
 *
 * sort works on a copy: runs of eight by insertion, then merges from a to b and back. The loops
 * of gsub follow those of pattern_gsub(); `pieces` go to `parts` by the thousand, so that no
 * call of concat takes long.
 */
const char prelude_source[] =
	"local find, sub, byte, concat, type, error = ...\n"
	"\n"
	"local function less(x, y) return x < y end\n"
	"\n"
	"local function sort_runs(a, n, lt)\n"
	"  for low = 1, n, 8 do\n"
	"    for i = low + 1, low + 7 < n and low + 7 or n do\n"
	"      local v, j = a[i], i - 1\n"
	"      while j >= low and lt(v, a[j]) do\n"
	"        a[j + 1] = a[j]\n"
	"        j = j - 1\n"
	"      end\n"
	"      a[j + 1] = v\n"
	"    end\n"
	"  end\n"
	"end\n"
	"\n"
	"local function merge(a, b, low, middle, high, lt)\n"
	"  local i, j = low, middle\n"
	"  if middle >= high or not lt(a[middle], a[middle - 1]) then j = high end\n"
	"  for k = low, high - 1 do\n"
	"    if j >= high and i < middle then b[k] = a[i] i = i + 1\n"
	"    elseif j >= high then b[k] = a[k]\n"
	"    elseif i >= middle or lt(a[j], a[i]) then b[k] = a[j] j = j + 1\n"
	"    else b[k] = a[i] i = i + 1 end\n"
	"  end\n"
	"end\n"
	"\n"
	"local function sort(t, lt, n)\n"
	"  local a, b, width = {}, {}, 8\n"
	"  lt = lt or less\n"
	"  for i = 1, n do a[i] = t[i] end\n"
	"  sort_runs(a, n, lt)\n"
	"  while width < n do\n"
	"    for low = 1, n, 2 * width do\n"
	"      local middle, high = low + width, low + 2 * width\n"
	"      if middle > n + 1 then middle = n + 1 end\n"
	"      if high > n + 1 then high = n + 1 end\n"
	"      merge(a, b, low, middle, high, lt)\n"
	"    end\n"
	"    a, b, width = b, a, 2 * width\n"
	"  end\n"
	"  for i = 1, n do t[i] = a[i] end\n"
	"end\n"
	"\n"
	"-- The match, and what f gives for it; not called for an empty match where the last ended.\n"
	"local function replace(f, s, last, first, final, ...)\n"
	"  if not first or final + 1 == last then return first, final, false end\n"
	"  local v\n"
	"  if ... then v = f(...) else v = f(sub(s, first, final)) end\n"
	"  return first, final, true, v\n"
	"end\n"
	"\n"
	"local function gsub(s, p, f, max)\n"
	"  local parts, pieces, k, n = {}, {}, 0, 0\n"
	"  local copied, from, last = 1, 1, nil\n"
	"  local anchored = byte(p) == 94\n"
	"  while n < max do\n"
	"    local first, final, called, v = replace(f, s, last, find(s, p, from))\n"
	"    if not first then break end\n"
	"    if called then\n"
	"      n = n + 1\n"
	"      if v then\n"
	"        local kind = type(v)\n"
	"        if kind ~= 'string' and kind ~= 'number' then\n"
	"          error('invalid replacement value (a ' .. kind .. ')', 3)\n"
	"        end\n"
	"        pieces[k + 1], pieces[k + 2] = sub(s, copied, first - 1), v\n"
	"        k, copied = k + 2, final + 1\n"
	"        if k == 1000 then parts[#parts + 1], k = concat(pieces, '', 1, k), 0 end\n"
	"      end\n"
	"      from, last = final + 1, final + 1\n"
	"    else\n"
	"      from = first + 1\n"
	"    end\n"
	"    if anchored then break end\n"
	"  end\n"
	"  if k == 0 and #parts == 0 then return s, n end\n"
	"  parts[#parts + 1] = concat(pieces, '', 1, k)\n"
	"  parts[#parts + 1] = sub(s, copied)\n"
	"  return concat(parts), n\n"
	"end\n"
	"\n"
	"return sort, gsub\n";

static int on_returned(lua_State *L, int status, lua_KContext context)
{
	(void)status;
	(void)context;
	return lua_gettop(L);
}

/* Calls the Lua function in the first upvalue with all of the stack: its results are ours. */
static int call_prelude(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, on_returned);
	return on_returned(L, LUA_OK, 0);
}

static int on_gsub(lua_State *L)
{
	lua_Integer max;
	size_t length;

	if (!lua_isfunction(L, 3))
		return pattern_gsub(L);
	luaL_checklstring(L, 1, &length);
	luaL_checkstring(L, 2);
	max = luaL_optinteger(L, 4, (lua_Integer)length + 1);
	lua_settop(L, 3);
	lua_pushinteger(L, max);
	return call_prelude(L);
}

/* Whether Lua's own sort is quick with the table at 1: it compares in C, so no element may
 * have code for that, or be long. */
static bool is_quick(lua_State *L, lua_Integer n)
{
	bool quick = n <= PRELUDE_SORT_STOCK_MAX && luaL_getmetafield(L, 1, "__index") == LUA_TNIL;

	for (lua_Integer i = 1; i <= n && quick; i++) {
		int type = lua_rawgeti(L, 1, i);

		if (type == LUA_TSTRING)
			quick = lua_rawlen(L, -1) <= PRELUDE_SORT_TEXT_MAX;
		else if (type != LUA_TNUMBER && lua_getmetatable(L, -1))
			quick = false;
		lua_settop(L, 2);
	}
	lua_settop(L, 2);
	return quick;
}

/* Lua's own runs in our frame, so that its errors name the script's line and "sort". */
static int on_sort(lua_State *L)
{
	lua_CFunction stock = lua_tocfunction(L, lua_upvalueindex(2));
	lua_Integer n;

	if (!lua_istable(L, 1) || !(lua_isnoneornil(L, 2) || lua_isfunction(L, 2)))
		return stock(L);
	lua_settop(L, 2);
	n = luaL_len(L, 1);
	if (lua_isnil(L, 2) && is_quick(L, n))
		return stock(L);
	if (n < 2)
		return 0;
	luaL_argcheck(L, n < INT_MAX, 1, "array too big");
	lua_pushinteger(L, n);
	return call_prelude(L);
}

/* --- Opening ----------------------------------------------------------------------------- */

struct code {
	size_t size;
	char bytes[8192];
};

static int on_code(lua_State *L, const void *bytes, size_t size, void *context)
{
	struct code *code = context;

	(void)L;
	assert(code->size + size <= sizeof(code->bytes));
	memcpy(code->bytes + code->size, bytes, size);
	code->size += size;
	return 0;
}

/*
 * Pushes the chunk. Stripped, its functions have no lines: as with C functions, an error raised
 * inside them begins with no position, and error(text, 2) in a callback adds none.
 */
static void load_stripped(lua_State *L)
{
	struct code code = { .size = 0 };

	if (luaL_loadbufferx(L, prelude_source, strlen(prelude_source), "=prelude", "t") != LUA_OK)
		lua_error(L);
	lua_dump(L, on_code, &code, 1);
	lua_pop(L, 1);
	if (luaL_loadbufferx(L, code.bytes, code.size, "=prelude", "b") != LUA_OK)
		lua_error(L);
}

/* What the chunk calls is not looked up in the globals: some are guarded, and have limits. */
static int on_open(lua_State *L)
{
	enum { STRING = 1, TABLE, STOCK_TABLE };

	lua_getglobal(L, "string");
	lua_getglobal(L, "table");
	lua_pushcfunction(L, luaopen_table);
	lua_call(L, 0, 1);
	load_stripped(L);
	lua_pushcfunction(L, pattern_find_for_gsub);
	lua_getfield(L, STRING, "sub");
	lua_getfield(L, STRING, "byte");
	lua_getfield(L, STOCK_TABLE, "concat");
	lua_getglobal(L, "type");
	lua_getglobal(L, "error");
	lua_call(L, 6, 2);
	lua_pushcclosure(L, on_gsub, 1);
	lua_setfield(L, STRING, "gsub");
	lua_getfield(L, STOCK_TABLE, "sort");
	lua_pushcclosure(L, on_sort, 2);
	lua_setfield(L, TABLE, "sort");
	return 0;
}

int prelude_open(lua_State *L)
{
	lua_pushcfunction(L, on_open);
	return lua_pcall(L, 0, 0, 0);
}
