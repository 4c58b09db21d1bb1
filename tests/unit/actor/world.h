/* The world around the Lua host in its tests: a bundle of class files, actors of them,
 * turns, and the services of turn.h, which write down what they were asked. */
#ifndef TESTS_UNIT_ACTOR_WORLD_H
#define TESTS_UNIT_ACTOR_WORLD_H

#include <stddef.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "worker/actor/host.h"
#include "worker/actor/turn.h"

/* An actor: its address, its class and its properties. */
struct actor {
	const char *address;
	struct class *class;
	struct value slots[CLASS_PROPERTIES_MAX];
};

extern const struct host_limits world_limits; /* generous ones */

/* With these limits; world_limits where NULL. Every test begins and ends with these. */
void world_init(const struct host_limits *limits);
void world_fini(void);

/* Loads one class file, `things.lua`, as the class of world_actor; it must load. */
void world_load(const char *source);

/* Loads path, source, path, source, …, NULL. Classes that were loaded before stay until
 * world_fini(). Returns the problems as `file:line: message` lines, "" where all is well. */
const char *world_load_files(const char *path, ...);

/* Class number i of the last bundle. */
struct class *world_class(size_t i);

/* An actor with fresh properties. */
struct actor *world_actor(struct class *class, const char *address);

/* A turn of an actor, for one run after another; world_fini() ends it at the latest. */
struct turn *world_turn(struct actor *a);
void world_turn_end(struct turn *t);

/* One call, arguments as JSON, over all its slices, and how it went: the result as JSON,
 * `app {details}`, or `waiting`. Valid until the next one. */
const char *world_start(struct turn *t, const char *method, const char *arguments);
const char *world_enter(struct turn *t, enum host_entry entry, const char *name, const char *arguments);
/* Goes on after a wait, with an answer as JSON, or with an error. */
const char *world_answer(struct turn *t, const char *json);
const char *world_refuse(struct turn *t, enum error_code code, const char *json);
/* One slice of a call: it may be `preempted`, and go on by another. */
const char *world_begin(struct turn *t, const char *method, const char *arguments);
const char *world_go_on(struct turn *t);

/* All of that for one call of `things.1`, until it is over or waits. */
const char *world_call(const char *method, const char *arguments);

/* Loads a class whose method `run` is this code, calls it, and says how it went. */
const char *world_run(const char *code);

/* What the last failure has for the log, "" where it has nothing. */
const char *world_report(void);

/* What the services were asked since the last time, a line each. */
const char *world_asked(void);

/* The next wait or output is refused with this. */
void world_refuse_next(enum error_code code, const char *why);
/* The next assignment fails with this -errno. */
void world_refuse_assignment(int error);

/* The property as JSON. */
const char *world_property(struct actor *a, const char *name);

/* Who sent the messages from now on. */
extern const char *world_caller;

#endif
