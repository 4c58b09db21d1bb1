/* What a class host (Lua; C plugins later) offers the actor worker: it turns source
 * into classes and runs their code, one turn at a time. */
#ifndef WORKER_ACTOR_HOST_H
#define WORKER_ACTOR_HOST_H

#include "proto/error.h"
#include "worker/actor/class.h"

struct turn;

/* The class files of one version: path relative to the class directory -> source.
 * Files at the top are classes; those in folders are modules for `require`. */
struct host_file {
	struct bytes path, source;
};

struct host_bundle {
	const struct host_file *files;
	size_t count;
};

struct host_problem {
	char *file;
	int line; /* 0: unknown */
	char *message;
};

struct host_problems {
	struct host_problem *list;
	size_t count;
};

void host_problem_add(struct host_problems *problems, struct bytes file, int line, const char *message);
void host_problems_fini(struct host_problems *problems);

struct host_limits {
	uint64_t turn_budget;  /* Lua instructions of one slice; 0: by time, about 1 ms */
	uint64_t turn_memory;  /* net bytes a turn may allocate */
	uint64_t class_memory; /* bytes of one class's state */
};

enum host_entry {
	HOST_METHOD,   /* name, arguments */
	HOST_CREATE,   /* arguments: [params] */
	HOST_ACTIVATE,
	HOST_MIGRATE,  /* arguments: [from version] */
	HOST_CHECK,    /* name of the property, arguments: [value]; outcome a boolean */
};

enum host_status {
	HOST_DONE,      /* outcome.result */
	HOST_FAILED,    /* outcome.code, details, report */
	HOST_WAITING,   /* inside a turn_wait_*() service; resume() with its answer */
	HOST_PREEMPTED, /* its slice is over; resume() with NULL when others have run */
};

/* Valid until the host is called again or the loop turns. */
struct host_outcome {
	struct bytes result;    /* one msgpack value */
	enum error_code code;   /* ERROR_APP, or ERROR_INTERNAL for a fault of ours */
	struct bytes details;   /* msgpack map {"code":…,"message":…[,…]} for the requester */
	struct bytes report;    /* for the log: message with class file and line; empty where
	                         * the actor said no on purpose (stage.error) */
};

/* The answer that ends a wait: a value, or an error code with its details. */
struct host_answer {
	enum error_code code;
	struct bytes payload; /* ERROR_NONE: one msgpack value; else a map or empty */
};

struct host_ops {
	const char *name;

	/* Compiles and runs every class of the bundle; all or nothing. 0, or -EINVAL with
	 * problems. *ret_classes: an array to free(), each class with one reference. */
	int (*load)(const struct host_bundle *bundle, struct class ***ret_classes,
	            size_t *ret_count, struct host_problems *problems);
	void (*unload)(struct class *class);

	/* Public or private method of that name? (create, activate, migrate and the fields of
	 * stage.class are none.) */
	bool (*has_method)(const struct class *class, struct bytes name);

	/* Begins running; at most one run per turn at a time. The run's state hangs at
	 * turn->host_state, NULL before and after. */
	enum host_status (*start)(struct turn *turn, enum host_entry entry, struct bytes name,
	                          struct bytes arguments, struct host_outcome *ret);
	enum host_status (*resume)(struct turn *turn, const struct host_answer *answer,
	                           struct host_outcome *ret);
	/* Gives the run up: none of its code runs again. Accepts a turn without one. */
	void (*abort)(struct turn *turn);
};

/* The Lua host. */
int lua_host_init(const struct host_limits *limits);
void lua_host_fini(void);
/* Bytes that all class states hold. */
size_t lua_host_memory(void);
/* Collects the garbage of all of them, between turns. */
void lua_host_collect(void);
extern const struct host_ops lua_host_ops;

#endif
