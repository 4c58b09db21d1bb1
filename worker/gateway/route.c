/* Where requests go, and where they wait. */
#include "worker/gateway/route.h"

#include "common/memory.h"
#include "worker/gateway/watch.h"

/* The owner may learn of its shard after us: ask it again so soon. */
#define RETRY_MS 10
/* Bytes of actors' requests that wait here before further ones are refused. */
#define CLOGGED (64u << 20)

uint32_t route_shard(struct bytes address)
{
	return (uint32_t)(hash_bytes(&gateway.child.hash_key, address) % gateway.child.shard_count);
}

/* --- where a request is --- */

static struct pending_list *list_of(const struct pending *p)
{
	switch (p->place) {
	case PENDING_SENT:
		return p->kind == PENDING_TELL ? &p->worker->told : &p->worker->sent;
	case PENDING_HELD:
		return &p->worker->held;
	case PENDING_HOMELESS:
		return &gateway.homeless;
	case PENDING_NOWHERE:
		break;
	}
	return NULL;
}

static bool waits(const struct pending *p)
{
	return p->place == PENDING_HELD || p->place == PENDING_HOMELESS;
}

static void put(struct pending *p, enum pending_place place, struct worker_link *worker)
{
	struct pending_list *list;
	struct pending *before;

	p->place = place;
	p->worker = worker;
	list = list_of(p);
	if (!waits(p)) {
		TAILQ_INSERT_TAIL(list, p, place_next);
		return;
	}
	gateway.waiting_bytes += p->size;
	before = TAILQ_LAST(list, pending_list);
	while (before && before->order > p->order)
		before = TAILQ_PREV(before, pending_list, place_next);
	if (before)
		TAILQ_INSERT_AFTER(list, before, p, place_next);
	else
		TAILQ_INSERT_HEAD(list, p, place_next);
}

static bool is_stale(const struct pending *p)
{
	return p->kind != PENDING_TELL && p->request.epoch != gateway.child.shards[p->request.shard].epoch;
}

void route_take_out(struct pending *p)
{
	uint32_t *stale = &gateway.stale[p->request.shard];

	if (p->place == PENDING_NOWHERE)
		return;
	TAILQ_REMOVE(list_of(p), p, place_next);
	if (waits(p))
		gateway.waiting_bytes -= p->size;
	else if (is_stale(p) && *stale > 0 && --*stale == 0)
		gateway.unsettled = true;
	p->place = PENDING_NOWHERE;
}

/* --- sending --- */

static void transmit(struct worker_link *worker, struct pending *p)
{
	ipc_encode_request(link_begin(worker->link), &p->request);
	link_end(worker->link);
	p->sent_end = worker->link->sent_bytes + buffer_length(&worker->link->out);
	put(p, PENDING_SENT, worker);
	if (p->session && link_full(worker->link))
		session_pause(p->session);
}

/* Whoever lets a shard go still takes what belongs to a turn that waits there: such a turn
 * could not end otherwise. It hands back what does not. */
static uint32_t owner_of(struct control_shard owner, const struct pending *p)
{
	bool of_a_turn = p->request.chain.len > 0 && p->request.verb != IPC_TELL && !p->returned;

	return owner.worker == CONTROL_NO_WORKER && of_a_turn ? owner.leaving : owner.worker;
}

static void send_to_owner(struct pending *p, bool first)
{
	uint32_t shard = route_shard(p->request.address);
	struct control_shard owner = gateway.child.shards[shard];
	uint32_t to = owner_of(owner, p);
	struct worker_link *worker;

	p->request.shard = shard;
	p->request.epoch = owner.epoch;
	if (to >= gateway.worker_count || gateway.stale[shard] > 0 || gateway.unsettled) {
		put(p, PENDING_HOMELESS, NULL);
		return;
	}
	worker = &gateway.workers[to];
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
	p->order = 0;
	send_to_owner(p, true);
}

static void on_retry(struct timer *timer)
{
	(void)timer;
	gateway.unsettled = true;
}

void route_again(struct pending *p)
{
	uint64_t epoch = p->request.epoch;

	gateway.counters.retried++;
	route_take_out(p);
	p->returned = gateway.child.shards[p->request.shard].worker == CONTROL_NO_WORKER;
	if (gateway.child.shards[p->request.shard].epoch != epoch) {
		send_to_owner(p, p->order == 0);
		return;
	}
	put(p, PENDING_HOMELESS, NULL);
	timer_set(&gateway.timers, &gateway.retry, gateway.now_ms + RETRY_MS, on_retry);
}

void route_rescue(struct pending *p)
{
	route_take_out(p);
	send_to_owner(p, p->order == 0);
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

/* --- those that waited --- */

/* Moves all of `from`, both in order, into `into`. */
static void merge(struct pending_list *into, struct pending_list *from)
{
	struct pending *at = TAILQ_FIRST(into), *p;

	while ((p = TAILQ_FIRST(from)) != NULL) {
		route_take_out(p);
		while (at && at->order <= p->order)
			at = TAILQ_NEXT(at, place_next);
		if (at)
			TAILQ_INSERT_BEFORE(at, p, place_next);
		else
			TAILQ_INSERT_TAIL(into, p, place_next);
	}
}

static void send_all(struct pending_list *list)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, p, place_next);
		send_to_owner(p, p->order == 0);
	}
}

void route_send_held(struct worker_link *worker)
{
	struct pending_list list = TAILQ_HEAD_INITIALIZER(list);

	merge(&list, &worker->held);
	send_all(&list);
}

/* Counts what is unanswered by former owners. */
static void find_stale(void)
{
	struct pending *p;

	memset(gateway.stale, 0, gateway.child.shard_count * sizeof(*gateway.stale));
	for (uint32_t i = 0; i < gateway.worker_count; i++)
		TAILQ_FOREACH (p, &gateway.workers[i].sent, place_next)
			gateway.stale[p->request.shard] += is_stale(p);
}

void route_mark(struct link *link)
{
	ipc_encode_map(link_begin(link), gateway.child.map_serial);
	link_end(link);
}

void route_map_changed(void)
{
	struct pending_list list = TAILQ_HEAD_INITIALIZER(list);

	if (gateway.stale == NULL)
		gateway.stale = memory_new(gateway.child.shard_count * sizeof(*gateway.stale));
	for (uint32_t i = 0; i < gateway.worker_count; i++)
		if (gateway.workers[i].link)
			route_mark(gateway.workers[i].link);
	find_stale();
	gateway.unsettled = false;
	for (uint32_t i = 0; i < gateway.worker_count; i++)
		merge(&list, &gateway.workers[i].held);
	merge(&list, &gateway.homeless);
	watch_take_up();
	send_all(&list);
}

void route_settle(void)
{
	struct pending_list list = TAILQ_HEAD_INITIALIZER(list);

	if (!gateway.unsettled)
		return;
	gateway.unsettled = false;
	merge(&list, &gateway.homeless);
	send_all(&list);
}

bool route_is_clogged(struct bytes address)
{
	uint16_t owner = gateway.child.shards[route_shard(address)].worker;
	const struct link *link = owner < gateway.worker_count ? gateway.workers[owner].link : NULL;

	return gateway.waiting_bytes > CLOGGED || (link && buffer_length(&link->out) > CLOGGED);
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
