/* Requests between actor workers, and of other nodes. */
#include "worker/gateway/relay.h"

#include "common/log.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/peer.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/request.h"
#include "worker/gateway/route.h"
#include "worker/gateway/watch.h"

/* Bytes of requests that wait for a newer map. */
#define EARLY_MAX (4u << 20)

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
	else if ((gateway.counters.clogged & (gateway.counters.clogged - 1)) == 0)
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

/* A request of a newer map than this gateway's; its body follows. */
struct early {
	uint32_t length, index, incarnation;
};

static void keep_early(const struct peer *from, struct bytes body)
{
	const struct early head = { (uint32_t)body.len, from->index, from->incarnation };

	buffer_append(&gateway.early, &head, sizeof(head));
	buffer_append_bytes(&gateway.early, body);
}

/* What this gateway's map makes of another node's request. */
enum fit { FIT_HERE, FIT_ELSEWHERE, FIT_EARLY };

static enum fit fit(const struct ipc_request *request)
{
	const struct control_shard *s = &gateway.child.shards[route_shard(request->address)];
	uint32_t asked = CONTROL_EPOCH_CLUSTER(request->epoch), known = CONTROL_EPOCH_CLUSTER(s->epoch);

	if (asked > known)
		return FIT_EARLY;
	return asked < known || CONTROL_IS_NODE(s->worker) ? FIT_ELSEWHERE : FIT_HERE;
}

bool relay_ask(struct peer *from, struct bytes body)
{
	struct ipc_request request;

	if (!ipc_decode_request(body, &request) || gateway.child.shards == NULL)
		return false;
	if (request.deadline != 0)
		request.deadline += gateway.now_ms;
	switch (fit(&request)) {
	case FIT_EARLY:
		if (buffer_length(&gateway.early) < EARLY_MAX) {
			keep_early(from, body);
			break;
		}
		refuse(from, &request);
		break;
	case FIT_ELSEWHERE:
		if (request.verb != IPC_TELL) {
			answer(from, request.rid, &(struct ipc_reply){ .code = ERROR_MOVED });
			break;
		}
		relay(from, &request);
		break;
	case FIT_HERE:
		relay(from, &request);
	}
	return true;
}

void relay_take_early(void)
{
	struct buffer frames = gateway.early;
	struct bytes rest;

	gateway.early = (struct buffer){ 0 };
	while ((rest = buffer_bytes(&frames)).len > 0) {
		struct early head;
		struct peer *from;

		memcpy(&head, rest.data, sizeof(head));
		from = &gateway.peers[head.index];
		if (from->used && from->link && from->incarnation == head.incarnation)
			(void)relay_ask(from, (struct bytes){ rest.data + sizeof(head), head.length });
		buffer_consume(&frames, sizeof(head) + head.length);
	}
	buffer_fini(&frames);
}

void relay_drop(struct pending *take_pending)
{
	gateway.counters.dropped_tells++;
	if ((gateway.counters.dropped_tells & (gateway.counters.dropped_tells - 1)) == 0)
		log_warnx("a message has followed its actor from node to node for too long and is dropped",
		          F_BYTES("address", take_pending->request.address), F_UINT("so_far", gateway.counters.dropped_tells));
	pending_free(take_pending);
}

static struct pending *asked_by(const struct peer *from, uint32_t rid)
{
	for (uint32_t i = 1; i < gateway.pending_capacity; i++) {
		struct pending *p = pending_by_rid(i);

		if (p && p->kind == PENDING_RELAY && !p->answered && p->relay_peer == from->index && p->relay_incarnation == from->incarnation &&
		    p->relay_rid == rid)
			return p;
	}
	return NULL;
}

bool relay_cancel(struct peer *from, struct bytes body)
{
	struct pending *p;
	uint32_t rid;

	if (!ipc_decode_cancel(body, &rid))
		return false;
	p = asked_by(from, rid);
	if (p)
		reply_cancel(p);
	return true;
}

/* --- what has gone on --- */

bool relay_sync(struct peer *from, struct bytes body)
{
	return ipc_decode_sync(body, &from->sync);
}

static bool has_of(const struct pending_list *list, const struct peer *from)
{
	const struct pending *p;

	TAILQ_FOREACH (p, list, place_next)
		if ((p->kind == PENDING_TELL || p->kind == PENDING_RELAY) && p->relay_peer == from->index)
			return true;
	return false;
}

/* A tell that its receiver's link may not have taken yet counts as well: it may be rescued. */
static bool has_passed_on(const struct peer *from)
{
	const struct peer *peer;

	if (has_of(&gateway.homeless, from))
		return false;
	TAILQ_FOREACH (peer, &gateway.used, used_next)
		if (has_of(&peer->held, from) || (peer != from && has_of(&peer->told, from)))
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
	if (s) {
		subject_set_relay(s, peer_bit(from), false);
		watch_release_subject(s);
	}
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
			subject_learn(s, reply->version, reply->payload);
			s->epoch = p->request.epoch;
		}
		watch_release_subject(s);
	}
	if (alive)
		answer(to, p->relay_rid, reply);
}
