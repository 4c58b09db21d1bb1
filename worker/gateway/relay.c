/* Requests between actor workers. */
#include "worker/gateway/relay.h"

#include "common/log.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/route.h"
#include "worker/gateway/watch.h"

static void answer(struct worker_link *to, uint32_t rid, const struct ipc_reply *reply)
{
	struct ipc_reply full = *reply;

	full.rid = rid;
	ipc_encode_reply(link_begin(to->link), &full);
	link_end(to->link);
}

/* Its worker does not keep up with what actors send it: more is not taken. */
static void refuse(struct worker_link *from, const struct ipc_request *request)
{
	gateway.counters.clogged++;
	if (request->verb != IPC_TELL)
		answer(from, request->rid, &(struct ipc_reply){ .code = ERROR_BUSY });
	else if ((gateway.counters.clogged & (gateway.counters.clogged - 1)) == 0)
		log_warnx("a worker does not keep up, messages of actors are dropped",
		          F_BYTES("address", request->address), F_UINT("so_far", gateway.counters.clogged));
}

bool relay_request(struct worker_link *from, struct bytes body)
{
	struct ipc_request request;
	struct pending *p;

	if (!ipc_decode_request(body, &request))
		return false;
	p = route_is_clogged(request.address) ?
	            NULL : pending_new(request.verb == IPC_TELL ? PENDING_TELL : PENDING_RELAY, &request);
	if (p == NULL) {
		refuse(from, &request);
		return true;
	}
	p->relay_worker = from->index;
	p->relay_incarnation = from->incarnation;
	p->relay_rid = request.rid;
	if (request.verb == IPC_WATCH)
		watch_subject(request.address)->asking++;
	route_send(p);
	return true;
}

bool relay_sync(struct worker_link *from, struct bytes body)
{
	return ipc_decode_sync(body, &from->sync);
}

static bool has_of(const struct pending_list *list, const struct worker_link *from)
{
	const struct pending *p;

	TAILQ_FOREACH (p, list, place_next)
		if ((p->kind == PENDING_TELL || p->kind == PENDING_RELAY) && p->relay_worker == from->index)
			return true;
	return false;
}

/* A tell that its receiver's link may not have taken yet counts as well: it may be rescued. */
static bool has_passed_on(const struct worker_link *from)
{
	if (has_of(&gateway.homeless, from))
		return false;
	for (uint32_t i = 0; i < gateway.worker_count; i++)
		if (has_of(&gateway.workers[i].held, from) ||
		    (&gateway.workers[i] != from && has_of(&gateway.workers[i].told, from)))
			return false;
	return true;
}

void relay_answer_syncs(void)
{
	for (uint32_t i = 0; i < gateway.worker_count; i++) {
		struct worker_link *worker = &gateway.workers[i];

		if (worker->sync == 0 || worker->link == NULL || !has_passed_on(worker))
			continue;
		ipc_encode_sync(link_begin(worker->link), worker->sync);
		link_end(worker->link);
		worker->sync = 0;
	}
}

bool relay_unwatch(struct worker_link *from, struct bytes body)
{
	struct ipc_unwatch m;
	struct subject *s;

	if (!ipc_decode_unwatch(body, &m))
		return false;
	s = watch_find_subject(m.address);
	if (s) {
		subject_set_relay(s, from->index, false);
		watch_release_subject(s);
	}
	return true;
}

void relay_answer(struct pending *p, const struct ipc_reply *reply)
{
	struct worker_link *to = &gateway.workers[p->relay_worker];
	bool alive = to->link && to->incarnation == p->relay_incarnation;

	if (p->request.verb == IPC_WATCH) {
		struct subject *s = watch_subject(p->request.address);

		s->asking--;
		if (alive && reply->code == ERROR_NONE) {
			subject_set_relay(s, p->relay_worker, true);
			subject_learn(s, reply->version, reply->payload);
			s->epoch = p->request.epoch;
		}
		watch_release_subject(s);
	}
	if (alive)
		answer(to, p->relay_rid, reply);
}
