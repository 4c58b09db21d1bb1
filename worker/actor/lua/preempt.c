/* The tick, and the hook that it arms. */
#include "worker/actor/lua/preempt.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "worker/actor/lua/lua_class.h"

#define TICK_NS 1000000
#define BUDGET_TICKS 50     /* that a slice may last where instructions end it, not time */
#define IDLE_TICKS 100      /* without a slice, until the timer rests: it would wake the loop */
#define C_BUDGET_NS 2000000 /* for code that cannot yield, before errors end it */
#define C_COUNT 1000        /* instructions between looks at the clock meanwhile */

enum mode {
	MODE_RUN,  /* it is set aside where that is possible */
	MODE_LAST, /* errors at once */
	MODE_LOAD, /* errors after load_until */
};

static struct {
	timer_t timer;
	bool made;
	volatile sig_atomic_t ticking;
	lua_State *volatile thread; /* whose code runs now; NULL: nobody's */
	lua_State *outermost;       /* the slice began on it */
	volatile unsigned slice;    /* counts slices */
	unsigned seen_slice;        /* by the last tick */
	unsigned ticks;             /* since then */
	unsigned idle;
	enum mode mode;
	int budget;                 /* instructions, by turn_budget; 0: by time */
	bool starved;
	uint64_t stuck_since;       /* ns: the hook has found it cannot yield; 0: it could */
	uint64_t load_until;        /* ns */
} state;

static void hook(lua_State *L, lua_Debug *ar);

/* The processor's time: what a busy machine takes from us is not the code's fault. */
static uint64_t spent_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void set_timer(long ns)
{
	struct itimerspec spec = { { 0, ns }, { 0, ns } };

	timer_settime(state.timer, 0, &spec, NULL);
	state.ticking = ns > 0;
}

/* Where instructions are counted, each thread counts its own: time bounds them all. */
static bool wants_hook(lua_State *L, unsigned ticks)
{
	if (state.budget > 0 && state.mode == MODE_RUN)
		return ticks >= BUDGET_TICKS && lua_gethookcount(L) == state.budget;
	return lua_gethook(L) == NULL;
}

static void on_tick(int signal)
{
	int saved = errno;
	lua_State *L = state.thread;

	(void)signal;
	if (L == NULL) {
		if (++state.idle >= IDLE_TICKS)
			set_timer(0);
	} else if (state.slice != state.seen_slice) {
		state.ticks = 0;
	} else if (wants_hook(L, ++state.ticks)) {
		lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	}
	state.seen_slice = state.slice;
	errno = saved;
}

/* --- the hook --- */

/* At every instruction from now on, until it is out: that beats nested pcall. */
static void force_out(lua_State *L, const char *why)
{
	if (lua_gethookcount(L) != 1)
		lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	*lua_class_marks(L) |= LUA_CLASS_BROKEN;
	luaL_error(L, "%s", why);
}

/* Inside a C call that cannot yield (`__tostring`, `__close`): it gets a little longer. */
static void no_yield(lua_State *L)
{
	uint64_t now = spent_ns();

	if (state.stuck_since == 0)
		state.stuck_since = now;
	if (now - state.stuck_since < C_BUDGET_NS)
		lua_sethook(L, hook, LUA_MASKCOUNT, C_COUNT);
	else
		force_out(L, "it takes too long where it cannot be set aside");
}

static void hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	if (state.starved) {
		force_out(L, "not enough memory");
	} else if (state.mode == MODE_LOAD) {
		if (spent_ns() > state.load_until)
			force_out(L, "the file takes too long to load");
	} else if (state.mode == MODE_LAST) {
		force_out(L, "it takes too long to be closed");
	} else if (lua_run_now == NULL || lua_run_now->blocked || !lua_isyieldable(L)) {
		no_yield(L);
	} else {
		state.stuck_since = 0;
		lua_run_now->preempted = true;
		lua_yield(L, 0);
	}
}

/* What a thread has while no tick has armed it: nothing, but to count instructions where
 * turn_budget or a class file's loading wants it. */
static void set_resting_hook(lua_State *L)
{
	if (state.starved)
		lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	else if (state.mode == MODE_LOAD)
		lua_sethook(L, hook, LUA_MASKCOUNT, C_COUNT);
	else if (state.budget > 0)
		lua_sethook(L, hook, LUA_MASKCOUNT, state.budget);
	else if (lua_gethook(L))
		lua_sethook(L, NULL, 0, 0);
}

void preempt_starve(void)
{
	lua_State *L = state.thread;

	if (L == NULL)
		return;
	state.starved = true;
	lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

/* --- life --- */

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

/* --- slices --- */

static void begin(lua_State *thread, enum mode mode)
{
	state.mode = mode;
	state.starved = false;
	set_resting_hook(thread);
	state.stuck_since = 0;
	state.idle = 0;
	state.slice++;
	state.outermost = thread;
	state.thread = thread;
	if (!state.ticking && state.made)
		set_timer(TICK_NS);
}

/* Lua swallows the first count of a thread that was set aside in its hook, so there half
 * the count makes the whole. */
void preempt_begin(lua_State *thread, bool again)
{
	int budget = lua_limits.turn_budget < INT_MAX ? (int)lua_limits.turn_budget : INT_MAX;

	state.budget = again && budget > 1 ? budget / 2 : budget;
	begin(thread, MODE_RUN);
}

void preempt_begin_last(lua_State *thread)
{
	state.budget = 0;
	begin(thread, MODE_LAST);
}

void preempt_begin_load(lua_State *thread, unsigned milliseconds)
{
	state.budget = 0;
	state.load_until = spent_ns() + (uint64_t)milliseconds * 1000000;
	begin(thread, MODE_LOAD);
}

void preempt_end(void)
{
	lua_State *thread = state.outermost;

	state.thread = NULL;
	state.outermost = NULL;
	state.starved = false;
	if (lua_gethook(thread))
		lua_sethook(thread, NULL, 0, 0);
}

lua_State *preempt_outermost(void)
{
	return state.outermost;
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
	if (state.budget == 0 && state.mode != MODE_LOAD && lua_gethook(left)) {
		lua_sethook(left, NULL, 0, 0);
		if (former)
			lua_sethook(former, hook, LUA_MASKCOUNT, 1);
	}
	state.thread = former;
	if (state.starved && former)
		lua_sethook(former, hook, LUA_MASKCOUNT, 1);
}
