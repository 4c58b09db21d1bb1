/* The Lua host as the actor worker sees it. */
#include "worker/actor/host.h"

#include "worker/actor/lua/load.h"
#include "worker/actor/lua/lua_class.h"
#include "worker/actor/lua/preempt.h"
#include "worker/actor/lua/run.h"

int lua_host_init(const struct host_limits *limits)
{
	lua_limits = *limits;
	return preempt_init();
}

void lua_host_fini(void)
{
	preempt_fini();
	lua_run_fini();
}

size_t lua_host_memory(void)
{
	return lua_class_total();
}

void lua_host_collect(void)
{
	lua_class_collect();
}

const struct host_ops lua_host_ops = {
	.name = "lua",
	.load = load_bundle,
	.unload = load_unload,
	.has_method = lua_run_has_method,
	.start = lua_run_start,
	.resume = lua_run_resume,
	.abort = lua_run_abort,
};
