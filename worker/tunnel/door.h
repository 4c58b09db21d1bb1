/* The door: the cluster listener and who stands before it, not yet known. Strangers cannot
 * use it up: the one that has stood there longest goes when another comes over the bound. */
#ifndef WORKER_TUNNEL_DOOR_H
#define WORKER_TUNNEL_DOOR_H

#include "worker/tunnel/greeting.h"

#define DOOR_MOST 64      /* connections that have not authenticated */
#define DOOR_STRANGERS 64 /* peers that are remembered: a refusal of each is logged once an hour */

struct visitor;

struct stranger {
	char host[48];
	uint64_t logged_at; /* CLOCK_MONOTONIC ms */
};

struct door {
	struct ev_loop *loop;
	const struct greeting_self *self;
	int fd; /* -1: closed */
	struct ev_io io;
	struct ev_timer pause; /* no descriptors: nobody is asked in for a moment */
	struct visitor *oldest, *newest;
	uint32_t count;
	uint64_t refused;
	struct stranger strangers[DOOR_STRANGERS];
	uint32_t next_stranger;
	bool short_of; /* of descriptors, and logged */
	/* Somebody is in; the result lives for the call. */
	void (*on_arrived)(struct door *door, const struct greeting_result *result, struct tls_stream *take_stream);
	void *owner;
};

void door_init(struct door *door, struct ev_loop *loop, const struct greeting_self *self, void *owner);
/* Closes the listener and sends everybody away. */
void door_fini(struct door *door);

/* Opens it, instead of the listener that it has had. */
void door_open(struct door *door, int take_fd);

#endif
