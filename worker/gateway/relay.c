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
