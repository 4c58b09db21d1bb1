/* Running code of a class for a turn: the host's start, resume and abort. */
#ifndef WORKER_ACTOR_LUA_RUN_H
#define WORKER_ACTOR_LUA_RUN_H

#include "worker/actor/lua/lua_class.h"

bool lua_run_has_method(const struct class *class, struct bytes name);
enum host_status lua_run_start(struct turn *turn, enum host_entry entry, struct bytes name,
                               struct bytes arguments, struct host_outcome *ret);
enum host_status lua_run_resume(struct turn *turn, const struct host_answer *answer, struct host_outcome *ret);
void lua_run_abort(struct turn *turn);
void lua_run_fini(void);

#endif
