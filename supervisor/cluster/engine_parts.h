/* What the files of the engine share. */
#ifndef SUPERVISOR_CLUSTER_ENGINE_PARTS_H
#define SUPERVISOR_CLUSTER_ENGINE_PARTS_H

#include <raft.h>
#include <raft/uv.h>
#include <sys/queue.h>

#include "supervisor/cluster/engine.h"

/* libuv inside libev: engine_uv.c */
struct uv_inside {
	struct ev_loop *loop;
	uv_loop_t uv;
	struct ev_io watcher;
	struct ev_timer timer;
	struct ev_prepare pump;
	void (*after)(void *owner); /* each time libuv has run */
	void *owner;
};

int uv_inside_init(struct uv_inside *u, struct ev_loop *loop, void (*after)(void *owner), void *owner);
/* All its handles must be closed. */
void uv_inside_fini(struct uv_inside *u);

TAILQ_HEAD(engine_dials, engine_dial);

struct engine {
	struct ev_loop *loop;
	struct engine_handlers handlers;
	void *owner;
	struct uv_inside uv;
	struct raft raft;
	struct raft_io io;
	struct raft_fsm fsm;
	struct raft_uv_transport transport;
	raft_uv_accept_cb on_accept;
	/* What stands between libraft and its messages, and when a leader was heard last. */
	int (*start)(struct raft_io *io, unsigned every, raft_io_tick_cb tick, raft_io_recv_cb receive);
	raft_io_tick_cb tick;
	raft_io_recv_cb receive;
	raft_time heard_at; /* ms */
	struct {
		raft_id id;
		raft_time at; /* ms */
	} *heard;             /* servers that have answered */
	uint32_t heard_count;
	struct engine_dials dials;
	char *directory;
	bool closing, closed, failed, ready; /* ready: started */
	raft_term decided; /* the last one in which this leader has had an entry of its own committed */
	void (*on_closed)(void *owner);
	void *closer;
	/* As told last by on_change. */
	int told_state;
	raft_id told_leader;
	raft_index told_configuration;
	unsigned told_servers;
	unsigned told_roles;
};

/* The transport's functions, and its end: engine_transport.c */
void engine_transport_init(struct engine *e);

/* Before the start: messages come by way of engine_receive.c */
void engine_receive_init(struct engine *e);
bool engine_has_heard(const struct engine *e, raft_id id);

#endif
