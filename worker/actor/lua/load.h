/* Loading a bundle: every class file in a state of its own, all problems told at once. */
#ifndef WORKER_ACTOR_LUA_LOAD_H
#define WORKER_ACTOR_LUA_LOAD_H

#include "worker/actor/lua/lua_class.h"

int load_bundle(const struct host_bundle *bundle, struct class ***ret_classes, size_t *ret_count,
             struct host_problems *problems);
void load_unload(struct class *class);

#endif
