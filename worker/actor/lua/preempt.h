/* Preemption: a run's slice ends after about a millisecond, wherever its code loops.
 *
 * A permanent count hook costs 20-130 %, so a 1 ms timer signal arms one only when the
 * same slice has lasted two ticks. (lua_sethook may be called from a signal handler:
 * https://www.lua.org/manual/5.4/manual.html#lua_sethook) An armed hook is never armed
 * again: that is O(call depth), and would live-lock. */
#ifndef WORKER_ACTOR_LUA_PREEMPT_H
#define WORKER_ACTOR_LUA_PREEMPT_H

#include <lua.h>
#include <stdbool.h>

int preempt_init(void);
void preempt_fini(void);

/* A slice of a run begins on this thread, and ends. again: the last one was set aside. */
void preempt_begin(lua_State *thread, bool again);
void preempt_end(void);

/* A last slice: it is never set aside, but ended by errors from its second tick on. */
void preempt_begin_last(lua_State *thread);

/* A class file is loaded: errors end it once it has lasted so long. */
void preempt_begin_load(lua_State *thread, unsigned milliseconds);

/* The thread that the slice began on, NULL between slices. */
lua_State *preempt_outermost(void);

/* Code goes on inside a user's coroutine, and comes back: what was running before. */
lua_State *preempt_enter(lua_State *thread);
void preempt_leave(lua_State *former, lua_State *left);

/* The run under way has used its memory up: errors end it. Called by the allocator. */
void preempt_starve(void);

#endif
