/* stage.*: every function, its outcome, its refusals, and where it may be called. */
#include "tests/unit/actor/world.h"

#include <stdio.h>
#include <string.h>

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

/* --- errors --- */

static void test_stage_error_says_no_on_purpose(void **state)
{
	(void)state;
	assert_string_equal(world_run("stage.error('already_dead')"), "app {\"code\":\"already_dead\"}");
	assert_string_equal(world_report(), "");
	assert_string_equal(world_run("stage.error('bad', 'not so')"), "app {\"code\":\"bad\",\"message\":\"not so\"}");
	assert_string_equal(world_run("stage.error('rich', { left = 3 })"), "app {\"code\":\"rich\",\"left\":3}");
	assert_string_equal(world_run("local ok, e = pcall(stage.error, 'x', 'y') return { ok, e.code, e.message, tostring(e) }"),
	                    "[false,\"x\",\"y\",\"x: y\"]");
	assert_string_equal(world_run("local ok, e = pcall(stage.error, 'x') error(e)"), "app {\"code\":\"x\"}");
}

static void test_stage_error_s_own_arguments_are_checked(void **state)
{
	(void)state;
	assert_non_null(strstr(world_run("stage.error()"), "\"code\":\"error\""));
	assert_non_null(strstr(world_run("stage.error('x', print)"), "app {"));
	assert_non_null(strstr(world_run("stage.error('x', { f = function() end })"), "a function cannot be kept or sent"));
	assert_non_null(strstr(world_run("stage.error(('x'):rep(100000))"), "\"code\":\"error\""));
	assert_non_null(strstr(world_run("local _, e = pcall(stage.error, 'x') e.code = { 1 } error(e)"), "\"code\":\"error\""));
}

static void test_any_other_error_is_a_fault_with_its_place(void **state)
{
	(void)state;
	assert_string_equal(world_run("error('just a text')"), "app {\"code\":\"error\",\"message\":\"just a text\"}");
	assert_non_null(strstr(world_report(), "things.lua:4: just a text"));
	assert_non_null(strstr(world_report(), "stack traceback:"));
	assert_string_equal(world_run("local function deep() local x = nil + 1 end deep()"),
	                    "app {\"code\":\"error\",\"message\":\"attempt to perform arithmetic on a nil value\"}");
	assert_non_null(strstr(world_report(), "things.lua:4: "));
	assert_string_equal(world_run("error('no place', 0)"), "app {\"code\":\"error\",\"message\":\"no place\"}");
}

static void test_error_objects_of_every_kind(void **state)
{
	(void)state;
	assert_string_equal(world_run("error(42)"), "app {\"code\":\"error\",\"message\":\"42\"}");
	assert_string_equal(world_run("error(nil)"), "app {\"code\":\"error\",\"message\":\"nil\"}");
	assert_string_equal(world_run("error({ code = 'own' })"), "app {\"code\":\"error\",\"message\":\"an error object (a table)\"}");
	assert_string_equal(world_run("error(print or stage.now)"), "app {\"code\":\"error\",\"message\":\"an error object (a function)\"}");
	assert_string_equal(world_run("error('a\\r\\nb')"), "app {\"code\":\"error\",\"message\":\"a\\r\\nb\"}");
	assert_string_equal(world_run("error('\\xff', 0)"), "app {\"code\":\"error\",\"message\":\"\xef\xbf\xbd\"}");
	assert_true(strlen(world_run("error(('x'):rep(1000000))")) < 5000);
}

/* --- waiting --- */

static const char waiter[] =
	"local C = stage.class 'things.{id}' C.properties = { n = 0 }\n"
	"function C:call(...) return stage.call(...) end\n"
	"function C:get() return stage.get('others.1', 'hp') end\n"
	"function C:sleep(ms) stage.sleep(ms) return 'slept' end\n"
	"function C:try() local ok, e = pcall(stage.call, 'others.1', 'hit') return { ok, ok and e or e.code, ok and 0 or e.message or 0, ok and 0 or tostring(e) } end\n"
	"return C";

