/* The program stage-actor: one actor worker, from its first control message to its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/actor/acquire.h"
#include "worker/actor/ahead.h"
#include "worker/actor/call.h"
#include "worker/actor/crash_note.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/query.h"
#include "worker/actor/release.h"
#include "worker/actor/room.h"
#include "worker/actor/run.h"
#include "worker/actor/sandbox/sandbox.h"
#include "worker/actor/schedule.h"
#include "worker/actor/subscription.h"
#include "worker/child.h"

static struct worker worker;
static struct child child;

/* --- gateways --- */

static void on_gateway_frame(struct link *link, struct bytes body)
{
	struct peer *peer = link->owner;

	if (schedule_frame(peer->worker, peer->index, body))
		return;
	log_errorx("a gateway sent a frame that is not understood", F_UINT("gateway", peer->index));
	link_close(link);
}

static void drop_link(struct peer *peer)
{
	if (peer->link == NULL)
		return;
	link_fini(peer->link);
	free(peer->link);
	peer->link = NULL;
}

/* Its clients are gone with it; its successor registers their watches anew. */
static void forget_gateway(struct worker *w, struct peer *peer)
{
	size_t at = 0;
	void *value;

	mailbox_forget_peer(w, peer->index);
	call_lose_peer(w, peer->index);
	while (map_next(&w->actors, &at, NULL, &value)) {
		struct actor *a = value;

		a->gateways &= ~(UINT64_C(1) << peer->index);
		actor_release(w, a);
	}
}

static void on_gateway_lost(struct link *link, int error)
{
	struct peer *peer = link->owner;

	if (!peer->worker->draining)
		log_info("a gateway's link ended", F_UINT("gateway", peer->index), F_INT("errno", -error));
	drop_link(peer);
	forget_gateway(peer->worker, peer);
	acquire_peer_changed(peer->worker, peer->index);
}

static void on_gateway_ahead(struct link *link, const struct bytes *bodies, unsigned count)
{
	(void)link;
	ahead_fetch(&worker, bodies, count);
}

static const struct link_handlers gateway_handlers = {
	.on_frame = on_gateway_frame, .on_ahead = on_gateway_ahead, .on_lost = on_gateway_lost,
};

static void connect_gateway(const struct control_peer *m, int take_fd)
{
	struct peer *peer = &worker.gateways[m->index];
	int r;

	if (peer->link) {
		drop_link(peer);
		forget_gateway(&worker, peer);
	}
	peer->link = memory_new(sizeof(*peer->link));
	peer->incarnation = m->incarnation;
	peer->map_serial = 0;
	peer->handed_back = false;
	acquire_peer_changed(&worker, peer->index);
	r = link_init(peer->link, worker.loop, take_fd, &gateway_handlers, peer);
	if (r < 0) {
		log_error("a gateway's link cannot be used", -r, F_UINT("gateway", m->index));
		free(peer->link);
		peer->link = NULL;
		return;
	}
	link_keep_short(peer->link);
	subscription_renew(&worker, (uint16_t)m->index);
}

/* --- the loop --- */

static void arm_clock(struct worker *w)
{
	uint64_t at, now = clock_now_ms();

	ev_timer_stop(w->loop, &w->clock);
	if (!timers_next(&w->timers, &at))
		return;
	/* libev counts from the loop's own time, which may be old. */
	ev_now_update(w->loop);
	ev_timer_set(&w->clock, at > now ? (double)(at - now) / 1000 : 0., 0.);
	ev_timer_start(w->loop, &w->clock);
}

/* Gateways outlive this process where it alone is replaced. */
static bool replies_have_left(struct worker *w)
{
	for (uint32_t i = 0; i < w->gateway_count; i++) {
		struct link *link = w->gateways[i].link;

		if (link && !link->writing)
			link_flush(link);
		if (link && !link->deaf && buffer_length(&link->out) > 0)
			return false;
	}
	return true;
}

/* What gateways have sent since is nobody's: they may ask for it elsewhere. */
static void say_goodbye(struct worker *w)
{
	for (uint32_t i = 0; i < w->gateway_count; i++) {
		struct link *link = w->gateways[i].link;

		if (link == NULL)
			continue;
		ipc_encode_bye(link_begin(link), link->taken_bytes);
		link_end(link);
		link_flush(link);
	}
}

