/* Preemption: endless loops in every place where they can hide end their slice soon, and
 * giving such a turn up takes no longer. */
#include "tests/unit/actor/world.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#ifdef STAGE_SANITIZED
#define SLOWER 12
#else
#define SLOWER 1
#endif

#define SLICE_MS (15.0 * SLOWER)   /* most of one slice, in processor time; 2 to 4 are usual */
#define LIMIT_MS (20.0 + SLICE_MS) /* after that the turn is given up */

static int begin(void **state)
{
	(void)state;
	world_init(NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_fini();
	return 0;
}

/* The processor's time, so that a busy machine is not our fault. */
static double spent_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const struct {
	const char *name, *code;
} loops[] = {
	{ "a plain loop", "while true do end" },
	{ "goto", "::a:: goto a" },
	{ "tail calls", "local function f() return f() end f()" },
	{ "inside pcall", "while true do pcall(function() while true do end end) end" },
	{ "pcall of error", "while true do pcall(error, 'x') end" },
	{ "nested pcall", "pcall(function() pcall(function() pcall(function() while true do end end) end) end)" },
	{ "pcall that begins again", "local function f() while true do pcall(f) end end f()" },
	{ "xpcall", "xpcall(function() while true do end end, function(e) return e end)" },
	{ "xpcall's handler", "xpcall(error, function() while true do end end)" },
	{ "xpcall of itself", "local function loop() assert(pcall(loop)) end while true do xpcall(loop, loop) end" },
	{ "__index", "local t = setmetatable({}, { __index = function() while true do end end }) local x = t.a" },
	{ "__newindex", "local t = setmetatable({}, { __newindex = function() while true do end end }) t.a = 1" },
	{ "operators", "local m = {} m.__add = function() local n = 0 while n < 3e5 do n = n + 1 end return 1 end "
	  "m.__eq, m.__lt, m.__concat, m.__len, m.__call = m.__add, m.__add, m.__add, m.__add, m.__add "
	  "local a, b = setmetatable({}, m), setmetatable({}, m) while true do local _ = a + b, a == b, a < b, a .. b, #a, a() end" },
	{ "an iterator", "for i in function() while true do end end do end" },
	{ "pairs", "for i in pairs(setmetatable({}, { __pairs = function() while true do end end })) do end" },
	{ "next for ever", "local t = { 1, 2, 3 } while true do for _ in pairs(t) do end end" },
	{ "coroutine.wrap", "coroutine.wrap(function() while true do end end)()" },
	{ "nested coroutines", "local C = coroutine C.wrap(function() C.wrap(function() local c = C.create(function() while true do end end) C.resume(c) end)() end)()" },
	{ "a generator", "local g = coroutine.wrap(function() local i = 0 while true do i = i + 1 coroutine.yield(i) end end) "
	  "local l = 0 while true do local v = g() assert(v == l + 1) l = v end" },
	{ "new coroutines", "while true do coroutine.wrap(function() coroutine.yield() end)() end" },
	{ "coroutine.close", "local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() while true do end end }) coroutine.yield() end) "
	  "coroutine.resume(co) coroutine.close(co) while true do end" },
	{ "wrap that failed", "local f = coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function() while true do end end }) error('x') end) "
	  "while true do pcall(f) end" },
	{ "sort", "table.sort({ 1, 2, 3 }, function() while true do end end)" },
	{ "sort with pcall", "table.sort({ 3, 2, 1 }, function() while true do pcall(function() while true do end end) end end)" },
	{ "sort of a long list", "local x, t = 42, {} while true do for i = 1, 300000 do x = (x * 1103515245 + 12345) & 0x7fffffff t[i] = x end table.sort(t) end" },
	{ "sort with __lt", "local m = { __lt = function() while true do end end } table.sort({ setmetatable({}, m), setmetatable({}, m), setmetatable({}, m) })" },
	{ "sort of long texts", "local x, t = ('x'):rep(500000), {} local texts = { x .. 'a', x .. 'b', x .. 'c' } for i = 1, 5000 do t[i] = texts[i % 3 + 1] end while true do table.sort(t) end" },
	{ "a coroutine in sort", "table.sort({ 3, 2, 1 }, function() coroutine.wrap(function() while true do end end)() end)" },
	{ "gsub's function", "string.gsub('abc', '.', function() while true do end end)" },
	{ "gsub's table", "string.gsub('abc', '.', setmetatable({}, { __index = function() while true do end end })) while true do end" },
	{ "__tostring", "while true do pcall(tostring, setmetatable({}, { __tostring = function() while true do end end })) end" },
	{ "__tostring in format", "while true do pcall(string.format, '%s', setmetatable({}, { __tostring = function() while true do pcall(function() while true do end end) end end })) end" },
	{ "a coroutine in __tostring", "while true do pcall(tostring, setmetatable({}, { __tostring = function() coroutine.wrap(function() while true do end end)() end })) end" },
	{ "ipairs over __index", "for i, v in ipairs(setmetatable({}, { __index = function() while true do end end })) do end while true do end" },
	{ "concat over __index", "while true do pcall(table.concat, setmetatable({}, { __index = function() while true do end end, __len = function() return 40000 end })) end" },
	{ "move over __newindex", "while true do pcall(table.move, { 1 }, 1, 40000, 1, setmetatable({}, { __newindex = function() while true do end end })) end" },
	{ "unpack over __index", "while true do pcall(table.unpack, setmetatable({}, { __index = function() while true do end end }), 1, 40000) end" },
	{ "insert with __len", "while true do pcall(table.insert, setmetatable({}, { __len = function() while true do end end }), 1) end" },
	{ "load's reader", "while true do pcall(load, function() while true do end end) end" },
	{ "load", "while true do load(('x = 1 '):rep(10000)) end" },
	{ "an error's __tostring", "while true do pcall(error, setmetatable({}, { __tostring = function() while true do end end })) end" },
	{ "__close at the end of a block", "do local x <close> = setmetatable({}, { __close = function() while true do end end }) end" },
	{ "__close when given up", "local x <close> = setmetatable({}, { __close = function() while true do end end }) while true do end" },
	{ "__close many times", "local function f(n) if n == 0 then while true do end end local x <close> = setmetatable({}, { __close = function() while true do pcall(function() while true do end end) end end }) f(n - 1) return 1 end f(150)" },
	{ "deep recursion", "local function f(n) return 1 + f(n + 1) end while true do pcall(f, 1) end" },
	{ "pcall to C's depth", "local function loop() assert(pcall(loop)) end while true do pcall(loop) end" },
	{ "format", "while true do local s = string.format('%99.99f', 1e300) end" },
	{ "a short-lived heap", "while true do local t = {} for i = 1, 1000 do t[i] = { i } end end" },
	{ "all memory, again and again", "while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end) end" },
	{ "all memory in one table", "local t = {} while true do pcall(function() for i = 1, 1e9 do t[#t + 1] = {} end end) end" },
	{ "long strings", "local s = 'x' while true do local ok, r = pcall(string.rep, s, 2) if ok then s = r else s = 'x' end end" },
	{ "strings by concatenation", "local s = 'x' while true do local ok, r = pcall(function() return s .. s end) if ok then s = r else s = 'x' end end" },
	{ "a plain find", "local a, b = ('a'):rep(500000), ('a'):rep(300000) .. 'b' while true do pcall(string.find, a, b, 1, true) end" },
	{ "a pattern of %b", "local a = ('('):rep(500000) while true do pcall(string.find, a, '%b()') end" },
	{ "a pattern of stars", "local a, p = ('a'):rep(3000), ('a*'):rep(9) .. 'b' while true do pcall(string.find, a, p) end" },
	{ "gmatch", "while true do pcall(function() for w in ('a'):rep(100000):gmatch('a*b') do end end) end" },
	{ "insert at the front", "local t = {} for i = 1, 100000 do t[i] = i end while true do pcall(table.insert, t, 60000, 0) pcall(table.remove, t, 60000) end" },
	{ "unpack", "local t = {} for i = 1, 50000 do t[i] = i end while true do pcall(function() return select('#', table.unpack(t)) end) end" },
	{ "concat", "local t = {} for i = 1, 50000 do t[i] = 'xxxxxxxxxx' end while true do table.concat(t) end" },
	{ "utf8", "local s = ('\\u{e9}'):rep(150000) while true do utf8.len(s) pcall(utf8.codepoint, s, 1, -1) end" },
	{ "string.byte", "local s = ('x'):rep(500000) while true do pcall(string.byte, s, 1, -1) end" },
	{ "select of many", "local t = {} for i = 1, 40000 do t[i] = i end while true do select(-1, table.unpack(t)) end" },
	{ "collectgarbage", "while true do collectgarbage('count') pcall(collectgarbage) end" },
	{ "assignments", "while true do self.n = self.n + 1 end" },
	{ "a long value assigned", "local t = {} for i = 1, 100000 do t[i] = i end while true do self.free = t end" },
	{ "a value much longer than its tables", "local t = {} for i = 1, 60 do t = { t, t } end while true do pcall(function() self.free = t end) end" },
	{ "parameters", "while true do local p = self.params end" },
	{ "require", "while true do pcall(require, 'lib.nothing') end" },
};

/* Runs until it is over or LIMIT_MS have gone, gives it up; the longest part. */
static double longest_part(const char *code)
{
	char source[4096];
	struct turn *t;
	const char *outcome;
	double began, part, total = 0, longest = 0;

	snprintf(source, sizeof(source), "local C = stage.class 'things.{id}' C.properties = { n = 0, free = stage.null }\n"
	                                 "function C:run() %s end return C", code);
	world_load(source);
	t = world_turn(world_actor(world_class(0), "things.1"));
	began = spent_ms();
	outcome = world_begin(t, "run", "[]");
	for (;;) {
		part = spent_ms() - began;
		total += part;
		longest = part > longest ? part : longest;
		if (strcmp(outcome, "preempted") != 0 || total > LIMIT_MS)
			break;
		began = spent_ms();
		outcome = world_go_on(t);
	}
	began = spent_ms();
	world_turn_end(t);
	part = spent_ms() - began;
	return part > longest ? part : longest;
}

static void test_no_loop_holds_its_slice(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(loops) / sizeof(*loops); i++) {
		double longest;

		print_message("%-36s", loops[i].name);
		longest = longest_part(loops[i].code);
		print_message("%6.1f ms%s\n", longest, longest > SLICE_MS ? "  TOO LONG" : "");
		bad += longest > SLICE_MS;
		world_fini();
		world_init(NULL);
	}
	assert_int_equal(bad, 0);
}

