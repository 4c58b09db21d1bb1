/* Mailboxes: how messages reach an actor, wait for it, and are taken one at a time. */
#ifndef WORKER_ACTOR_MAILBOX_H
#define WORKER_ACTOR_MAILBOX_H

#include "worker/actor/actor.h"

/* A REQUEST frame from a peer: checked, then queued; what cannot be is answered. */
void mailbox_receive(struct worker *w, uint16_t peer, const struct ipc_request *request);

/* A message of the actor's own making (an alarm, a watched change); full mailboxes
 * drop it with a line in the log. arguments: msgpack array. */
void mailbox_post(struct worker *w, struct actor *a, struct bytes method, struct bytes arguments);

/* A CANCEL frame: a queued request is answered `cancelled` and never runs; one that
 * runs is answered so, and its turn goes on. */
void mailbox_cancel(struct worker *w, uint16_t peer, uint32_t rid);

/* The peer died: nobody waits for what it had asked. */
void mailbox_forget_peer(struct worker *w, uint16_t peer);

/* Puts a into the ready list if it has mail and may take it. Call after anything that
 * could have changed either. */
void mailbox_wake(struct worker *w, struct actor *a);

/* Out of the ready list. */
void mailbox_unready(struct actor *a);

/* A request for a shard that is another's goes to a gateway, in place of who cannot route it
 * again: an actor of this worker that asked before the shard was gone, or the sender of a tell,
 * which has no answer. false: its sender can. */
bool mailbox_pass_on(struct worker *w, uint16_t peer, const struct ipc_request *request);

/* The next message, out of the mailbox; NULL where there is none. */
struct message *mailbox_take(struct worker *w, struct actor *a);

/* Answers everything queued with code; at once, since none of it has run. */
void mailbox_refuse_all(struct worker *w, struct actor *a, enum error_code code, const char *key,
                        struct bytes text);

/* The actor's shard is leaving: queued requests go back to their gateways, which route them
 * again; what belongs to turns under way, and tells, stay (release.h). */
void mailbox_hand_back(struct worker *w, struct actor *a);

/* Frees a message that was taken; it has been answered. */
void mailbox_done(struct worker *w, struct message *m);

#endif