static void finish_if_drained(struct worker *w)
{
	if (!w->draining)
		return;
	run_abandon_waiting(w);
	if (w->turns_under_way > 0 || !TAILQ_EMPTY(&w->ready) || !TAILQ_EMPTY(&w->ready_bulk) || !TAILQ_EMPTY(&w->slow))
		return;
	storage_save_later_ones(&w->storage);
	storage_flush(&w->storage);
	if (storage_idle(&w->storage) && replies_have_left(w)) {
		say_goodbye(w);
		child_exit(&child, EX_OK);
	}
}

static void send_released(struct worker *w, uint64_t serial, const uint16_t *shards, uint32_t count)
{
	child_released(w->child, serial, shards, count);
}

static void on_wake(struct ev_loop *loop, struct ev_check *watcher, int events)
{
	(void)loop, (void)watcher, (void)events;
	worker.now_ns = clock_now_ns();
}

static void on_prepare(struct ev_loop *loop, struct ev_prepare *watcher, int events)
{
	struct worker *w = &worker;
	bool more;

	(void)watcher, (void)events;
	if (w->shards == NULL)
		return;
	timers_run(&w->timers, clock_now_ms());
	more = schedule_run(w);
	release_run(w, send_released);
	finish_if_drained(w);
	arm_clock(w);
	if (more)
		ev_idle_start(loop, &w->spinner);
	else
		ev_idle_stop(loop, &w->spinner);
}

/* Its only purpose is that the loop does not sleep. */
static void on_idle(struct ev_loop *loop, struct ev_idle *watcher, int events)
{
	(void)loop, (void)watcher, (void)events;
}

static void on_clock(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
	(void)loop, (void)watcher, (void)events; /* timers run when the loop prepares */
}

/* --- control messages --- */

/* Every descriptor and timer that is not received later has been made by now. */
static void enter_sandbox(struct child *c)
{
	struct buffer why = { 0 };

	if (sandbox_enter(&c->config, &worker.sandbox, &why) < 0) {
		buffer_append(&why, "", 1);
		child_fail(c, EX_CONFIG, buffer_bytes(&why).data);
	}
	buffer_fini(&why);
}

static void on_hello(struct child *c, const struct control_hello *m)
{
	struct worker *w = &worker;
	struct host_limits limits = {
		.turn_budget = c->config.actors.turn_budget,
		.turn_memory = c->config.actors.turn_memory,
		.class_memory = c->config.actors.class_memory,
	};

	w->index = c->index;
	w->config = &c->config;
	w->hash_key = c->hash_key;
	w->gateway_count = m->gateways;
	for (uint16_t i = 0; i < WORKER_GATEWAYS_MAX; i++)
		w->gateways[i] = (struct peer){ .worker = w, .index = i };
	room_init(c->config.workers.memory);
	worker_init(w);
	storage_init(&w->storage, w);
	if (m->gateways > WORKER_GATEWAYS_MAX || lua_host_init(&limits) != 0)
		child_fail(c, EX_SOFTWARE, "the Lua host cannot start");
	else
		enter_sandbox(c);
}

static void on_scoreboard(struct child *c, int take_fd)
{
	void *memory = mmap(NULL, SCOREBOARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, take_fd, 0);
	int error = memory == MAP_FAILED ? -errno : crash_note_init(memory);

	(void)c;
	close(take_fd);
	if (memory != MAP_FAILED)
		worker.board = memory;
	if (error < 0)
		log_error("crashes cannot be attributed", -error);
}

static void on_lease(struct child *c, int take_fd)
{
	void *memory = mmap(NULL, sizeof(*worker.lease), PROT_READ, MAP_SHARED, take_fd, 0);

	close(take_fd);
	if (memory == MAP_FAILED)
		child_fail(c, EX_OSERR, "the node's lease cannot be read");
	else
		worker.lease = memory;
}

static void on_quarantine(struct child *c, const struct control_quarantine *m)
{
	(void)c;
	quarantine_change(&worker.quarantine, m);
}

static void on_shards(struct child *c, const struct control_shard *former)
{
	struct worker *w = &worker;

	if (former)
		release_before_map(w);
	w->shards = c->shards;
	w->shard_count = c->shard_count;
	release_map(w, former, c->map_serial);
	if (former)
		acquire_map(w, former, c->map_serial);
}

