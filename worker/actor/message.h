/* One message to an actor: a client's request, another actor's, or a timer's. */
#ifndef WORKER_ACTOR_MESSAGE_H
#define WORKER_ACTOR_MESSAGE_H

#include <sys/queue.h>

#include "proto/ipc.h"
#include "common/timer.h"

struct actor;

/* Who gets the reply: a gateway's link by its index, or one of these. */
#define PEER_SELF 0xfffe   /* an actor of this worker, through its own loopback */
#define PEER_NOBODY 0xffff /* nobody: a tell, a timer, a watched change */

/* The slices of `request` point into the bytes behind the message, which it owns. */
struct message {
	TAILQ_ENTRY(message) mail;   /* in its actor's mailbox */
	TAILQ_ENTRY(message) unanswered; /* in the worker's list, while a reply is owed */
	struct actor *actor;
	struct timer expiry;         /* set while it waits behind a turn */
	struct ipc_request request;
	uint16_t peer;
	bool internal;               /* made by the actor itself: private methods are allowed */
	bool queued;                 /* in the mailbox */
	bool cancelled;
	bool stepped;                /* its turn has committed a step before the present one */
	size_t size;                 /* of all of it */
};

TAILQ_HEAD(message_list, message);

/* Copies what the request's slices point to. NULL where there is no memory: a peer
 * sizes this. */
struct message *message_new(struct actor *actor, const struct ipc_request *request, uint16_t peer);
/* Accepts NULL. */
void message_free(struct message *m);
/* Bytes it takes of the worker's room. */
size_t message_size(const struct ipc_request *request);

/* The method of a CALL or TELL, the members of the others: as text for logs. */
struct bytes message_method(const struct ipc_request *request);

/* Whether address stands in the request's call chain. */
bool message_in_chain(const struct ipc_request *request, struct bytes address);

/* The chain of what a turn running m sends on: m's chain and then the actor itself.
 * false where it would be longer than IPC_CHAIN_MAX. */
bool message_extend_chain(const struct message *m, struct bytes address, struct buffer *out);

#endif
