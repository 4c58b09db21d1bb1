/* Calls under way: what actors of this worker have asked of others, by the rid that
 * the reply will carry. */
#ifndef WORKER_ACTOR_CALL_H
#define WORKER_ACTOR_CALL_H

#include "worker/actor/actor.h"

struct call {
	struct timer deadline;
	uint32_t rid;
	uint16_t peer;             /* the gateway that carries it, or PEER_SELF */
	struct turn_private *turn; /* that waits; NULL: a watch's first answer */
};

/* A new one; the deadline (0: none) is armed. */
struct call *call_begin(struct worker *w, struct turn_private *turn, uint16_t peer, uint64_t deadline);

/* Its answer finds nobody from now on. Does nothing where it has ended. */
void call_forget(struct worker *w, uint32_t rid);

/* A REPLY frame for one of ours. */
void call_reply(struct worker *w, const struct ipc_reply *reply);

/* Another gateway carries it from now on. */
void call_redirect(struct worker *w, uint32_t rid, uint16_t peer);

/* The gateway that carried them died: each is answered `lost`. */
void call_lose_peer(struct worker *w, uint16_t peer);

#endif