/* What was interrupted goes on as if nothing had been. */
static void test_work_goes_on_where_it_was(void **state)
{
	(void)state;
	struct turn *t;
	unsigned slices = 0;
	const char *outcome;

	world_load("local C = stage.class 'things.{id}'\n"
	           "function C:work() local g = coroutine.wrap(function() local s = 0 for i = 1, 3000000 do s = s + i if i % 1000 == 0 then coroutine.yield(s) end end return -1 end)\n"
	           "local last = 0 while true do local v = g() if v == -1 then return last end last = v end end return C");
	t = world_turn(world_actor(world_class(0), "things.1"));
	outcome = world_begin(t, "work", "[]");
	for (; strcmp(outcome, "preempted") == 0; slices++)
		outcome = world_go_on(t);
	assert_string_equal(outcome, "4500001500000");
	assert_true(slices > 0);
	world_turn_end(t);
}

static void test_a_sort_is_right_though_it_is_interrupted(void **state)
{
	(void)state;
	assert_string_equal(world_run("local x, t = 42, {} for i = 1, 60000 do x = (x * 1103515245 + 12345) & 0x7fffffff t[i] = x end\n"
	                              "table.sort(t, function(a, b) return a > b end) for i = 2, #t do assert(t[i - 1] >= t[i]) end return #t"), "60000");
}

