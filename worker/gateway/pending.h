/* Requests in flight: what was asked of actor workers, for whom, and how to ask again. */
#ifndef WORKER_GATEWAY_PENDING_H
#define WORKER_GATEWAY_PENDING_H

#include "common/timer.h"
#include "worker/gateway/session.h"

struct peer;

enum pending_kind {
	PENDING_CLIENT,  /* a session's request */
	PENDING_RELAY,   /* an actor's of another worker, or what another node asks */
	PENDING_TELL,    /* the same, without a reply: it lives until the kernel has it */
	PENDING_REWATCH, /* this gateway's own, to take up a watch at a new owner */
};

enum pending_place {
	PENDING_NOWHERE,
	PENDING_SENT,     /* its worker's link has it; a TELL: the kernel may not have it yet */
	PENDING_HELD,     /* its worker is away */
	PENDING_HOMELESS, /* its shard has no owner, or is between two, or the map is awaited that it was sent by */
	PENDING_ANSWERED, /* its answer is kept until a watch is taken up (kept.h) */
};

/* The request's slices point into the bytes behind it. */
struct pending {
	TAILQ_ENTRY(pending) place_next; /* in the list of its place */
	TAILQ_ENTRY(pending) asked_next; /* CLIENT: of its session; RELAY: of who asked, until that is answered */
	enum pending_kind kind;
	enum pending_place place;
	struct peer *peer;  /* SENT, HELD: where */
	struct ipc_request request;  /* rid is this gateway's: the slot in the table */
	uint64_t order;              /* among those that wait: as they came; 0: before all */
	uint64_t sent_end;           /* SENT: it is the worker's once its link has sent so much */
	size_t size;                 /* bytes it takes here */
	struct timer deadline;
	struct ipc_reply *kept;      /* ANSWERED: that, owned */
	unsigned wait_ms;            /* REWATCH: after the next refusal */
	/* CLIENT */
	struct session *session;     /* NULL: gone or answered, the reply is for nobody */
	enum client_verb verb;
	bool quiet;
	bool returned;               /* handed back by an owner that lets its shard go */
	bool cancelled;              /* SENT: its worker has been asked to give it up */
	struct watch *watch;         /* WATCH: made, not yet live */
	uint64_t number;             /* of the session's requests */
	uint64_t id_print;           /* of the ID: most others differ in it */
	size_t id_length;
	char id[CLIENT_ID_MAX];
	/* RELAY, TELL: who asked */
	bool of_asker; /* a gateway of another node … */
	uint32_t asked_epoch; /* … whose map said so (CONTROL_EPOCH_CLUSTER): this gateway's may be older */
	bool answered; /* at its deadline: what its owner says yet is for nobody */
	uint32_t relay_peer, relay_incarnation, relay_rid;
};

/* Bytes that one takes here. */
size_t pending_size(const struct ipc_request *request);

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

/* It has had its answer, or nobody waits for one. What a worker has keeps its rid until
 * that worker has replied, or died: a late reply must never meet another's request. */
void pending_dismiss(struct pending *take_pending);
/* The session is gone: what is in flight answers nobody. */
void pending_forget_session(struct session *s);

#endif
