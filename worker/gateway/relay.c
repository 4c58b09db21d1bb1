/* Requests between actor workers, and of other nodes. */
#include "worker/gateway/relay.h"

#include "common/log.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/peer.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/request.h"
#include "worker/gateway/route.h"
#include "worker/gateway/source.h"
#include "worker/gateway/watch.h"

static void answer(struct peer *to, uint32_t rid, const struct ipc_reply *reply)
{
	struct ipc_reply full = *reply;

	full.rid = rid;
	ipc_encode_reply(link_begin(to->link), &full);
	link_end(to->link);
}

/* Its worker does not keep up with what actors send it: more is not taken. */
static void refuse(struct peer *from, const struct ipc_request *request)
{
	gateway.counters.clogged++;
	if (request->verb != IPC_TELL)
		answer(from, request->rid, &(struct ipc_reply){ .code = ERROR_BUSY });
	else if (log_now_and_then(gateway.counters.clogged))
		log_warnx("a worker does not keep up, messages of actors are dropped",
		          F_BYTES("address", request->address), F_UINT("so_far", gateway.counters.clogged));
}

static void relay(struct peer *from, const struct ipc_request *request)
{
	struct pending *p = route_is_clogged(request->address) ?
	            NULL : pending_new(request->verb == IPC_TELL ? PENDING_TELL : PENDING_RELAY, request);

	if (p == NULL) {
		refuse(from, request);
		return;
	}
	p->relay_peer = from->index;
	p->relay_incarnation = from->incarnation;
	p->relay_rid = request->rid;
	p->of_asker = from->kind == PEER_ASKER;
	if (p->kind == PENDING_RELAY)
		TAILQ_INSERT_TAIL(&from->asked, p, asked_next);
	p->asked_epoch = p->of_asker ? CONTROL_EPOCH_CLUSTER(request->epoch) : 0;
	if (request->verb == IPC_WATCH)
		watch_subject(request->address)->asking++;
	if (p->of_asker && request->deadline != 0)
		timer_set(&gateway.timers, &p->deadline, request->deadline, request_on_deadline);
	route_send(p);
}

bool relay_request(struct peer *from, struct bytes body)
{
	struct ipc_request request;

	if (!ipc_decode_request(body, &request))
		return false;
	relay(from, &request);
	return true;
}

/* --- other nodes --- */

/* This gateway's map is newer than the asker's, or gives the shard to others. */
static bool is_astray(const struct ipc_request *request)
{
	const struct control_shard *s = &gateway.child.shards[route_shard(request->address)];
	uint32_t asked = CONTROL_EPOCH_CLUSTER(request->epoch), known = CONTROL_EPOCH_CLUSTER(s->epoch);

	return asked < known || (asked == known && CONTROL_IS_NODE(s->worker));
}

bool relay_ask(struct peer *from, struct bytes body)
{
	struct ipc_request request;

	if (!ipc_decode_request(body, &request) || gateway.child.shards == NULL)
		return false;
	if (request.deadline != 0)
		request.deadline += gateway.now_ms;
	if (request.verb != IPC_TELL && is_astray(&request))
		answer(from, request.rid, &(struct ipc_reply){ .code = ERROR_MOVED });
	else
		relay(from, &request);
	if (link_full(from->link))
		link_pause(from->link); /* it reads its answers first */
	return true;
}

void relay_drop(struct pending *take_pending, const char *why)
{
	gateway.counters.dropped_tells++;
	if (log_now_and_then(gateway.counters.dropped_tells))
		log_warnx("a message of an actor is dropped", F_BYTES("address", take_pending->request.address),
		          F_TEXT("why", why), F_UINT("so_far", gateway.counters.dropped_tells));
	pending_free(take_pending);
}