static void test_by_instructions_where_a_budget_is_set(void **state)
{
	struct host_limits limits = world_limits;
	struct turn *t;
	unsigned slices = 0;

	(void)state;
	world_fini();
	limits.turn_budget = 10000;
	world_init(&limits);
	world_load("local C = stage.class 'things.{id}' function C:count() for i = 1, 100000 do end return 'done' end\n"
	           "function C:inner() coroutine.wrap(function() for i = 1, 100000 do end end)() return 'done' end\n"
	           "function C:close() local x <close> = setmetatable({}, { __close = function() while true do end end }) error('x') end\n"
	           "function C:many() for k = 1, 3000 do coroutine.wrap(function() for i = 1, 9000 do end end)() end return 'done' end return C");
	t = world_turn(world_actor(world_class(0), "things.1"));
	for (const char *o = world_begin(t, "count", "[]"); strcmp(o, "preempted") == 0; o = world_go_on(t))
		slices++;
	assert_in_range(slices, 9, 30);
	slices = 0;
	for (const char *o = world_begin(t, "inner", "[]"); strcmp(o, "preempted") == 0; o = world_go_on(t))
		slices++;
	assert_in_range(slices, 9, 30);
	for (const char *o = world_begin(t, "many", "[]"); strcmp(o, "preempted") == 0; o = world_go_on(t))
		slices++;
	assert_true(slices > 30);
	assert_non_null(strstr(world_start(t, "close", "[]"), "\"x\""));
	world_turn_end(t);
}

