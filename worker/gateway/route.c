/* Where requests go, and where they wait. */
#include "worker/gateway/route.h"

#include "common/memory.h"
#include "worker/gateway/peer.h"
#include "worker/gateway/relay.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/source.h"
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
		return p->kind == PENDING_TELL ? &p->peer->told : &p->peer->sent;
	case PENDING_HELD:
		return &p->peer->held;
	case PENDING_HOMELESS:
		return &gateway.homeless;
	case PENDING_ANSWERED:
		return &watch_find_subject(p->request.address)->kept;
	case PENDING_NOWHERE:
		break;
	}
	return NULL;
}

static bool waits(const struct pending *p)
{
	return p->place == PENDING_HELD || p->place == PENDING_HOMELESS;
}

static void put(struct pending *p, enum pending_place place, struct peer *peer)
{
	struct pending_list *list;
	struct pending *before;

	p->place = place;
	p->peer = peer;
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
	else if (p->place == PENDING_SENT && is_stale(p) && *stale > 0 && --*stale == 0)
		gateway.unsettled = true;
	p->place = PENDING_NOWHERE;
}

/* --- sending --- */

/* Clocks of two nodes differ: between them a deadline is the time that is left. */
static uint64_t time_left(uint64_t deadline)
{
	if (deadline == 0)
		return 0;
	return deadline > gateway.now_ms ? deadline - gateway.now_ms : 1;
}

static void encode(struct peer *peer, const struct pending *p)
{
	struct ipc_request request;

	if (peer->kind == PEER_NODE) {
		request = p->request;
		request.deadline = time_left(request.deadline);
		ipc_encode_request(link_begin(peer->link), &request);
	} else {
		ipc_encode_request(link_begin(peer->link), &p->request);
	}
	link_end(peer->link);
}

static void transmit(struct peer *peer, struct pending *p)
{
	encode(peer, p);
	p->sent_end = peer->link->sent_bytes + buffer_length(&peer->link->out);
	put(p, PENDING_SENT, peer);
	if (p->session && link_full(peer->link))
		session_pause(p->session);
}

/* Whoever lets a shard go still takes what belongs to a turn that waits there: such a turn
 * could not end otherwise. It hands back what does not. */
static uint32_t owner_of(struct control_shard owner, const struct pending *p)
{
	bool of_a_turn = p->request.chain.len > 0 && p->request.verb != IPC_TELL && !p->returned;

	return owner.worker == CONTROL_NO_WORKER && of_a_turn ? owner.leaving : owner.worker;
}

/* Another node's requests are for this node alone: it has a map of its own. Messages without
 * an answer cannot be handed back and go on, once. */
static bool is_elsewhere(const struct pending *p, uint32_t to)
{
	return p->of_asker && CONTROL_IS_NODE(to) && (p->kind != PENDING_TELL || p->request.forwarded);
}

/* The map that it was sent by is still on its way here. */
static bool is_early(const struct pending *p)
{
	return p->asked_epoch > CONTROL_EPOCH_CLUSTER(p->request.epoch);
}

static void turn_away(struct pending *p)
{
	if (p->kind == PENDING_TELL)
		relay_drop(p, "it has followed its actor from node to node for too long");
	else
		reply_failed(p, ERROR_MOVED);
}

static void send_to_owner(struct pending *p, bool first)
{
	uint32_t shard = route_shard(p->request.address);
	struct control_shard owner = gateway.child.shards[shard];
	uint32_t to = owner_of(owner, p);
	struct peer *peer = peer_owner(to);

	p->request.shard = shard;
	p->request.epoch = owner.epoch;
	if (is_early(p)) {
		put(p, PENDING_HOMELESS, NULL);
		return;
	}
	if (is_elsewhere(p, to)) {
		turn_away(p);
		return;
	}
	if (peer == NULL || peer->fence != FENCE_NONE || gateway.stale[shard] > 0 || gateway.unsettled) {
		put(p, PENDING_HOMELESS, NULL);
		return;
	}
	p->request.forwarded = p->of_asker && peer->kind == PEER_NODE;
	if (peer_is_away(peer) && !peer->up && p->kind != PENDING_REWATCH)
		reply_unreachable(p, peer);
	else if (peer_is_away(peer) || (!first && !TAILQ_EMPTY(&peer->held)))
		put(p, PENDING_HELD, peer);
	else
		transmit(peer, p);
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
	struct peer *peer;

	(void)timer;
	TAILQ_FOREACH (peer, &gateway.used, used_next)
		if (peer->fence == FENCE_ANSWERED)
			peer->fence = FENCE_NONE;
	gateway.unsettled = true;
}