static void test_a_call_waits_for_its_answer(void **state)
{
	(void)state;
	struct turn *t;

	world_load(waiter);
	t = world_turn(world_actor(world_class(0), "things.1"));
	assert_string_equal(world_start(t, "call", "[\"others.1\",\"hit\",1,2.0,null,[]]"), "waiting");
	assert_string_equal(world_asked(), "call others.1 hit [1,2.0,null,[]]\n");
	assert_string_equal(world_answer(t, "{\"left\":[1]}"), "{\"left\":[1]}");
	assert_string_equal(world_start(t, "get", "[]"), "waiting");
	assert_string_equal(world_asked(), "get others.1 hp\n");
	assert_string_equal(world_answer(t, "7"), "7");
	assert_string_equal(world_start(t, "sleep", "[20]"), "waiting");
	assert_string_equal(world_asked(), "sleep 20\n");
	assert_string_equal(world_answer(t, "null"), "\"slept\"");
	world_turn_end(t);
}

static void test_a_failed_call_raises_its_code(void **state)
{
	(void)state;
	struct turn *t;

	world_load(waiter);
	t = world_turn(world_actor(world_class(0), "things.1"));
	world_start(t, "call", "[\"others.1\",\"hit\"]");
	assert_string_equal(world_refuse(t, ERROR_APP, "{\"code\":\"dead\",\"message\":\"is gone\"}"),
	                    "app {\"code\":\"dead\",\"message\":\"is gone\"}");
	assert_string_equal(world_report(), "");
	world_start(t, "call", "[\"others.1\",\"hit\"]");
	assert_non_null(strstr(world_refuse(t, ERROR_NO_MEMBER, "{\"member\":\"hit\"}"), "app {\"code\":\"no-member\",\"member\":\"hit\",\"message\":\""));
	world_start(t, "try", "[]");
	assert_string_equal(world_refuse(t, ERROR_APP, "{\"code\":\"dead\",\"message\":\"is gone\"}"),
	                    "[false,\"dead\",\"is gone\",\"dead: is gone\"]");
	world_start(t, "try", "[]");
	assert_non_null(strstr(world_refuse(t, ERROR_TIMEOUT, NULL), "[false,\"timeout\",\""));
	world_start(t, "try", "[]");
	assert_non_null(strstr(world_refuse(t, ERROR_APP, "[\"odd\"]"), "[false,\"app\","));
	world_start(t, "try", "[]");
	assert_string_equal(world_answer(t, "1"), "[true,1,0,0]");
	world_turn_end(t);
}

static void test_a_refused_wait_never_waits(void **state)
{
	(void)state;
	world_load(waiter);
	world_refuse_next(ERROR_DEADLOCK, "an actor would wait for itself");
	assert_string_equal(world_call("try", "[]"), "[false,\"deadlock\",\"an actor would wait for itself\",\"deadlock: an actor would wait for itself\"]");
	world_refuse_next(ERROR_BAD_ARG, "not an address");
	assert_string_equal(world_call("call", "[\"?\",\"hit\"]"), "app {\"code\":\"bad-arg\",\"message\":\"not an address\"}");
	assert_non_null(strstr(world_call("call", "[1.5]"), "app {\"code\":\"error\""));
	assert_non_null(strstr(world_call("sleep", "[-1]"), "app {\"code\":\"error\""));
}

