/* Requests between actor workers. */
#include "worker/gateway/relay.h"

#include "worker/gateway/gateway.h"
#include "worker/gateway/route.h"
#include "worker/gateway/watch.h"

bool relay_request(struct worker_link *from, struct bytes body)
{
	struct ipc_request request;
	struct pending *p;

	if (!ipc_decode_request(body, &request))
		return false;
	p = pending_new(request.verb == IPC_TELL ? PENDING_TELL : PENDING_RELAY, &request);
	if (p == NULL)
		return true; /* its asker gives up at its deadline */
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
	struct ipc_reply full = *reply;

	if (p->request.verb == IPC_WATCH) {
		struct subject *s = watch_subject(p->request.address);

		s->asking--;
		if (alive && reply->code == ERROR_NONE) {
			subject_set_relay(s, p->relay_worker, true);
			subject_change(s, reply->version, reply->payload);
		}
		watch_release_subject(s);
	}
	if (!alive)
		return;
	full.rid = p->relay_rid;
	ipc_encode_reply(link_begin(to->link), &full);
	link_end(to->link);
}
