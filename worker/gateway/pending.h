/* Requests in flight: what was asked of actor workers, for whom, and how to ask again. */
#ifndef WORKER_GATEWAY_PENDING_H
#define WORKER_GATEWAY_PENDING_H

#include "common/timer.h"
#include "worker/gateway/session.h"

struct worker_link;

enum pending_kind {
	PENDING_CLIENT,  /* a session's request */
	PENDING_RELAY,   /* an actor's, of another worker */
	PENDING_TELL,    /* the same, without a reply: it lives until it is sent */
	PENDING_REWATCH, /* this gateway's own, to take up a watch at a new owner */
};

enum pending_place { PENDING_NOWHERE, PENDING_SENT, PENDING_HELD, PENDING_HOMELESS };

/* The request's slices point into the bytes behind it. */
struct pending {
	TAILQ_ENTRY(pending) place_next; /* in its worker's sent or held list, or the homeless */
	TAILQ_ENTRY(pending) of_session;
	enum pending_kind kind;
	enum pending_place place;
	struct worker_link *worker;  /* SENT, HELD: where */
	struct ipc_request request;  /* rid is this gateway's: the slot in the table */
	uint64_t sent_end;           /* SENT: it is the worker's once its link has sent so much */
	struct timer deadline;
	/* CLIENT */
	struct session *session;     /* NULL: gone, the answer is for nobody */
	enum client_verb verb;
	bool quiet;
	struct watch *watch;         /* WATCH: made, not yet live */
	uint64_t number;             /* of the session's requests */
	size_t id_length;
	char id[CLIENT_ID_MAX];
	/* RELAY: who asked */
	uint32_t relay_worker, relay_incarnation, relay_rid;
};

/* Copies what the request's slices point to, gives it a rid. NULL where there is no
 * memory (a client sizes it). */
struct pending *pending_new(enum pending_kind kind, const struct ipc_request *request);
/* Out of every list and table. */
void pending_free(struct pending *p);

struct pending *pending_by_rid(uint32_t rid);

/* For a session. */
void pending_attach(struct pending *p, struct session *s, struct bytes id);
struct pending *pending_find(const struct session *s, struct bytes id);
/* Whether a request numbered at most `number` is unanswered. */
bool pending_before(const struct session *s, uint64_t number);
/* The session is gone: what is in flight answers nobody. */
void pending_forget_session(struct session *s);

#endif
