/* The door: the cluster listener and who stands before it, not yet let in. Strangers cannot use it
 * up (guard.h): of those over the bound the one that has stood there longest goes, of the host
 * that has the most. Hosts that are known stand in a row of their own, with the same bound. */
#ifndef WORKER_TUNNEL_DOOR_H
#define WORKER_TUNNEL_DOOR_H

#include "worker/tunnel/greeting.h"
#include "worker/tunnel/guard.h"

struct visitor;

/* Connections that have not authenticated, in the order in which they came. */
struct door_row {
	struct visitor *oldest, *newest;
	uint32_t count;
};

struct door {
	struct ev_loop *loop;
	const struct greeting_self *self;
	int fd; /* -1: closed */
	struct ev_io io;
	struct ev_timer pause; /* no descriptors: nobody is asked in for a moment */
	struct guard guard;
	struct door_row known, strangers;
	uint32_t most; /* in each row */
	uint64_t refused;
	bool short_of; /* of descriptors, and logged */
	/* Somebody is in; the result lives for the call. */
	void (*on_arrived)(struct door *door, const struct greeting_result *result, struct tls_stream *take_stream);
	void *owner;
};

void door_init(struct door *door, struct ev_loop *loop, const struct greeting_self *self, void *owner);
/* Before it is opened. */
void door_limit(struct door *door, uint32_t most, struct guard_limits limits);
/* Closes the listener and sends everybody away. */
void door_fini(struct door *door);

/* Opens it, instead of the listener that it has had. */
void door_open(struct door *door, int take_fd);

/* Who is at the other end of the socket knows the secret: this node has dialled it. */
void door_knows(struct door *door, int fd);

#endif
