/* Patterns, sort and gsub do in an actor what they do in Lua, but for what takes too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "tests/unit/lua_pattern/cases.h"
#include "worker/actor/lua/pattern.h"
#include "worker/actor/lua/prelude.h"

enum { RANDOM_PAIRS = 20000 };

#ifdef STAGE_SANITIZED
enum { BOMB_MS_MAX = 500 };
#else
enum { BOMB_MS_MAX = 50 };
#endif

/* Both states run this first: run(code) is a text of all that the code returns or raises. */
static const char helpers[] =
	"local function show(...)\n"
	"  local shown = {}\n"
	"  for i = 1, select('#', ...) do\n"
	"    local v = select(i, ...)\n"
	"    local plain = type(v) ~= 'function' and type(v) ~= 'table'\n"
	"    shown[i] = plain and type(v) .. ' ' .. tostring(v) or type(v)\n"
	"  end\n"
	"  return table.concat(shown, ', ')\n"
	"end\n"
	"function all(...)\n"
	"  local found, next = {}, ...\n"
	"  for a, b in next do found[#found + 1] = show(a, b) if #found > 99 then break end end\n"
	"  return table.concat(found, '; ')\n"
	"end\n"
	"function run(code)\n"
	"  local f = assert(load(code, '=case'))\n"
	"  return show(pcall(f))\n"
	"end\n"
	"local function call(f, ...) return show(pcall(f, ...)) end\n"
	"local function wrapped(...) return '<' .. select('#', ...) .. ... .. '>' end\n"
	"function pair(s, p, r, i)\n"
	"  return table.concat({ call(string.find, s, p, i), call(string.match, s, p, i),\n"
	"    call(all, string.gmatch(s, p, i)), call(string.gsub, s, p, r), call(string.gsub, s, p, r, 2),\n"
	"    call(string.gsub, s, p, wrapped), call(string.gsub, s, p, { a = 'x', ab = 1, b = false, [2] = '2' }) }, '\\n')\n"
	"end\n";

struct states {
	lua_State *stock;
	lua_State *ours;
};

static lua_State *state_new(void)
{
	lua_State *L = luaL_newstate();

	assert_non_null(L);
	luaL_openlibs(L);
	return L;
}

static int setup(void **state)
{
	static struct states states;

	states.stock = state_new();
	states.ours = state_new();
	lua_getglobal(states.ours, "string");
	pattern_open(states.ours);
	assert_int_equal(lua_gettop(states.ours), 1);
	lua_pop(states.ours, 1);
	assert_int_equal(prelude_open(states.ours), LUA_OK);
	assert_int_equal(luaL_dostring(states.stock, helpers), LUA_OK);
	assert_int_equal(luaL_dostring(states.ours, helpers), LUA_OK);
	*state = &states;
	return 0;
}

static int teardown(void **state)
{
	struct states *states = *state;

	lua_close(states->stock);
	lua_close(states->ours);
	return 0;
}

/* What run(code) says; it lives until the stack is cleared. */
static const char *outcome(lua_State *L, const char *code)
{
	lua_settop(L, 0);
	lua_getglobal(L, "run");
	lua_pushstring(L, code);
	if (lua_pcall(L, 1, 1, 0) != LUA_OK)
		fail_msg("%s: %s", code, lua_tostring(L, -1));
	return lua_tostring(L, -1);
}

static void assert_same(struct states *states, const char *code)
{
	const char *stock = outcome(states->stock, code), *ours = outcome(states->ours, code);

	if (strcmp(stock, ours) != 0)
		fail_msg("%s\n  Lua:   %s\n  Stage: %s", code, stock, ours);
}

static void assert_says(struct states *states, const char *code, const char *text)
{
	const char *ours = outcome(states->ours, code);

	if (!strstr(ours, text))
		fail_msg("%s\n  expected: %s\n  got: %s", code, text, ours);
}

/* --- Compared with Lua ------------------------------------------------------------------- */

