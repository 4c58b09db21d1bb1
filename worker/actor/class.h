/* A class: the pattern of its addresses, the layout of its actors' properties, and
 * the host that runs its code. */
#ifndef WORKER_ACTOR_CLASS_H
#define WORKER_ACTOR_CLASS_H

#include "worker/actor/value.h"

#define CLASS_PROPERTIES_MAX 256
#define CLASS_PARAMETERS_MAX 16

struct host_ops;

enum class_durability {
	CLASS_COMMIT, /* outputs wait for stable storage */
	CLASS_ASYNC,  /* outputs leave at once, changes are stored within a second */
	CLASS_NONE,   /* never stored */
};

/* What a property takes, by its default (actors.md, Values): browsers drop `.0`. */
enum class_number { CLASS_ANY, CLASS_INTEGER, CLASS_REAL };

struct property {
	char *name;
	struct value fallback; /* the default */
	enum class_number number;
	bool private;  /* name begins with `_` */
	bool writable; /* clients may set it */
	bool checked;  /* the host has a check function for it */
};

/* Made and filled by a host's load(); counted: each actor in memory and each turn
 * under way holds one reference, so old code lives until its last turn ends. */
struct class {
	char *name;    /* the file without `.lua`: `players` */
	char *file;    /* as logged: `players.lua` */
	char *pattern; /* `players.{id}` */
	int64_t version; /* Class.version, 0 where unset */
	bool reentrant;
	enum class_durability durability;
	bool has_create, has_activate, has_migrate;
	uint32_t property_count;
	struct property *properties;
	const struct host_ops *ops;
	void *host; /* the host's own */
	unsigned references;
	bool retired; /* a reload has replaced it: actors move to its successor */
};

struct class *class_ref(struct class *c);
/* Calls ops->unload when the last one goes. Accepts NULL. */
void class_unref(struct class *c);

/* Index of a property or -1. */
int class_property(const struct class *c, struct bytes name);

/* The well-formedness of a pattern: segments as of an address, or `{name}`. NULL or
 * a sentence. */
const char *class_pattern_problem(const char *pattern);

/* Whether address matches; then ret_parameters[i] is the i-th brace's segment (still
 * percent-encoded, borrowed from address) and *ret_names[i] its name. */
bool class_match(const struct class *c, struct bytes address, size_t *ret_count,
                 struct bytes ret_names[CLASS_PARAMETERS_MAX],
                 struct bytes ret_parameters[CLASS_PARAMETERS_MAX]);

#endif