/* Each waits once; the answer is 5. */
static const char *const waits[] = {
	"return (pcall(stage.call, 'o.1', 'm'))",
	"local ok, v = pcall(function() return stage.call('o.1', 'm') end) return ok and v == 5",
	"local ok, v = pcall(pcall, pcall, stage.get, 'o.1', 'm') return ok and v",
	"return setmetatable({}, { __index = function() return stage.get('o.1', 'm') end }).x == 5",
	"return (setmetatable({}, { __add = function() return stage.get('o.1', 'm') end }) + 1) == 5",
	"local t = setmetatable({}, { __newindex = function() stage.sleep(1) end }) t.x = 1 return true",
	"return setmetatable({}, { __eq = function() return stage.get('o.1', 'm') == 5 end }) == setmetatable({}, {})",
	"return setmetatable({}, { __call = function() return stage.get('o.1', 'm') == 5 end })()",
	"return (setmetatable({}, { __concat = function() return stage.get('o.1', 'm') end }) .. 'x') == 5",
	"for v in function(_, i) if not i then return stage.get('o.1', 'm') end end do return v == 5 end",
	"local t = { 3, 1, 2 } local first table.sort(t, function(a, b) if not first then first = stage.get('o.1', 'm') end return a < b end) return first == 5 and t[1] == 1",
	"local n = 0 local s = ('a'):gsub('.', function() n = stage.get('o.1', 'm') return 'b' end) return n == 5 and s == 'b'",
	"local f = coroutine.wrap(function(a) local v = stage.get('o.1', 'm') coroutine.yield(v + a) return 'end' end) return f(1) == 6 and f() == 'end'",
	"local co = coroutine.create(function() return stage.get('o.1', 'm') end) local ok, v = coroutine.resume(co) return ok and v == 5 and coroutine.status(co) == 'dead'",
	"local f = coroutine.wrap(function() return coroutine.wrap(function() return stage.get('o.1', 'm') end)() end) return f() == 5",
	"local ok, v = xpcall(function() return stage.get('o.1', 'm') end, tostring) return ok and v == 5",
	"local ok, v = xpcall(error, function(e) return stage.get('o.1', 'm') end, 'x') return not ok and v == 5",
	"do local x <close> = setmetatable({}, { __close = function() stage.sleep(1) end }) end return true",
};

static void test_waiting_works_wherever_it_can(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		struct turn *t;

		assert_string_equal(world_run(waits[i]), "waiting"); /* world_run() gives it up then */
		t = world_turn(world_actor(world_class(0), "things.1"));
		assert_string_equal(world_start(t, "run", "[]"), "waiting");
		if (strcmp(world_answer(t, "5"), "true") != 0)
			fail_msg("%s", waits[i]);
		world_turn_end(t);
	}
}

/* Lua itself calls these from C, without a way to come back. */
static void test_where_waiting_cannot_work_it_says_so(void **state)
{
	(void)state;
	world_asked();
	assert_non_null(strstr(world_run("return tostring(setmetatable({}, { __tostring = function() return stage.get('o.1', 'm') end }))"),
	                       "stage.get cannot wait here"));
	assert_non_null(strstr(world_run("for _ in ipairs(setmetatable({}, { __index = function() return stage.get('o.1', 'm') end })) do end"),
	                       "stage.get cannot wait here"));
	assert_non_null(strstr(world_run("tostring(setmetatable({}, { __tostring = function() return coroutine.wrap(function() stage.sleep(1) end)() end }))"),
	                       "stage.sleep cannot wait here"));
	assert_string_equal(world_asked(), "");
}

static void test_create_and_activate_may_wait(void **state)
{
	(void)state;
	struct turn *t;

	world_load("local C = stage.class 'things.{id}' C.properties = { n = 0 }\n"
	           "function C:create(params) self.n = stage.get('o.1', params.id) end\n"
	           "function C:activate() stage.sleep(5) end\n"
	           "function C:migrate(from) self.n = from end\n"
	           "return C");
	t = world_turn(world_actor(world_class(0), "things.1"));
	assert_true(t->class->has_create && t->class->has_activate && t->class->has_migrate);
	assert_string_equal(world_enter(t, HOST_CREATE, "", "[{\"id\":\"x\"}]"), "waiting");
	assert_string_equal(world_asked(), "get o.1 x\n");
	assert_string_equal(world_answer(t, "4"), "null");
	assert_string_equal(world_property(t->actor, "n"), "4");
	assert_string_equal(world_enter(t, HOST_ACTIVATE, "", "[]"), "waiting");
	assert_string_equal(world_answer(t, "null"), "null");
	assert_string_equal(world_enter(t, HOST_MIGRATE, "", "[2]"), "null");
	assert_string_equal(world_property(t->actor, "n"), "2");
	world_turn_end(t);
}