static void on_peer(struct child *c, const struct control_peer *m, int take_fd)
{
	int r;

	(void)c;
	if (m->role == CONTROL_GATEWAY && m->index < worker.gateway_count) {
		connect_gateway(m, take_fd);
		return;
	}
	if (m->role != CONTROL_STORE) {
		close(take_fd);
		return;
	}
	r = storage_connect(&worker.storage, take_fd);
	if (r < 0)
		log_error("the store's link cannot be used", -r);
}

static void send_rows(struct worker *w, const struct control_rows *rows)
{
	child_rows(w->child, rows);
}

static void log_problems(const struct host_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		log_errorx("a class file has a problem", F_TEXT("file", problems->list[i].file),
		           F_INT("line", problems->list[i].line), F_TEXT("problem", problems->list[i].message));
}

static void fail_start(struct child *c, int r, const struct host_problems *problems)
{
	struct buffer text = { 0 };

	for (size_t i = 0; i < problems->count; i++) {
		const struct host_problem *p = &problems->list[i];

		buffer_printf(&text, "%s%s:%d: %s", i ? "\n" : "", p->file, p->line, p->message);
	}
	if (problems->count == 0)
		buffer_printf(&text, "the class files cannot be read: %s", strerror(-r));
	buffer_append(&text, "", 1);
	child_fail(c, EX_CONFIG, buffer_bytes(&text).data);
	buffer_fini(&text);
}

/* Turns find out by the classes' `retired`; actors move when their next message comes. */
static void on_classes(struct child *c, const struct control_classes *m, int take_fd)
{
	struct host_problems problems = { 0 };
	int r;

	scoreboard_begin(worker.board, &(struct scoreboard_entry){ .kind = SCOREBOARD_LOADING, .began_ns = clock_now_ns() });
	r = catalog_load(&worker.catalog, &lua_host_ops, take_fd, m->serial, m->check, &problems);
	scoreboard_end(worker.board);
	close(take_fd);
	if (m->query == 0 && r == 0) {
		log_info("classes loaded", F_UINT("classes", worker.catalog.count), F_UINT("bundle", m->serial));
		child_ready(c);
	} else if (m->query == 0) {
		log_problems(&problems);
		fail_start(c, r, &problems);
	} else {
		if (r < 0 && problems.count == 0)
			host_problem_add(&problems, BYTES_LITERAL(""), 0, strerror(-r));
		query_problems(&worker, m->query, &problems, send_rows);
	}
	host_problems_fini(&problems);
}

static void on_query(struct child *c, const struct control_query *m)
{
	(void)c;
	query_answer(&worker, m, send_rows);
}

static void on_drain(struct child *c)
{
	(void)c;
	worker.draining = true;
}

static const struct child_handlers handlers = {
	.on_hello = on_hello,     .on_shards = on_shards, .on_peer = on_peer,
	.on_classes = on_classes, .on_query = on_query,   .on_drain = on_drain,
	.on_scoreboard = on_scoreboard, .on_quarantine = on_quarantine, .on_lease = on_lease,
};

int main(void)
{
	struct worker *w = &worker;
	int r = child_init(&child, CONTROL_ACTOR, &handlers, w);

	if (r < 0) {
		fputs("stage-actor is started by stage\n", stderr);
		return EX_USAGE;
	}
	worker_self = w;
	w->child = &child;
	w->loop = child.loop;
	ev_check_init(&w->waker, on_wake);
	ev_set_priority(&w->waker, EV_MAXPRI); /* before what it woke for */
	ev_check_start(w->loop, &w->waker);
	ev_prepare_init(&w->runner, on_prepare);
	ev_set_priority(&w->runner, 1); /* before the links hand on what it writes */
	ev_prepare_start(w->loop, &w->runner);
	ev_idle_init(&w->spinner, on_idle);
	ev_init(&w->clock, on_clock);
	r = child_run(&child);
	for (uint32_t i = 0; i < w->gateway_count; i++)
		drop_link(&w->gateways[i]);
	worker_fini(w);
	lua_host_fini();
	child_fini(&child);
	free(w->sandbox);
	return r;
}
