/* Nanoseconds a call through the host, without the worker around it. */
#include "tests/unit/actor/world.h"

#include <stdio.h>
#include <time.h>

#include "proto/json.h"

#define CALLS 2000000

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(struct turn *t, const char *method, const char *arguments)
{
	struct buffer packed = { 0 };
	struct host_outcome outcome;
	double began;

	json_parse(bytes_of(arguments), &packed, NULL);
	for (int round = 0; round < 2; round++) {
		began = now();
		for (int i = 0; i < CALLS; i++) {
			enum host_status s = lua_host_ops.start(t, HOST_METHOD, bytes_of(method), buffer_bytes(&packed), &outcome);

			while (s == HOST_PREEMPTED)
				s = lua_host_ops.resume(t, NULL, &outcome);
			assert_int_equal(s, HOST_DONE);
		}
	}
	printf("%-12s %-24s %7.1f ns\n", method, arguments, (now() - began) / CALLS);
	buffer_fini(&packed);
}

int main(void)
{
	struct turn *t;

	world_init(NULL);
	world_load("local C = stage.class 'things.{id}' C.properties = { n = 0, text = '', list = stage.array { 1, 2, 3 } }\n"
	           "function C:nothing() end\n"
	           "function C:echo(v) return v end\n"
	           "function C:add(n) self.n = self.n + n return self.n end\n"
	           "function C:set(s) self.text = s end\n"
	           "function C:append() local l = self.list l[1] = l[1] + 1 self.list = l end\n"
	           "function C:inner() return self:echo(1) end\n"
	           "return C");
	t = world_turn(world_actor(world_class(0), "things.1"));
	measure(t, "nothing", "[]");
	measure(t, "echo", "[7]");
	measure(t, "echo", "[{\"x\":1,\"y\":[1,2]}]");
	measure(t, "add", "[1]");
	measure(t, "set", "[\"some text\"]");
	measure(t, "append", "[]");
	measure(t, "inner", "[]");
	world_fini();
	return 0;
}
