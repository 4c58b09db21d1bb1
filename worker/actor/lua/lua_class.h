/* Inside the Lua host: a class's state, its memory, and the run under way. */
#ifndef WORKER_ACTOR_LUA_CLASS_H
#define WORKER_ACTOR_LUA_CLASS_H

#include <lauxlib.h>
#include <lua.h>
#include <sys/queue.h>

#include "worker/actor/host.h"
#include "worker/actor/turn.h"

#define LUA_CLASS_POOL 64           /* parked coroutines kept for the next turn */
#define LUA_CLASS_BLOCK (2u << 20)  /* most bytes of one block */
#define LUA_CLASS_REST_NS 1000000000 /* between collections of a class that is full */

/* Sources of one bundle, shared by the classes loaded from it. */
struct lua_sources {
	unsigned references;
	size_t count;
	struct host_file *files; /* owned copies */
};

/* What a state allocates. Bounds hold while code of a class runs; the host's own
 * allocations are never refused. */
struct lua_heap {
	size_t used;     /* bytes of this state */
	bool enforced;
	bool starved;    /* a bound was met even after a collection: the run is to end */
	unsigned refusals; /* in a row; the collector runs after the first */
	bool crowded;      /* the last refusal was for the class, not for the run */
	uint64_t crowded_until; /* ns: no run begins before, where collecting did not help; 0: never */
	size_t room;     /* what `used` may grow to */
	size_t run_base; /* `used` when the slice began */
	size_t run_net;  /* net bytes of the run's earlier slices */
};

/* A method under its name, beside the table of members that Lua code looks into. */
struct lua_method {
	char *name;
	size_t length;
	int reference; /* in the registry */
};

/* Hangs at class->host. */
struct lua_class {
	LIST_ENTRY(lua_class) next;
	struct class *class;
	lua_State *state;
	struct lua_heap heap;
	struct lua_sources *sources;
	int members;  /* registry: name -> property index or method */
	int entries;  /* registry: create, activate, migrate */
	int checks;   /* registry: property name -> check function */
	struct lua_method *methods;
	size_t method_count;
	lua_State *pool[LUA_CLASS_POOL];
	int pool_refs[LUA_CLASS_POOL];
	size_t pooled;
};

/* One run of code for a turn; hangs at turn->host_state. */
struct lua_run {
	struct turn *turn;
	struct lua_class *class;
	lua_State *thread;
	int thread_ref;
	void *handle;       /* what `self` is in this run */
	size_t net;         /* bytes that earlier slices allocated and kept */
	size_t asked;       /* bytes of messages, timers and lines of the log since the last wait */
	enum host_entry entry;
	bool waiting;       /* it yielded for an answer */
	bool resumed;       /* it has waited */
	bool preempted;     /* it yielded because its slice was over */
	unsigned blocked;   /* coroutines entered from where nothing can yield */
	const struct host_answer *answer; /* while it resumes from a wait */
};

/* The run whose code runs right now, NULL where none does. */
extern struct lua_run *lua_run_now;
extern struct host_limits lua_limits;

/* What is known of a thread, in its extra space. */
#define LUA_CLASS_BUSY 1u   /* a turn's own thread, whose handle may have been kept, or a
                             * coroutine that a turn waits or was interrupted in */
#define LUA_CLASS_BROKEN 2u /* the hook has raised an error in it: if that ended it, no hook
                             * is ever called in it again, so nothing may run in it */

static inline uintptr_t *lua_class_marks(lua_State *thread)
{
	return lua_getextraspace(thread);
}

/* Every class state belongs to the class at its registry's LUA_CLASS_KEY. */
struct lua_class *lua_class_of(lua_State *L);

struct lua_class *lua_class_new(struct lua_sources *sources);
/* Accepts NULL. */
void lua_class_free(struct lua_class *c);

/* The function on top of the stack is that method; it stays there. NULL: there is none. */
void lua_class_add_method(lua_State *L, struct lua_class *c, const char *name);
const struct lua_method *lua_class_method(const struct lua_class *c, struct bytes name);

/* Gives up one reference. */
void lua_class_release_sources(struct lua_sources *sources);

/* Its memory was used up a moment ago: a run would only collect it all again. */
bool lua_class_is_crowded(const struct lua_class *c);

/* Bytes of all states. */
size_t lua_class_total(void);

/* Collects the garbage of all states, which takes as long as it takes; between runs. */
void lua_class_collect(void);

/* Protected: calls f(L, argument on the stack as light userdata) with no bounds. LUA_OK or
 * the error is on top of the stack. */
int lua_class_protect(lua_State *L, lua_CFunction f, void *argument);

#endif
