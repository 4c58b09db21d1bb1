/* A session: one client connection, its bytes in and out. */
#ifndef WORKER_GATEWAY_SESSION_H
#define WORKER_GATEWAY_SESSION_H

#include <sys/queue.h>

#include "common/buffer.h"
#include "common/map.h"
#include "proto/client.h"
#include "worker/gateway/subject.h"

#define SESSION_PEER 52 /* `[address]:port` of IPv6 and its end */

struct gateway;
struct pending;

TAILQ_HEAD(session_pending_list, pending);

/* A `sync` that waits for what came before it. */
struct barrier {
	struct barrier *next;
	uint64_t after; /* number of the last request before it */
	size_t id_length;
	char id[CLIENT_ID_MAX];
};

enum session_state {
	SESSION_OPEN,
	SESSION_FINISHING, /* bye, or its time is over: what is in flight is finished, nothing more is read */
	SESSION_CLOSING,   /* ends when the loop prepares */
	SESSION_STATE_COUNT
};

/* Where it queues, if it does. */
enum session_queue {
	SESSION_NOWHERE,
	SESSION_LINE,    /* to be served next (crowd.h) */
	SESSION_CROWD,   /* the same, one of many that ask for much */
	SESSION_PAUSED,  /* for the link of a worker it has asked to drain */
	SESSION_LEAVING, /* closing: it is freed when the loop prepares */
	SESSION_QUEUES
};

struct session {
	TAILQ_ENTRY(session) all, dirty_next, stalled_next, queue_next, unfinished_next;
	int fd;
	enum session_state state;
	enum session_queue queue;
	bool is_dirty, is_stalled, is_unfinished; /* unfinished: a line has begun, and not ended */
	bool ready, owed;  /* it may have something to be heard, or is owed output, at its next go */
	bool readable, writable; /* its socket, as far as is known (readiness.h) */
	bool half_closed;  /* the client has closed its side, or all of it */
	bool brims;        /* nothing is taken from it until more of its output is read */
	bool lines_wait;   /* `in` may hold whole lines */
	bool greeted;      /* its first line has been seen */
	bool discarding;   /* the rest of a line that is too long */
	bool muted;        /* it is sent what waits and nothing more, then it ends */
	bool parting, sends_on; /* it has been written its last; it was seen to send still */
	unsigned inflight, bad_lines; /* bad: consecutive */
	size_t pending_bytes; /* of what is in flight */
	uint64_t number, since_ms; /* of this connection, for admins; real time */
	uint64_t heard_at, progress_at, begun_at, farewell_at; /* ms; begun: the unfinished line; farewell: 0, not told */
	uint64_t requests; /* counts them */
	uint64_t greedy_until; /* monotonic ms (crowd.h), and lines since crowd.c began to count */
	unsigned lines, lines_since;
	struct buffer in, out;
	struct bytes ahead; /* read, and not looked at: only while its queue is served */
	size_t counted_in, counted_out; /* bytes of these that room.c knows of */
	struct session_pending_list pendings; /* in the order they came */
	struct barrier *first_barrier, *last_barrier;
	struct map watches;      /* id -> struct watch */
	unsigned barriers;       /* how many: they count as requests in flight */
	unsigned asking;         /* watches that are not live yet */
	struct watch_list behind;
	char *client;            /* the name it gave itself, or NULL */
	char peer[SESSION_PEER];
};

TAILQ_HEAD(session_list, session);

/* Into a queue's end, out of the one it is in. */
void session_put(struct session *s, enum session_queue queue);

/* Takes the socket; greets. */
void session_begin(int take_fd, const char *peer);

/* Appends a line; it leaves when the loop prepares. Past [client] output the session ends. */
void session_send(struct session *s, const struct client_line *line);
/* The same for a line whose tail is encoded already. */
void session_send_tail(struct session *s, struct bytes id, struct bytes tail);

/* Ends it with `* bye code`, as soon as that is written. */
void session_end(struct session *s, enum error_code code);
/* Nothing more is read; it ends when everything in flight is answered. */
void session_finish(struct session *s);
/* The server stops: what is in flight is finished, what comes now, or crosses the farewell, is refused. */
void session_drain(struct session *s);
/* Ends it as it is; it goes when the loop prepares. */
void session_close(struct session *s);
/* Something was answered: barriers, a pending end. */
void session_settled(struct session *s);

/* The reader is slow: events are folded until it catches up. */
bool session_is_slow(const struct session *s);

/* Its bytes are taken: it is open, not paused, and reads what it is sent. */
bool session_may_read(struct session *s);
/* It has asked a worker whose link is full: it is read no further until the link drains. */
void session_pause(struct session *s);
void session_resume_all(struct gateway *g);

/* Its socket has become readable or writable. */
void session_on_ready(struct session *s);

/* Between loop turns: writes what is waiting. */
void session_flush_all(struct gateway *g);
/* Frees what has ended, as far as the loop turn has time for. True: there are more. */
bool session_reap_all(struct gateway *g);

#endif
