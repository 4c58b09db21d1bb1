/* Links to actor workers, and what waits for them. */
#include "worker/gateway/route.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/watch.h"

uint32_t route_shard(struct bytes address)
{
	return (uint32_t)(hash_bytes(&gateway.child.hash_key, address) % gateway.child.shard_count);
}

static void put(struct pending *p, enum pending_place place, struct worker_link *worker)
{
	p->place = place;
	p->worker = worker;
	if (place == PENDING_SENT)
		TAILQ_INSERT_TAIL(&worker->sent, p, place_next);
	else if (place == PENDING_HELD)
		TAILQ_INSERT_TAIL(&worker->held, p, place_next);
	else
		TAILQ_INSERT_TAIL(&gateway.homeless, p, place_next);
}

void route_take_out(struct pending *p)
{
	if (p->place == PENDING_SENT)
		TAILQ_REMOVE(&p->worker->sent, p, place_next);
	else if (p->place == PENDING_HELD)
		TAILQ_REMOVE(&p->worker->held, p, place_next);
	else if (p->place == PENDING_HOMELESS)
		TAILQ_REMOVE(&gateway.homeless, p, place_next);
	p->place = PENDING_NOWHERE;
}

static void transmit(struct worker_link *worker, struct pending *p)
{
	ipc_encode_request(link_begin(worker->link), &p->request);
	link_end(worker->link);
	if (p->kind == PENDING_TELL) {
		pending_free(p);
		return;
	}
	p->sent_end = worker->link->sent_bytes + buffer_length(&worker->link->out);
	put(p, PENDING_SENT, worker);
}

static void send_to_owner(struct pending *p, bool first)
{
	uint32_t shard = route_shard(p->request.address);
	struct control_shard owner = gateway.child.shards[shard];
	struct worker_link *worker;

	p->request.shard = shard;
	p->request.epoch = owner.epoch;
	if (owner.worker >= gateway.worker_count) {
		put(p, PENDING_HOMELESS, NULL);
		return;
	}
	worker = &gateway.workers[owner.worker];
	if (worker->link == NULL || (!first && !TAILQ_EMPTY(&worker->held)))
		put(p, PENDING_HELD, worker);
	else
		transmit(worker, p);
}

void route_send(struct pending *p)
{
	send_to_owner(p, false);
}

void route_send_first(struct pending *p)
{
	send_to_owner(p, true);
}

void route_again(struct pending *p)
{
	uint32_t epoch = p->request.epoch;

	gateway.counters.retried++;
	route_take_out(p);
	if (gateway.child.shards[p->request.shard].epoch == epoch)
		put(p, PENDING_HOMELESS, NULL); /* the owner knows a newer map than we do */
	else
		route_send(p);
}

void route_unwatch(struct bytes address, uint32_t shard)
{
	struct control_shard owner = gateway.child.shards[shard];
	struct link *link = owner.worker < gateway.worker_count ? gateway.workers[owner.worker].link : NULL;

	if (link == NULL)
		return; /* it forgets its watchers as it ends */
	ipc_encode_unwatch(link_begin(link), &(struct ipc_unwatch){ shard, address });
	link_end(link);
}

/* --- a worker's end --- */

static bool is_idempotent(const struct pending *p)
{
	return p->request.verb == IPC_GET || p->request.verb == IPC_WATCH;
}

/* What the dead worker never received waits for its successor; what asks again without
 * harm is asked again; of the rest nobody knows. */
static void sort_out(struct worker_link *worker, uint64_t received)
{
	struct pending_list all = TAILQ_HEAD_INITIALIZER(all), held = TAILQ_HEAD_INITIALIZER(held);
	struct pending *p;

	TAILQ_CONCAT(&all, &worker->sent, place_next);
	TAILQ_CONCAT(&held, &worker->held, place_next);
	while ((p = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, p, place_next);
		p->place = PENDING_NOWHERE;
		if (p->sent_end > received || is_idempotent(p)) {
			gateway.counters.retried++;
			put(p, PENDING_HELD, worker);
		} else {
			gateway.counters.crashed++;
			reply_failed(p, ERROR_CRASHED);
		}
	}
	TAILQ_CONCAT(&worker->held, &held, place_next);
}

static void drop_link(struct worker_link *worker)
{
	uint64_t received = worker->link->sent_bytes;

	link_fini(worker->link);
	free(worker->link);
	worker->link = NULL;
	sort_out(worker, received);
}

static void on_lost(struct link *link, int error)
{
	struct worker_link *worker = link->owner;

	if (!gateway.draining)
		log_warn("an actor worker's link is lost", -error, F_UINT("worker", worker->index));
	drop_link(worker);
}

static void on_drained(struct link *link)
{
	(void)link;
	session_resume_all(&gateway);
}

static const struct link_handlers handlers = {
	.on_frame = reply_frame, .on_lost = on_lost, .on_drained = on_drained,
};

static void send_held(struct worker_link *worker)
{
	struct pending_list held = TAILQ_HEAD_INITIALIZER(held);
	struct pending *p;

	TAILQ_CONCAT(&held, &worker->held, place_next);
	while ((p = TAILQ_FIRST(&held)) != NULL) {
		TAILQ_REMOVE(&held, p, place_next);
		p->place = PENDING_NOWHERE;
		route_send(p);
	}
}

void route_connect(uint32_t index, uint32_t incarnation, int take_fd)
{
	struct worker_link *worker = &gateway.workers[index];
	int r;

	if (worker->link)
		drop_link(worker);
	worker->link = memory_new(sizeof(*worker->link));
	worker->incarnation = incarnation;
	r = link_init(worker->link, gateway.loop, take_fd, &handlers, worker);
	if (r < 0) {
		log_error("an actor worker's link cannot be used", -r, F_UINT("worker", index));
		free(worker->link);
		worker->link = NULL;
		return;
	}
	watch_take_up(index);
	send_held(worker);
}

void route_map_changed(void)
{
	struct pending_list homeless = TAILQ_HEAD_INITIALIZER(homeless);
	struct pending *p;

	TAILQ_CONCAT(&homeless, &gateway.homeless, place_next);
	while ((p = TAILQ_FIRST(&homeless)) != NULL) {
		TAILQ_REMOVE(&homeless, p, place_next);
		p->place = PENDING_NOWHERE;
		route_send(p);
	}
}

uint64_t route_held(void)
{
	uint64_t n = 0;
	struct pending *p;

	for (uint32_t i = 0; i < gateway.worker_count; i++)
		TAILQ_FOREACH (p, &gateway.workers[i].held, place_next)
			n++;
	TAILQ_FOREACH (p, &gateway.homeless, place_next)
		n++;
	return n;
}
