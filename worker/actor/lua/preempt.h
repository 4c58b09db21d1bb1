/* Preemption: a run's slice ends after about a millisecond, wherever its code loops.
 *
 * A permanent count hook costs 20-130 %, so a 1 ms timer signal arms one only when the
 * same slice has lasted two ticks. (lua_sethook may be called from a signal handler:
 * https://www.lua.org/manual/5.4/manual.html#lua_sethook) An armed hook is never armed
 * again: that is O(call depth), and would live-lock. */
#ifndef WORKER_ACTOR_LUA_PREEMPT_H
#define WORKER_ACTOR_LUA_PREEMPT_H

#include <lua.h>

int preempt_init(void);
void preempt_fini(void);

/* A slice of a run begins on this thread, and ends. */
void preempt_begin(lua_State *thread);
void preempt_end(lua_State *thread);

/* Code goes on inside a user's coroutine, and comes back: what was running before. */
lua_State *preempt_enter(lua_State *thread);
void preempt_leave(lua_State *former, lua_State *left);

/* While code runs that may not go on for long (a run is given up, `__close` runs): an
 * error is raised at its first instruction beyond the present tick. */
void preempt_begin_last(lua_State *thread);

/* While a class file is loaded: an error once it has lasted so long. */
void preempt_begin_load(lua_State *thread, unsigned milliseconds);
void preempt_end_load(lua_State *thread);

#endif
