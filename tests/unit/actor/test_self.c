/* self: properties, methods, address and parameters of the running turn's actor. */
#include "tests/unit/actor/world.h"

#include <errno.h>
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

static void test_properties_are_read_and_assigned(void **state)
{
	(void)state;
	world_load("local P = stage.class 'things.{id}'\n"
	           "P.properties = { hp = 100, _seed = 0, tags = stage.array{} }\n"
	           "function P:hit(n) self.hp = self.hp - n self._seed = 7 return self.hp end\n"
	           "function P:tag(s) local t = self.tags t[#t + 1] = s self.tags = t return #self.tags end\n"
	           "function P:copy() local t = self.tags t[1] = 'changed' return self.tags end\n"
	           "return P");
	assert_string_equal(world_call("hit", "[30]"), "70");
	assert_string_equal(world_call("hit", "[30]"), "40");
	assert_string_equal(world_call("tag", "[\"a\"]"), "1");
	assert_string_equal(world_call("tag", "[\"b\"]"), "2");
	assert_string_equal(world_call("copy", "[]"), "[\"a\",\"b\"]");
}

static void test_methods_are_found_through_self(void **state)
{
	(void)state;
	assert_string_equal(world_run("return self:helper(1, 2)"), "1");
	assert_string_equal(world_run("return self.helper == C.helper"), "true");
}

static void test_address_and_parameters(void **state)
{
	(void)state;
	struct turn *t;

	assert_string_equal(world_run("return self.address"), "\"things.1\"");
	assert_string_equal(world_run("return self.params"), "{\"id\":\"1\"}");
	assert_string_equal(world_run("return tostring(self)"), "\"things.1\"");
	world_load("local P = stage.class 'p.{a}.{b}' function P:get() return self.params end return P");
	t = world_turn(world_actor(world_class(0), "p.J%C3%BCrgen%2e.%41x"));
	assert_string_equal(world_start(t, "get", "[]"), "{\"a\":\"J\xc3\xbcrgen.\",\"b\":\"Ax\"}");
	world_turn_end(t);
}

static void test_an_unknown_property_is_an_error_with_the_nearest_name(void **state)
{
	(void)state;
	assert_string_equal(world_run("self.txt = 'x'"),
	                    "app {\"code\":\"error\",\"message\":\"things has no property 'txt' to assign (is it 'text'?)\"}");
	assert_string_equal(world_run("self.surprise = 1"),
	                    "app {\"code\":\"error\",\"message\":\"things has no property 'surprise' to assign\"}");
	assert_string_equal(world_run("return self.frea"),
	                    "app {\"code\":\"error\",\"message\":\"things has no property or method 'frea' (is it 'free'?)\"}");
	assert_string_equal(world_run("self[{}] = 1"),
	                    "app {\"code\":\"error\",\"message\":\"things has no property of a table to assign\"}");
}

static void test_methods_and_facts_cannot_be_assigned(void **state)
{
	(void)state;
	assert_non_null(strstr(world_run("self.helper = 1"), "no property 'helper' to assign"));
	assert_non_null(strstr(world_run("self.address = 'x.1'"), "no property 'address' to assign"));
}

static void test_nil_is_refused_with_a_hint(void **state)
{
	(void)state;
	assert_string_equal(world_run("self.n = nil"),
	                    "app {\"code\":\"error\",\"message\":\"property 'n' cannot be nil; stage.null says that there is no value\"}");
	assert_string_equal(world_run("self.free = stage.null return self.free == stage.null"), "true");
}

static void test_numbers_follow_the_default(void **state)
{
	(void)state;
	assert_string_equal(world_run("self.n = 3.0 return math.type(self.n)"), "\"integer\"");
	assert_string_equal(world_run("self.free = 3.0 return self.free"), "3.0");
	assert_non_null(strstr(world_run("self.n = 0.5"), "property 'n' takes whole numbers"));
}

