/* The program stage-gateway: one gateway, from its first control message to its end. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/pool.h"
#include "worker/gateway/accept.h"
#include "worker/gateway/crowd.h"
#include "worker/gateway/drain.h"
#include "worker/gateway/flow.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/input.h"
#include "worker/gateway/pending.h"
#include "worker/gateway/query.h"
#include "worker/gateway/readiness.h"
#include "worker/gateway/relay.h"
#include "worker/gateway/route.h"
#include "worker/gateway/transfer.h"
#include "worker/gateway/watch.h"
#include "worker/gateway/peer.h"

#define HOUSEKEEPING_MS 250

struct gateway gateway = { .listener = -1, .spare_fd = -1 };

/* --- the loop --- */

static void on_housekeeping(struct timer *timer)
{
	uint64_t now = clock_now_ms();

	flow_check_time(&gateway, now);
	input_check_time(&gateway, now);
	timer_set(&gateway.timers, timer, now + HOUSEKEEPING_MS, on_housekeeping);
}

static void arm_clock(bool at_once)
{
	uint64_t at, now = clock_now_ms();

	ev_timer_stop(gateway.loop, &gateway.clock);
	if (!timers_next(&gateway.timers, &at) || at_once)
		at = now;
	/* libev counts from the loop's own time, which may be old. */
	ev_now_update(gateway.loop);
	ev_timer_set(&gateway.clock, at > now ? (double)(at - now) / 1000 : 0., 0.);
	ev_timer_start(gateway.loop, &gateway.clock);
}

static void on_wake(struct ev_loop *loop, struct ev_check *watcher, int events)
{
	(void)loop, (void)watcher, (void)events;
	gateway.now_ms = clock_now_ms();
}

static void on_prepare(struct ev_loop *loop, struct ev_prepare *watcher, int events)
{
	bool again;

	(void)loop, (void)watcher, (void)events;

	timers_run(&gateway.timers, clock_now_ms());
	session_flush_all(&gateway);
	again = crowd_serve(&gateway);
	flow_make_room();
	again |= session_reap_all(&gateway);
	route_settle();
	relay_answer_syncs();
	drain_run();
	again |= peer_flush_all() || gateway.unsettled;
	arm_clock(again);
}

static void on_clock(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
	(void)loop, (void)watcher, (void)events; /* timers run when the loop prepares */
}

/* --- control messages --- */

static void on_hello(struct child *c, const struct control_hello *m)
{
	gateway.config = &c->config;
	gateway.worker_count = m->actors;
	gateway.session_limit = (c->config.client.sessions + m->gateways - 1) / (m->gateways ? m->gateways : 1);
	room_init(&gateway, m->gateways);
	if (!transfer_init())
		log_info("io_uring is not to be had: each client is written to and read by itself");
	if (m->actors > CONTROL_WORKERS_MAX) {
		child_fail(c, EX_SOFTWARE, "more actor workers than a gateway can serve");
		return;
	}
	peer_init_all(m->actors);
	timer_set(&gateway.timers, &gateway.housekeeping, clock_now_ms() + HOUSEKEEPING_MS, on_housekeeping);
}

static void on_shards(struct child *c, const struct control_shard *former)
{
	(void)c, (void)former;
	route_map_changed();
}

static void on_peer(struct child *c, const struct control_peer *m, int take_fd)
{
	struct peer *owner = m->role == CONTROL_ACTOR || m->role == CONTROL_GATEWAY ? peer_owner(m->index) : NULL;

	(void)c;
	if (m->role == CONTROL_GATEWAY && m->incoming)
		peer_ask(m->incarnation, take_fd);
	else if (owner != NULL)
		peer_connect(owner, m->incarnation, take_fd);
	else
		close(take_fd);
}

static void on_node(struct child *c, const struct control_node *m)
{
	(void)c;
	peer_node(m);
}

static void on_listener(struct child *c, int take_fd)
{
	accept_begin(take_fd);
	child_ready(c);
}

static void on_query(struct child *c, const struct control_query *m)
{
	(void)c;
	query_answer(m);
}

static void on_drain(struct child *c)
{
	(void)c;
	drain_begin();
}

/* Who is there is served as before, and may look for another node in peace. */
static void on_retire(struct child *c)
{
	struct session *s;

	(void)c;
	accept_stop();
	TAILQ_FOREACH (s, &gateway.sessions, all)
		session_drain(s);
}

static const struct child_handlers handlers = {
	.on_hello = on_hello,       .on_shards = on_shards, .on_peer = on_peer,
	.on_listener = on_listener, .on_query = on_query,   .on_drain = on_drain,
	.on_node = on_node, .on_retire = on_retire,
};

/* --- life --- */

static void init_lists(void)
{
	TAILQ_INIT(&gateway.homeless);
	TAILQ_INIT(&gateway.sessions);
	TAILQ_INIT(&gateway.dirty);
	TAILQ_INIT(&gateway.stalled);
	TAILQ_INIT(&gateway.unfinished);
	for (int i = 0; i < SESSION_QUEUES; i++)
		TAILQ_INIT(&gateway.queues[i]);
}

static void fini(void)
{
	struct session *s;
	size_t at = 0;
	void *subject;

	TAILQ_FOREACH (s, &gateway.sessions, all)
		session_end(s, ERROR_SHUTDOWN);
	session_flush_all(&gateway);
	TAILQ_FOREACH (s, &gateway.sessions, all)
		session_close(s);
	while (session_reap_all(&gateway))
		;
	for (uint32_t i = 1; i < gateway.pending_capacity; i++)
		if (pending_by_rid(i))
			pending_free(pending_by_rid(i));
	peer_fini_all();
	free(gateway.stale);
	free(gateway.pendings);
	free(gateway.read_buffer);
	free(gateway.read_ahead);
	while (map_next(&gateway.subjects, &at, NULL, &subject))
		subject_free(subject);
	map_fini(&gateway.subjects);
	timers_fini(&gateway.timers);
	pool_clear();
	accept_stop();
	readiness_fini(&gateway);
	transfer_fini();
	close(gateway.spare_fd);
}

int main(void)
{
	int r = child_init(&gateway.child, CONTROL_GATEWAY, &handlers, &gateway);

	if (r < 0) {
		fputs("stage-gateway is started by stage\n", stderr);
		return EX_USAGE;
	}
	init_lists();
	gateway.loop = gateway.child.loop;
	gateway.read_buffer = memory_new(GATEWAY_READ);
	gateway.read_ahead = memory_new(CROWD_BATCH * CROWD_STRIDE);
	gateway.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	gateway.now_ms = clock_now_ms();
	if (readiness_init(&gateway) < 0) {
		fputs("stage-gateway: no epoll set\n", stderr);
		return EX_OSERR;
	}
	ev_check_init(&gateway.waker, on_wake);
	ev_set_priority(&gateway.waker, EV_MAXPRI); /* before what it woke for */
	ev_check_start(gateway.loop, &gateway.waker);
	ev_prepare_init(&gateway.flusher, on_prepare);
	ev_set_priority(&gateway.flusher, -1); /* after the links: they bring no answer this turn */
	ev_prepare_start(gateway.loop, &gateway.flusher);
	ev_init(&gateway.clock, on_clock);
	r = child_run(&gateway.child);
	fini();
	child_fini(&gateway.child);
	return r;
}
