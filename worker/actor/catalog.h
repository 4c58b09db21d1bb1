/* The catalog: the classes in force, found by address, replaced as a whole by a reload. */
#ifndef WORKER_ACTOR_CATALOG_H
#define WORKER_ACTOR_CATALOG_H

#include "worker/actor/host.h"

/* Zeroed memory is a catalog without classes. */
struct catalog {
	struct class **classes; /* most literal pattern first */
	size_t count;
	uint32_t serial; /* of the bundle */
};

void catalog_fini(struct catalog *c);

/* Reads a bundle (proto/control.h: a memfd with a msgpack map of path to source) and
 * compiles it. check: only tries. Else it is in force on success, the former classes
 * retired. 0, -EINVAL with problems, or the errno of reading it. */
int catalog_load(struct catalog *c, const struct host_ops *ops, int fd, uint32_t serial, bool check,
                 struct host_problems *problems);

/* The class of an address or NULL; the most literal pattern wins. */
struct class *catalog_match(const struct catalog *c, struct bytes address);

#endif
