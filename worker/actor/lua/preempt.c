/* The tick, and the hook that it arms. */
#include "worker/actor/lua/preempt.h"

#include <errno.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/actor/lua/lua_class.h"

#define TICK_NS 1000000
#define IDLE_TICKS 100     /* without a slice, until the timer rests: it would wake the loop */
#define C_BUDGET_NS 2000000 /* for code that cannot yield, before errors end it */

static struct {
	timer_t timer;
	bool made;
	volatile sig_atomic_t ticking;
	lua_State *volatile thread;  /* whose code runs now; NULL: nobody's */
	volatile unsigned slice;     /* counts slices */
	unsigned seen_slice;         /* by the last tick */
	unsigned idle;
	uint64_t stuck_since;        /* ns: the hook has found it cannot yield; 0: it could */
	bool last;                   /* no yields: errors at once */
	uint64_t load_until;         /* ns */
} state;

static void hook(lua_State *L, lua_Debug *ar);

static void set_timer(long ns)
{
	struct itimerspec spec = { { 0, ns }, { 0, ns } };

	timer_settime(state.timer, 0, &spec, NULL);
	state.ticking = ns > 0;
}

static void on_tick(int signal)
{
	int saved = errno;
	lua_State *L = state.thread;

	(void)signal;
	if (L == NULL) {
		if (++state.idle >= IDLE_TICKS)
			set_timer(0);
	} else if (state.slice == state.seen_slice && lua_gethook(L) == NULL) {
		lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	}
	state.seen_slice = state.slice;
	errno = saved;
}

/* Inside a C call that cannot yield (`__tostring`, `__close`): it gets a little longer, then
 * an error at every instruction until it is out, which beats nested pcall. */
static void no_yield(lua_State *L)
{
	uint64_t now = clock_now_ns();

	if (state.stuck_since == 0)
		state.stuck_since = now;
	if (!state.last && now - state.stuck_since < C_BUDGET_NS) {
		lua_sethook(L, hook, LUA_MASKCOUNT, 1000);
		return;
	}
	lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	luaL_error(L, "it takes too long where it cannot be set aside");
}

static void hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	if (state.last || lua_run_now == NULL || lua_run_now->blocked || !lua_isyieldable(L)) {
		no_yield(L);
		return;
	}
	state.stuck_since = 0;
	lua_run_now->preempted = true;
	lua_yield(L, 0);
}

/* The count hook of turn_budget, which stays; else none. */
static void set_resting_hook(lua_State *L)
{
	if (lua_limits.turn_budget > 0)
		lua_sethook(L, hook, LUA_MASKCOUNT, (int)lua_limits.turn_budget);
	else
		lua_sethook(L, NULL, 0, 0);
}

int preempt_init(void)
{
	struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (sigaction(SIGRTMIN, &action, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, &state.timer) < 0)
		return -errno;
	state.made = true;
	return 0;
}

void preempt_fini(void)
{
	if (state.made)
		timer_delete(state.timer);
	state.made = false;
	state.ticking = 0;
}

void preempt_begin(lua_State *thread)
{
	set_resting_hook(thread);
	state.stuck_since = 0;
	state.idle = 0;
	state.slice++;
	state.thread = thread;
	if (!state.ticking && state.made)
		set_timer(TICK_NS);
}

void preempt_end(lua_State *thread)
{
	state.thread = NULL;
	state.last = false;
	if (lua_gethook(thread))
		lua_sethook(thread, NULL, 0, 0);
}

lua_State *preempt_enter(lua_State *thread)
{
	lua_State *former = state.thread;

	set_resting_hook(thread);
	state.thread = thread;
	return former;
}

void preempt_leave(lua_State *former, lua_State *left)
{
	/* What was armed for the inner thread is meant for the outer one too. */
	if (lua_limits.turn_budget == 0 && lua_gethook(left)) {
		lua_sethook(left, NULL, 0, 0);
		if (former)
			lua_sethook(former, hook, LUA_MASKCOUNT, 1);
	}
	state.thread = former;
}

void preempt_begin_last(lua_State *thread)
{
	preempt_begin(thread);
	state.last = true;
}

static void load_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	if (clock_now_ns() > state.load_until) {
		lua_sethook(L, load_hook, LUA_MASKCOUNT, 1);
		luaL_error(L, "the file takes too long to load");
	}
}

void preempt_begin_load(lua_State *thread, unsigned milliseconds)
{
	state.load_until = clock_now_ns() + (uint64_t)milliseconds * 1000000;
	lua_sethook(thread, load_hook, LUA_MASKCOUNT, 10000);
}

void preempt_end_load(lua_State *thread)
{
	lua_sethook(thread, NULL, 0, 0);
}