/* Not later than it was to be: what comes back meanwhile shall not put it off for ever. */
static void retry_soon(void)
{
	if (gateway.retry.place == 0)
		timer_set(&gateway.timers, &gateway.retry, gateway.now_ms + RETRY_MS, on_retry);
}

/* Others may be on their way back, which were sent after it. */
static void fence(struct peer *peer)
{
	if (peer->fence == FENCE_SENT)
		return;
	peer->fence = FENCE_SENT;
	ipc_encode_fence(link_begin(peer->link), ++peer->fence_number);
	link_end(peer->link);
}

bool route_fenced(struct peer *peer, struct bytes body)
{
	uint64_t number;

	if (!ipc_decode_fence(body, &number))
		return false;
	if (peer->fence == FENCE_SENT && number == peer->fence_number) {
		peer->fence = FENCE_ANSWERED;
		retry_soon();
	}
	return true;
}

void route_again(struct pending *p)
{
	uint64_t epoch = p->request.epoch;
	struct peer *former = p->peer;

	gateway.counters.retried++;
	route_take_out(p);
	p->returned = gateway.child.shards[p->request.shard].worker == CONTROL_NO_WORKER;
	if (gateway.child.shards[p->request.shard].epoch != epoch) {
		send_to_owner(p, p->order == 0);
		return;
	}
	put(p, PENDING_HOMELESS, NULL);
	if (former->kind == PEER_WORKER)
		fence(former);
	else
		retry_soon();
}

void route_later(struct pending *p)
{
	gateway.counters.retried++;
	route_take_out(p);
	put(p, PENDING_HOMELESS, NULL);
	retry_soon();
}

void route_rescue(struct pending *p)
{
	route_take_out(p);
	send_to_owner(p, p->order == 0);
}

void route_stop(const struct peer *peer, struct bytes address)
{
	struct link *link = peer != NULL ? peer->link : NULL;

	if (link == NULL)
		return; /* it forgets its watchers as it ends */
	ipc_encode_unwatch(link_begin(link), &(struct ipc_unwatch){ route_shard(address), address });
	link_end(link);
}

void route_unwatch(struct bytes address, uint32_t shard)
{
	route_stop(peer_owner(gateway.child.shards[shard].worker), address);
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

void route_send_held(struct peer *peer)
{
	struct pending_list list = TAILQ_HEAD_INITIALIZER(list);

	merge(&list, &peer->held);
	send_all(&list);
}

/* Counts what is unanswered by former owners. */
static void find_stale(void)
{
	struct peer *peer;
	struct pending *p;

	memset(gateway.stale, 0, gateway.child.shard_count * sizeof(*gateway.stale));
	TAILQ_FOREACH (peer, &gateway.used, used_next)
		TAILQ_FOREACH (p, &peer->sent, place_next)
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
	struct peer *peer;

	if (gateway.stale == NULL)
		gateway.stale = memory_new(gateway.child.shard_count * sizeof(*gateway.stale));
	TAILQ_FOREACH (peer, &gateway.used, used_next)
		if (peer->link && peer->kind == PEER_WORKER)
			route_mark(peer->link);
	find_stale();
	gateway.unsettled = false;
	TAILQ_FOREACH (peer, &gateway.used, used_next)
		merge(&list, &peer->held);
	merge(&list, &gateway.homeless);
	source_take_up();
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

void route_late(struct pending *take_pending)
{
	uint32_t owner = gateway.child.shards[take_pending->request.shard].worker;
	const struct peer *peer = take_pending->place == PENDING_HELD ? take_pending->peer : peer_owner(owner);

	if (peer != NULL && peer->kind == PEER_NODE)
		reply_unreachable(take_pending, peer);
	else
		reply_failed(take_pending, CONTROL_IS_NODE(owner) ? ERROR_UNREACHABLE : ERROR_EXPIRED);
}

bool route_is_clogged(struct bytes address)
{
	const struct peer *owner = peer_owner(gateway.child.shards[route_shard(address)].worker);
	const struct link *link = owner != NULL ? owner->link : NULL;

	return gateway.waiting_bytes > CLOGGED || (link && buffer_length(&link->out) > CLOGGED);
}

uint64_t route_held(void)
{
	uint64_t n = 0;
	struct peer *peer;
	struct pending *p;

	TAILQ_FOREACH (peer, &gateway.used, used_next)
		TAILQ_FOREACH (p, &peer->held, place_next)
			n++;
	TAILQ_FOREACH (p, &gateway.homeless, place_next)
		n++;
	return n;
}