/* Giving up ends the run at once, whatever it is doing; nothing of its code runs. */
static void test_a_run_given_up_runs_no_code(void **state)
{
	(void)state;
	struct turn *t;

	world_load("local C = stage.class 'things.{id}' C.properties = { n = 0 }\n"
	           "function C:wait() local x <close> = setmetatable({}, { __close = function() self.n = 1 stage.tell('o.1', 'closed') end }) stage.sleep(1) end\n"
	           "function C:loop() local x <close> = setmetatable({}, { __close = function() self.n = 1 stage.tell('o.1', 'closed') end }) while true do end end\n"
	           "return C");
	t = world_turn(world_actor(world_class(0), "things.1"));
	world_asked();
	assert_string_equal(world_start(t, "wait", "[]"), "waiting");
	lua_host_ops.abort(t);
	assert_null(t->host_state);
	assert_string_equal(world_begin(t, "loop", "[]"), "preempted");
	lua_host_ops.abort(t);
	lua_host_ops.abort(t);
	assert_string_equal(world_asked(), "sleep 1\n");
	assert_string_equal(world_property(t->actor, "n"), "0");
	world_turn_end(t);
}

/* A coroutine that one turn waits or was interrupted in is not another's to resume. */
static void test_a_coroutine_belongs_to_the_turn_that_waits_in_it(void **state)
{
	(void)state;
	struct turn *a, *b;

	world_load("local C = stage.class 'things.{id}' local co\n"
	           "function C:wait() co = coroutine.create(function() return stage.get('o.1', 'm') end) local ok, v = coroutine.resume(co) return { ok, v } end\n"
	           "function C:loop() co = coroutine.create(function() while true do end end) coroutine.resume(co) end\n"
	           "function C:resume() local ok, e = coroutine.resume(co, 1) return { ok, e } end\n"
	           "function C:close() local ok, e = pcall(coroutine.close, co) return { ok, e } end\n"
	           "function C:status() return coroutine.status(co) end\n"
	           "return C");
	a = world_turn(world_actor(world_class(0), "things.a"));
	b = world_turn(world_actor(world_class(0), "things.b"));
	assert_string_equal(world_start(a, "wait", "[]"), "waiting");
	assert_string_equal(world_start(b, "resume", "[]"), "[false,\"cannot resume a coroutine of another turn\"]");
	assert_string_equal(world_start(b, "close", "[]"), "[false,\"cannot close a coroutine of another turn\"]");
	assert_string_equal(world_start(b, "status", "[]"), "\"normal\"");
	assert_string_equal(world_answer(a, "7"), "[true,7]");
	assert_string_equal(world_start(b, "resume", "[]"), "[false,\"cannot resume dead coroutine\"]");
	assert_string_equal(world_begin(a, "loop", "[]"), "preempted");
	assert_string_equal(world_start(b, "resume", "[]"), "[false,\"cannot resume a coroutine of another turn\"]");
	lua_host_ops.abort(a);
	assert_string_equal(world_start(b, "resume", "[]"), "[false,\"cannot resume a coroutine of another turn\"]");
	world_turn_end(a);
	world_turn_end(b);
}

/* coroutine.running() tells a turn's own thread: kept, it is nobody's to resume or close. */
static void test_a_turns_thread_is_nobody_elses(void **state)
{
	(void)state;
	struct turn *a, *b;

	world_load("local C = stage.class 'things.{id}' local thread\n"
	           "function C:wait() thread = coroutine.running() stage.sleep(1) return 'end' end\n"
	           "function C:resume() local ok, e = coroutine.resume(thread) return { ok, e } end\n"
	           "function C:close() return (pcall(coroutine.close, thread)) end\n"
	           "return C");
	a = world_turn(world_actor(world_class(0), "things.a"));
	b = world_turn(world_actor(world_class(0), "things.b"));
	assert_string_equal(world_start(a, "wait", "[]"), "waiting");
	assert_string_equal(world_start(b, "resume", "[]"), "[false,\"cannot resume a coroutine of another turn\"]");
	assert_string_equal(world_start(b, "close", "[]"), "false");
	assert_string_equal(world_answer(a, "null"), "\"end\"");
	assert_string_equal(world_start(a, "wait", "[]"), "waiting");
	lua_host_ops.abort(a);
	assert_string_equal(world_start(b, "resume", "[]"), "[false,\"cannot resume a coroutine of another turn\"]");
	assert_string_equal(world_start(b, "close", "[]"), "false");
	world_turn_end(a);
	world_turn_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_loop_holds_its_slice, begin, end),
		cmocka_unit_test_setup_teardown(test_work_goes_on_where_it_was, begin, end),
		cmocka_unit_test_setup_teardown(test_a_sort_is_right_though_it_is_interrupted, begin, end),
		cmocka_unit_test_setup_teardown(test_by_instructions_where_a_budget_is_set, begin, end),
		cmocka_unit_test_setup_teardown(test_a_run_given_up_runs_no_code, begin, end),
		cmocka_unit_test_setup_teardown(test_a_coroutine_belongs_to_the_turn_that_waits_in_it, begin, end),
		cmocka_unit_test_setup_teardown(test_a_turns_thread_is_nobody_elses, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