bool relay_cancel(struct peer *from, struct bytes body)
{
	struct pending *p;
	uint32_t rid;

	if (!ipc_decode_cancel(body, &rid))
		return false;
	TAILQ_FOREACH (p, &from->asked, asked_next)
		if (p->relay_rid == rid)
			break;
	if (p)
		reply_cancel(p);
	return true;
}

void relay_forget(struct peer *asker)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&asker->asked)) != NULL)
		reply_failed(p, ERROR_LOST);
}

/* Of another node, and there to hear answers. */
static bool is_served(const struct peer *peer)
{
	return peer->kind == PEER_ASKER && peer->link != NULL;
}

bool relay_serves_nodes(void)
{
	const struct peer *peer;

	TAILQ_FOREACH (peer, &gateway.used, used_next)
		if (is_served(peer) && !TAILQ_EMPTY(&peer->asked))
			return true;
	return false;
}

static void return_waiting(struct peer *asker)
{
	struct pending *p, *next;

	for (p = TAILQ_FIRST(&asker->asked); p; p = next) {
		next = TAILQ_NEXT(p, asked_next);
		if (p->place != PENDING_SENT && p->place != PENDING_ANSWERED)
			reply_failed(p, ERROR_MOVED);
	}
}

void relay_return_waiting(void)
{
	struct peer *peer;

	TAILQ_FOREACH (peer, &gateway.used, used_next)
		if (is_served(peer))
			return_waiting(peer);
}

/* --- what has gone on --- */

bool relay_sync(struct peer *from, struct bytes body)
{
	return ipc_decode_sync(body, &from->sync);
}

/* It asked for that, and it is to reach an actor that is its own by now. */
static bool comes_back(const struct pending *p, const struct peer *asker)
{
	return (p->kind == PENDING_TELL || p->kind == PENDING_RELAY) && !p->answered && p->relay_peer == asker->index &&
	       gateway.child.shards[p->request.shard].worker == asker->index;
}

static bool any_comes_back(const struct pending_list *list, const struct peer *asker)
{
	const struct pending *p;

	TAILQ_FOREACH (p, list, place_next)
		if (comes_back(p, asker))
			return true;
	return false;
}

/* What former owners have been sent counts as well: they may hand it back, and a tell that
 * its link may not have taken yet may be rescued. */
static bool has_passed_on(const struct peer *asker)
{
	const struct peer *peer;

	if (gateway.child.map_serial < asker->sync || any_comes_back(&gateway.homeless, asker))
		return false;
	TAILQ_FOREACH (peer, &gateway.used, used_next)
		if (any_comes_back(&peer->held, asker) || (peer != asker && (any_comes_back(&peer->told, asker) ||
		                                                            any_comes_back(&peer->sent, asker))))
			return false;
	return true;
}

void relay_answer_syncs(void)
{
	struct peer *peer;

	TAILQ_FOREACH (peer, &gateway.used, used_next) {
		if (peer->sync == 0 || peer->link == NULL || !has_passed_on(peer))
			continue;
		ipc_encode_sync(link_begin(peer->link), peer->sync);
		link_end(peer->link);
		peer->sync = 0;
	}
}

bool relay_unwatch(struct peer *from, struct bytes body)
{
	struct ipc_unwatch m;
	struct subject *s;

	if (!ipc_decode_unwatch(body, &m))
		return false;
	s = watch_find_subject(m.address);
	if (s)
		source_end_relay(s, from);
	return true;
}

void relay_answer(struct pending *p, const struct ipc_reply *reply)
{
	struct peer *to = &gateway.peers[p->relay_peer];
	bool alive = to->link && to->incarnation == p->relay_incarnation;

	if (p->request.verb == IPC_WATCH) {
		struct subject *s = watch_subject(p->request.address);

		s->asking--;
		if (alive && reply->code == ERROR_NONE) {
			subject_set_relay(s, peer_bit(to), true);
			source_answered(s, p, reply);
		}
		watch_release_subject(s);
	}
	if (alive)
		answer(to, p->relay_rid, reply);
}