static void every_case_gives_what_lua_gives(void **state)
{
	char code[512];

	assert_true(cases_size >= 150);
	for (size_t i = 0; i < cases_size; i++) {
		snprintf(code, sizeof(code), "return %s", cases[i]);
		assert_same(*state, code);
		snprintf(code, sizeof(code), "local a, b, c = %s\nreturn a, b, c", cases[i]);
		assert_same(*state, code);
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void push_random(lua_State *L, uint32_t *seed, const char *alphabet, size_t max)
{
	char text[16];
	size_t length = next_random(seed) % (max + 1);

	for (size_t i = 0; i < length; i++)
		text[i] = alphabet[next_random(seed) % strlen(alphabet)];
	lua_pushlstring(L, text, length);
}

static const char *random_outcome(lua_State *L, uint32_t seed)
{
	lua_settop(L, 0);
	lua_getglobal(L, "pair");
	push_random(L, &seed, "aab(b]-a1 ", 12);
	push_random(L, &seed, "aabb..*+?--()()[]]^$%%%%bf12adz1", 9);
	push_random(L, &seed, "ab%%012", 4);
	lua_pushinteger(L, (lua_Integer)(next_random(&seed) % 6) - 2);
	if (lua_pcall(L, 4, 1, 0) != LUA_OK)
		fail_msg("seed %u: %s", seed, lua_tostring(L, -1));
	return lua_tostring(L, -1);
}

static void random_patterns_give_what_lua_gives(void **state)
{
	struct states *states = *state;
	uint32_t seed = 20240229;

	for (int i = 0; i < RANDOM_PAIRS; i++) {
		const char *stock = random_outcome(states->stock, next_random(&seed));
		const char *ours = random_outcome(states->ours, seed);

		if (strcmp(stock, ours) != 0)
			fail_msg("pair %d, seed %u\nLua:\n%s\nStage:\n%s", i, seed, stock, ours);
	}
}

/* --- The budget -------------------------------------------------------------------------- */

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void a_pattern_bomb_is_stopped_in_time(void **state)
{
	static const char *const bombs[] = {
		"return string.find(('a'):rep(3000), ('a*'):rep(9) .. 'b')",
		"return string.match(('a'):rep(3000), ('a-'):rep(9) .. 'b')",
		"return string.gsub(('a'):rep(3000), ('a*'):rep(9) .. 'b', '')",
		"return string.gsub(('a'):rep(3000), ('a*'):rep(9) .. 'b', string.upper)",
		"return string.gmatch(('a'):rep(3000), ('a*'):rep(9) .. 'b')()",
		"return string.find(('('):rep(100000), '%b()')",
		"return string.find(('a'):rep(100000), 'a*b')",
		"return string.find(('a'):rep(100000), 'a-b')",
		"return string.find(('a'):rep(100000), '(a+)%1%1b')",
		"return string.find(('a'):rep(1000), '[' .. ('b'):rep(100000) .. ']')",
		"return string.gsub(('a'):rep(100000), '.', ('x'):rep(1000))",
		"return string.gsub(('a'):rep(20000), 'a', { a = ('x'):rep(1000) })",
		"return string.find(('a'):rep(1000), ('x?'):rep(500000))",
	};

	for (size_t i = 0; i < sizeof(bombs) / sizeof(*bombs); i++) {
		double began = cpu_ms(), took;

		assert_says(*state, bombs[i], "case:1: pattern takes too long");
		took = cpu_ms() - began;
		if (took > BOMB_MS_MAX)
			fail_msg("%s: %.1f ms", bombs[i], took);
	}
}

static void a_plain_find_and_a_long_subject_are_within_the_budget(void **state)
{
	assert_same(*state, "return string.find(('a'):rep(1000000) .. 'b', 'ab')");
	assert_same(*state, "return string.find(('a'):rep(1000000), ('a'):rep(1000) .. 'b', 1, true)");
	assert_same(*state, "return #string.gsub(('ab '):rep(10000), '%w+', '<%0>')");
	assert_same(*state, "return #string.match(('a'):rep(100000), '^(.*)$')");
	assert_same(*state, "local n = 0 for _ in string.gmatch(('ab '):rep(90000), '%a+') do n = n + 1 end return n");
	assert_same(*state, "return #string.gsub(('ab '):rep(90000), '%a+', string.upper)");
}

/* --- sort -------------------------------------------------------------------------------- */

static void sort_orders_as_lua_does(void **state)
{
	static const char *const orders[] = { "", ", function(a, b) return a > b end",
		", function(a, b) return a < b end" };
	static const int sizes[] = { 0, 1, 2, 7, 8, 9, 16, 17, 100, 1000, 5000, 5001, 20011 };
	char code[512];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (size_t j = 0; j < sizeof(orders) / sizeof(*orders); j++) {
			snprintf(code, sizeof(code),
			         "local t, x = {}, 7 for i = 1, %d do x = x * 1103515245 + 12345 & 0x7fffffff"
			         " t[i] = x >> 12 end table.sort(t%s) return table.concat(t, ' ')",
			         sizes[i], orders[j]);
			assert_same(*state, code);
		}
	}
}

static void sort_raises_what_lua_raises(void **state)
{
	static const char *const codes[] = {
		"table.sort()", "table.sort(1)", "table.sort('a')", "table.sort({ 1, 2 }, 1)",
		"table.sort({ 1, 2 }, {})", "table.sort({ 1 }, 1)", "table.sort({ 1, 'a' })",
		"table.sort({ {}, {} })", "table.sort({ 1, nil, 2 })", "table.sort({ 1, 2 }, nil, 3)",
		"table.sort({ 1, 2 }, function() error('no') end)",
		"table.sort({ 1, 2 }, function() error('no', 2) end)",
		"table.sort({ {}, {} }, function(a, b) return a < b end)",
		"table.sort(setmetatable({}, { __len = function() return 2^31 | 0 end }))",
		"table.sort(setmetatable({}, { __len = function() return 2^31 | 0 end }), rawequal)",
		"table.sort(setmetatable({}, { __len = function() return 'x' end }), rawequal)",
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		assert_same(*state, codes[i]);
	assert_says(*state, "local t = {} for i = 1, 6000 do t[i] = {} end table.sort(t)",
	            "attempt to compare two table values");
}

static void sort_is_stable_and_spares_the_table_when_the_comparator_fails(void **state)
{
	assert_says(*state,
	            "local t = {} for i = 1, 1000 do t[i] = { i % 10, i } end"
	            " table.sort(t, function(a, b) return a[1] < b[1] end)"
	            " for i = 2, 1000 do local a, b = t[i - 1], t[i]"
	            "  assert(a[1] < b[1] or a[1] == b[1] and a[2] < b[2]) end return 'stable'",
	            "stable");
	assert_says(*state,
	            "local t, n = {}, 0 for i = 1, 100 do t[i] = 101 - i end"
	            " pcall(table.sort, t, function(a, b) n = n + 1 if n == 300 then error('no') end"
	            "  return a < b end)"
	            " for i = 1, 100 do assert(t[i] == 101 - i) end return n",
	            "number 300");
	assert_says(*state, "local t = { 3, 1, 2, 5, 4, 9, 8, 7, 6, 0, 1 }"
	            " table.sort(t, function() return true end) return #t", "number 11");
}

/* --- Yielding ---------------------------------------------------------------------------- */

static void a_comparator_and_a_callback_of_gsub_may_yield(void **state)
{
	assert_says(*state,
	            "local t, n = {}, 0 for i = 1, 50 do t[i] = i * 37 % 50 end"
	            " local co = coroutine.wrap(function() table.sort(t, function(a, b)"
	            "  coroutine.yield(true) return a < b end) return 'sorted' end)"
	            " local r = co() while r == true do n = n + 1 r = co() end"
	            " for i = 1, 50 do assert(t[i] == i - 1) end assert(n > 100) return r",
	            "sorted");
	assert_says(*state,
	            "local co = coroutine.wrap(function() return ('a b c'):gsub('%w', function(x)"
	            "  return coroutine.yield(x) end) end)"
	            " local seen = co() seen = seen .. co('1') seen = seen .. co(nil)"
	            " return seen, co(3)",
	            "string abc, string 1 b 3, number 3");
	assert_says(*state,
	            "local co = coroutine.wrap(function() return pcall(string.gsub, 'a', 'a', function()"
	            "  coroutine.yield() error('late', 0) end) end) co() return co()",
	            "boolean false, string late");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_gives_what_lua_gives),
		cmocka_unit_test(random_patterns_give_what_lua_gives),
		cmocka_unit_test(a_pattern_bomb_is_stopped_in_time),
		cmocka_unit_test(a_plain_find_and_a_long_subject_are_within_the_budget),
		cmocka_unit_test(sort_orders_as_lua_does),
		cmocka_unit_test(sort_raises_what_lua_raises),
		cmocka_unit_test(sort_is_stable_and_spares_the_table_when_the_comparator_fails),
		cmocka_unit_test(a_comparator_and_a_callback_of_gsub_may_yield),
	};

	return cmocka_run_group_tests_name("lua_pattern", tests, setup, teardown);
}