/* --- outputs --- */

static void test_tell_watch_and_timers(void **state)
{
	(void)state;
	assert_string_equal(world_run("stage.tell('o.1', 'm', 1, nil, 'x')"), "null");
	assert_string_equal(world_asked(), "tell o.1 m [1,null,\"x\"]\n");
	world_run("stage.watch('o.1', 'hp', 'helper')");
	assert_string_equal(world_asked(), "watch o.1 hp helper\n");
	assert_string_equal(world_run("local a, b = stage.after(10, 'helper', 1), stage.every(20, 'helper') return b > a and stage.cancel(a) and not stage.cancel(99)"), "true");
	assert_string_equal(world_asked(), "after 10 helper with [1]\nevery 20 helper with []\ncancel\ncancel\n");
	world_refuse_next(ERROR_BAD_ARG, "no such method to call then");
	assert_string_equal(world_run("stage.after(1, 'nothing')"), "app {\"code\":\"bad-arg\",\"message\":\"no such method to call then\"}");
	assert_non_null(strstr(world_run("stage.after(0/0, 'helper')"), "\"code\":\"error\""));
	assert_non_null(strstr(world_run("stage.cancel(-1)"), "null"));
}

static void test_destroy_and_log(void **state)
{
	(void)state;
	world_asked();
	world_run("stage.destroy()");
	assert_string_equal(world_asked(), "destroy things.1\n");
	world_run("stage.log('info', 'a throw', { eyes = 6 })");
	assert_string_equal(world_asked(), "log 1  a throw  {\"eyes\":6}\n");
	world_run("stage.log('warn', 'plain')");
	assert_string_equal(world_asked(), "log 2  plain \n");
	assert_non_null(strstr(world_run("stage.log('loud', 'x')"), "app {\"code\":\"error\""));
	assert_non_null(strstr(world_run("stage.log('info', ('x'):rep(5000))"), "at most 4 KB"));
	assert_non_null(strstr(world_run("stage.log('info', 'x', { y = ('x'):rep(5000) })"), "at most 4 KB"));
}

/* --- facts --- */

static void test_caller_now_random(void **state)
{
	(void)state;
	assert_string_equal(world_run("return stage.caller()"), "null");
	world_caller = "players.7";
	assert_string_equal(world_run("return stage.caller()"), "\"players.7\"");
	assert_string_equal(world_run("return math.type(stage.now()) == 'integer' and stage.now() > 1700000000000"), "true");
	assert_string_equal(world_run("for i = 1, 1000 do local r = stage.random() assert(r >= 0 and r < 1) end return true"), "true");
	assert_string_equal(world_run("local seen = {} for i = 1, 1000 do local r = stage.random(3) assert(math.type(r) == 'integer') seen[r] = true end return #seen"), "3");
	assert_string_equal(world_run("for i = 1, 1000 do local r = stage.random(-5, -4) assert(r == -5 or r == -4) end return stage.random(7, 7)"), "7");
	assert_string_equal(world_run("stage.random(math.mininteger, math.maxinteger) return true"), "true");
	assert_non_null(strstr(world_run("stage.random(0)"), "interval is empty"));
	assert_non_null(strstr(world_run("stage.remind('n', 1, 'm')"), "stage.remind is not available in this version"));
}