static void test_what_cannot_be_kept(void **state)
{
	(void)state;
	assert_non_null(strstr(world_run("self.free = print or function() end"), "a function cannot be kept or sent"));
	assert_non_null(strstr(world_run("self.n = 0/0"), "NaN"));
	assert_non_null(strstr(world_run("self.n = math.huge"), "infinit"));
	assert_non_null(strstr(world_run("self.text = '\\xff'"), "UTF-8"));
	assert_non_null(strstr(world_run("self.free = self"), "self cannot be kept"));
	assert_non_null(strstr(world_run("self.free = coroutine.create(function() end)"), "a thread cannot be kept"));
	/* and nothing has changed */
	assert_string_equal(world_run("pcall(function() self.n = 0/0 end) return self.n"), "0");
}

static void test_a_refused_assignment_is_an_error_in_words(void **state)
{
	(void)state;
	world_refuse_assignment(-EDQUOT);
	assert_non_null(strstr(world_run("self.text = 'long'"), "stored"));
	world_refuse_assignment(-ENOMEM);
	assert_non_null(strstr(world_run("self.text = 'long'"), "cannot be assigned"));
}

static void test_only_the_actor_of_the_turn_is_reached(void **state)
{
	(void)state;
	struct turn *a, *b;

	world_load("local P = stage.class 'things.{id}' P.properties = { n = 1 } local kept\n"
	           "function P:keep() kept = self stage.sleep(1) return self.n end\n"
	           "function P:steal() return kept.n end\n"
	           "function P:write() kept.n = 9 end\n"
	           "function P:name() return tostring(kept) end\n"
	           "return P");
	a = world_turn(world_actor(world_class(0), "things.a"));
	b = world_turn(world_actor(world_class(0), "things.b"));
	assert_string_equal(world_start(a, "keep", "[]"), "waiting");
	assert_non_null(strstr(world_start(b, "steal", "[]"), "a self of another turn"));
	assert_non_null(strstr(world_start(b, "write", "[]"), "a self of another turn"));
	assert_string_equal(world_start(b, "name", "[]"), "\"a self of another turn\"");
	assert_string_equal(world_answer(a, "null"), "1"); /* its own self is good after the wait */
	assert_non_null(strstr(world_start(a, "steal", "[]"), "a self of another turn"));
	world_turn_end(a);
	world_turn_end(b);
}

static void test_null_has_no_fields(void **state)
{
	(void)state;
	assert_non_null(strstr(world_run("return stage.null.x"), "null"));
	assert_non_null(strstr(world_run("stage.null.x = 1"), "null"));
	assert_string_equal(world_run("return tostring(stage.null)"), "\"null\"");
}

static void test_a_global_is_the_class_s_own(void **state)
{
	(void)state;
	world_load("local P = stage.class 'things.{id}' function P:count() total = (total or 0) + 1 return total end return P");
	assert_string_equal(world_call("count", "[]"), "1");
	assert_string_equal(world_call("count", "[]"), "2");
	assert_string_equal(world_run("return total == nil"), "true");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_properties_are_read_and_assigned, begin, end),
		cmocka_unit_test_setup_teardown(test_methods_are_found_through_self, begin, end),
		cmocka_unit_test_setup_teardown(test_address_and_parameters, begin, end),
		cmocka_unit_test_setup_teardown(test_an_unknown_property_is_an_error_with_the_nearest_name, begin, end),
		cmocka_unit_test_setup_teardown(test_methods_and_facts_cannot_be_assigned, begin, end),
		cmocka_unit_test_setup_teardown(test_nil_is_refused_with_a_hint, begin, end),
		cmocka_unit_test_setup_teardown(test_numbers_follow_the_default, begin, end),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_kept, begin, end),
		cmocka_unit_test_setup_teardown(test_a_refused_assignment_is_an_error_in_words, begin, end),
		cmocka_unit_test_setup_teardown(test_only_the_actor_of_the_turn_is_reached, begin, end),
		cmocka_unit_test_setup_teardown(test_null_has_no_fields, begin, end),
		cmocka_unit_test_setup_teardown(test_a_global_is_the_class_s_own, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
