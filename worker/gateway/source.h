/* Sources: whose word on a watched actor is taken in, and what becomes of it when the actor
 * moves. What this keeps true of every subject is said in subject.h. */
#ifndef WORKER_GATEWAY_SOURCE_H
#define WORKER_GATEWAY_SOURCE_H

#include "worker/gateway/pending.h"

struct peer;

/* A peer has answered a watch request, whoever still waits for that (it is to tell nobody of
 * changes where nobody does): from here on its events begin anew. Where it is a source since an
 * earlier time as an owner they do not go on from what is held. */
void source_heard(const struct pending *p);
/* False: what is held of the actor does not reach up to this answer. Its owner is asked what
 * lies between, and behind that whoever asked this is to ask again. */
bool source_admits(const struct pending *p, const struct ipc_reply *reply);
/* The owner has answered a watch request, a session's or a relay's. */
void source_answered(struct subject *s, const struct pending *p, const struct ipc_reply *reply);

/* An EVENT frame: where it is the subject's next state it goes to the sessions, and to the
 * actor workers and nodes that watch through here. */
void source_event(struct peer *from, const struct ipc_event *event, struct bytes body);

/* A worker or the shard map is new: owners that have not been asked yet are asked what
 * changed since. */
void source_take_up(void);
/* The answer to that. False: the owner could not say, ask it again. */
bool source_taken_up(struct pending *p, const struct ipc_reply *reply);
/* Asks again in a while; the request goes where nobody needs it any more. */
void source_ask_later(struct pending *take_pending);
/* Asks at once what was to be asked in a while. */
void source_hurry(struct subject *s);

/* The link to an owner is lost: whatever it was the source of is to be taken up again. */
void source_lost(uint32_t owner);
/* The peer does not watch that through here any more; nor anything. */
void source_end_relay(struct subject *take_subject, const struct peer *peer);
void source_forget_relays(const struct peer *peer);

#endif
