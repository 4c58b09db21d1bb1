/* A session: one client connection, its bytes in and out. */
#ifndef WORKER_GATEWAY_SESSION_H
#define WORKER_GATEWAY_SESSION_H

#include <ev.h>
#include <sys/queue.h>

#include "common/buffer.h"
#include "common/map.h"
#include "proto/client.h"
#include "worker/gateway/subject.h"

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
	SESSION_FINISHING, /* bye or drain: what is in flight is finished, nothing more is read */
	SESSION_CLOSING,   /* ends when the loop prepares */
	SESSION_STATE_COUNT
};

struct session {
	TAILQ_ENTRY(session) all;
	TAILQ_ENTRY(session) dirty_next, stalled_next, closing_next, paused_next;
	struct ev_io io;
	enum session_state state;
	bool is_dirty, is_stalled, is_paused;
	bool greeted;      /* its first line has been seen */
	bool discarding;   /* the rest of a line that is too long */
	bool muted;        /* it is sent what waits and nothing more, then it ends */
	bool parting;      /* it has been written its last, and may be sending still … */
	bool sends_on;     /* … as it has been seen to */
	unsigned bad_lines; /* consecutive */
	unsigned inflight;
	size_t pending_bytes; /* of what is in flight */
	uint64_t number;   /* of this connection, for admins */
	uint64_t since_ms; /* real time */
	uint64_t heard_at, progress_at; /* monotonic ms */
	uint64_t requests; /* counts them */
	struct buffer in, out;
	struct session_pending_list pendings; /* in the order they came */
	struct barrier *first_barrier, *last_barrier;
	unsigned barriers;       /* how many: they count as requests in flight */
	struct map watches;      /* id -> struct watch */
	unsigned asking;         /* watches that are not live yet */
	struct watch_list behind;
	char *client;            /* the name it gave itself, or NULL */
	char peer[64];
};

TAILQ_HEAD(session_list, session);

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
/* The server stops: what is in flight is finished, what comes now is refused. */
void session_drain(struct session *s);
/* Ends it as it is; it goes when the loop prepares. */
void session_close(struct session *s);
/* Something was answered: barriers, a pending end. */
void session_settled(struct session *s);

/* The reader is slow: events are folded until it catches up. */
bool session_is_slow(const struct session *s);

/* It has asked a worker whose link is full: it is read no further until the link drains. */
void session_pause(struct session *s);
void session_resume_all(struct gateway *g);

/* Watches its socket for what its state needs. */
void session_watch_socket(struct session *s);

/* Between loop turns: writes what is waiting, reaps what has ended. */
void session_flush_all(struct gateway *g);
/* Time limits: stall and idle. */
void session_check_time(struct gateway *g, uint64_t now);

#endif