static void test_null_and_array(void **state)
{
	(void)state;
	assert_string_equal(world_run("return { stage.null, stage.array(), stage.array{}, {}, stage.array{ 1, 2 } }"), "[null,[],[],{},[1,2]]");
	assert_non_null(strstr(world_run("stage.array(1)"), "table expected"));
	assert_string_equal(world_run("local t = stage.array{} return stage.array(t) == t"), "true");
	assert_non_null(strstr(world_run("return stage.array{ x = 1 }"), "\"code\":\"error\""));
}

/* --- checks --- */

static void test_a_check_decides_at_once(void **state)
{
	(void)state;
	struct turn *t;

	world_load("local C = stage.class 'things.{id}'\n"
	           "C.properties = { nick = stage.property { default = '', writable = true, check = function(v) return type(v) == 'string' and #v < 4 end },\n"
	           "  slow = stage.property { default = 0, writable = true, check = function(v) stage.sleep(1) end },\n"
	           "  wrong = stage.property { default = 0, writable = true, check = function(v) error('no ' .. v) end } }\n"
	           "return C");
	t = world_turn(world_actor(world_class(0), "things.1"));
	assert_string_equal(world_enter(t, HOST_CHECK, "nick", "[\"bob\"]"), "true");
	assert_string_equal(world_enter(t, HOST_CHECK, "nick", "[\"robert\"]"), "false");
	assert_string_equal(world_enter(t, HOST_CHECK, "nick", "[null]"), "false");
	assert_non_null(strstr(world_enter(t, HOST_CHECK, "slow", "[1]"), "cannot wait"));
	assert_string_equal(world_enter(t, HOST_CHECK, "wrong", "[1]"), "app {\"code\":\"error\",\"message\":\"no 1\"}");
	world_turn_end(t);
}

static void test_methods_that_are_there(void **state)
{
	(void)state;
	world_load("local C = stage.class 'things.{id}' C.properties = { n = 0 } C.constant = 1\n"
	           "function C:open() end function C:_own() end function C:create() end\nreturn C");
	assert_true(lua_host_ops.has_method(world_class(0), BYTES_LITERAL("open")));
	assert_true(lua_host_ops.has_method(world_class(0), BYTES_LITERAL("_own")));
	assert_false(lua_host_ops.has_method(world_class(0), BYTES_LITERAL("create")));
	assert_false(lua_host_ops.has_method(world_class(0), BYTES_LITERAL("n")));
	assert_false(lua_host_ops.has_method(world_class(0), BYTES_LITERAL("constant")));
	assert_false(lua_host_ops.has_method(world_class(0), BYTES_LITERAL("properties")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stage_error_says_no_on_purpose, begin, end),
		cmocka_unit_test_setup_teardown(test_stage_error_s_own_arguments_are_checked, begin, end),
		cmocka_unit_test_setup_teardown(test_any_other_error_is_a_fault_with_its_place, begin, end),
		cmocka_unit_test_setup_teardown(test_error_objects_of_every_kind, begin, end),
		cmocka_unit_test_setup_teardown(test_a_call_waits_for_its_answer, begin, end),
		cmocka_unit_test_setup_teardown(test_a_failed_call_raises_its_code, begin, end),
		cmocka_unit_test_setup_teardown(test_a_refused_wait_never_waits, begin, end),
		cmocka_unit_test_setup_teardown(test_waiting_works_wherever_it_can, begin, end),
		cmocka_unit_test_setup_teardown(test_where_waiting_cannot_work_it_says_so, begin, end),
		cmocka_unit_test_setup_teardown(test_create_and_activate_may_wait, begin, end),
		cmocka_unit_test_setup_teardown(test_tell_watch_and_timers, begin, end),
		cmocka_unit_test_setup_teardown(test_destroy_and_log, begin, end),
		cmocka_unit_test_setup_teardown(test_caller_now_random, begin, end),
		cmocka_unit_test_setup_teardown(test_null_and_array, begin, end),
		cmocka_unit_test_setup_teardown(test_a_check_decides_at_once, begin, end),
		cmocka_unit_test_setup_teardown(test_methods_that_are_there, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
