/* What becomes of requests when a worker comes and goes. */
#include "worker/gateway/worker_link.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "worker/gateway/pending.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/route.h"
#include "worker/gateway/watch.h"

/* Bytes that wait for a worker from which clients wait as well: whoever asks now and then
 * shall not be behind more. */
#define PAUSE_MARK (32u << 10)

/* What asks again without harm. */
static bool is_idempotent(const struct pending *p)
{
	return p->request.verb == IPC_GET || p->request.verb == IPC_WATCH;
}

static bool is_wanted(const struct pending *p)
{
	return p->kind != PENDING_CLIENT || p->session;
}

/* What the dead worker never received waits for its successor; what asks again without
 * harm is asked again; of the rest nobody knows. */
static void sort_out(struct worker_link *worker, uint64_t received)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&worker->told)) != NULL)
		if (p->sent_end > received)
			route_rescue(p);
		else
			pending_free(p);
	while ((p = TAILQ_FIRST(&worker->sent)) != NULL) {
		bool again = p->sent_end > received || is_idempotent(p);

		if (is_wanted(p) && again && !p->cancelled) {
			gateway.counters.retried++;
			route_rescue(p);
			continue;
		}
		gateway.counters.crashed += !again;
		route_take_out(p);
		reply_failed(p, again ? ERROR_CANCELLED : ERROR_CRASHED);
	}
}

static void drop(struct worker_link *worker)
{
	uint64_t received = worker->ended ? worker->looked_at : worker->link->sent_bytes;

	link_fini(worker->link);
	free(worker->link);
	worker->link = NULL;
	sort_out(worker, received);
	watch_forget_relays(worker->index);
	/* The map may have come before this end: its shards are a sibling's already. */
	route_send_held(worker);
	/* Whoever waited for its link to drain would wait for ever. */
	session_resume_all(&gateway);
}

bool worker_link_bye(struct worker_link *worker, struct bytes body)
{
	worker->ended = ipc_decode_bye(body, &worker->looked_at);
	return worker->ended;
}

static void on_drained(struct link *link)
{
	(void)link;
	session_resume_all(&gateway);
}

static void on_lost(struct link *link, int error);

static const struct link_handlers handlers = {
	.on_frame = reply_frame, .on_lost = on_lost, .on_drained = on_drained,
};

static void connect_to(struct worker_link *worker, uint32_t incarnation, int take_fd)
{
	int r;

	worker->link = memory_new(sizeof(*worker->link));
	worker->sync = 0;
	worker->ended = false;
	worker->incarnation = incarnation;
	r = link_init(worker->link, gateway.loop, take_fd, &handlers, worker);
	if (r < 0) {
		log_error("an actor worker's link cannot be used", -r, F_UINT("worker", worker->index));
		free(worker->link);
		worker->link = NULL;
		return;
	}
	worker->link->pause_mark = PAUSE_MARK;
	link_keep_short(worker->link);
	route_mark(worker->link);
	watch_take_up();
	route_send_held(worker);
}

static void on_lost(struct link *link, int error)
{
	struct worker_link *worker = link->owner;
	int fd = worker->next_fd;

	if (!gateway.draining)
		log_warn("an actor worker's link is lost", -error, F_UINT("worker", worker->index));
	drop(worker);
	worker->next_fd = -1;
	if (fd >= 0)
		connect_to(worker, worker->next_incarnation, fd);
}

void worker_link_connect(struct worker_link *worker, uint32_t incarnation, int take_fd)
{
	if (worker->link == NULL) {
		connect_to(worker, incarnation, take_fd);
		return;
	}
	/* Its predecessor is dead, or it would not be there. */
	if (worker->next_fd >= 0)
		close(worker->next_fd);
	worker->next_fd = take_fd;
	worker->next_incarnation = incarnation;
}

/* A tell is done with as soon as the kernel has it. */
static void forget_told(struct worker_link *worker)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&worker->told)) != NULL && p->sent_end <= worker->link->sent_bytes)
		pending_free(p);
}

bool worker_link_flush_all(void)
{
	bool again = false;

	for (uint32_t i = 0; i < gateway.worker_count; i++) {
		struct worker_link *worker = &gateway.workers[i];
		struct link *link = worker->link;

		if (link == NULL)
			continue;
		if (!link->writing && buffer_length(&link->out) > 0) {
			link_flush(link);
			again |= link->was_full || link->closing;
		}
		forget_told(worker);
	}
	return again;
}

void worker_link_init(struct worker_link *worker, uint32_t index)
{
	*worker = (struct worker_link){ .gateway = &gateway, .index = index, .next_fd = -1 };
	TAILQ_INIT(&worker->sent);
	TAILQ_INIT(&worker->told);
	TAILQ_INIT(&worker->held);
}

void worker_link_fini(struct worker_link *worker)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&worker->told)) != NULL)
		pending_free(p);
	if (worker->next_fd >= 0)
		close(worker->next_fd);
	if (worker->link == NULL)
		return;
	link_fini(worker->link);
	free(worker->link);
	worker->link = NULL;
}
