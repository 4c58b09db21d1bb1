/* Room: the bytes that this gateway holds for all its sessions together, in three kinds, each
 * with a bound. No session may have more than half of what is left of one, so the last of it
 * goes to those who hold least. */
#ifndef WORKER_GATEWAY_ROOM_H
#define WORKER_GATEWAY_ROOM_H

#include <stdbool.h>
#include <stddef.h>

struct gateway;
struct session;

struct room {
	size_t most, used; /* bytes */
};

/* This gateway's share of the node's bounds. */
void room_init(struct gateway *g, unsigned gateways);

/* What the session's buffers take is counted anew: after any of them has changed. */
void room_count(struct session *s);
/* They are gone. */
void room_forget(struct session *s);

/* Whether it may hold so much of a line that is not whole yet. */
bool room_for_line(size_t bytes);
/* Whether it may have one more request of so many bytes in flight. */
bool room_for_request(const struct session *s, size_t bytes);
/* So much of its output is unread that nothing more is taken from it. */
bool room_brims(const struct session *s);
/* More than half of what is left for output is its own. */
bool room_crowded(const struct session *s);
/* The output of all is over its bound. */
bool room_is_over(void);

#endif
