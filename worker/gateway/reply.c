/* Replies and events on their way to clients. */
#include "worker/gateway/reply.h"

#include "common/log.h"
#include "proto/json.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/relay.h"
#include "worker/gateway/route.h"
#include "worker/gateway/watch.h"

static void send_line(const struct pending *p, const struct ipc_reply *reply)
{
	static struct buffer json; /* kept from answer to answer */
	bool ok = reply->code == ERROR_NONE;
	struct client_line line = {
		.id = { p->id, p->id_length },
		.word = ok ? "ok" : "err",
		.code = reply->code,
		.v = ok && reply->versioned ? &reply->version : NULL,
	};
	bool empty_payload = reply->payload.len == 0 || (unsigned char)reply->payload.data[0] == 0xc0;

	if (ok && p->quiet)
		return;
	buffer_clear(&json);
	/* A set answers with its version alone; an error without details with its code. */
	if (!(empty_payload && (!ok || p->verb == CLIENT_SET)))
		json_write(reply->payload, &json);
	line.json = buffer_bytes(&json);
	session_send(p->session, &line);
}

static void answer_client(struct pending *p, const struct ipc_reply *reply)
{
	struct session *s = p->session;

	if (s == NULL || s->state == SESSION_CLOSING)
		return;
	if (!TAILQ_EMPTY(&s->behind))
		watch_flush_before_reply(s, p->request.address);
	if (p->watch && reply->code == ERROR_NONE)
		watch_answered(p, reply);
	else
		send_line(p, reply);
}

static void answer(struct pending *take_pending, const struct ipc_reply *reply)
{
	switch (take_pending->kind) {
	case PENDING_CLIENT:
		answer_client(take_pending, reply);
		break;
	case PENDING_RELAY:
		relay_answer(take_pending, reply);
		break;
	case PENDING_REWATCH:
		watch_taken_up(take_pending, reply);
		break;
	case PENDING_TELL:
		break;
	}
	pending_free(take_pending);
}

void reply_failed(struct pending *take_pending, enum error_code code)
{
	answer(take_pending, &(struct ipc_reply){ .code = code });
}

static bool on_reply(struct worker_link *worker, struct bytes body)
{
	struct ipc_reply reply;
	struct pending *p;

	if (!ipc_decode_reply(body, &reply))
		return false;
	p = pending_by_rid(reply.rid);
	/* An answer that came after its backstop finds its rid free, or another worker's. */
	if (p == NULL || p->place != PENDING_SENT || p->worker != worker)
		return true;
	if (reply.code == ERROR_MOVED)
		route_again(p);
	else
		answer(p, &reply);
	return true;
}

static bool on_event(struct worker_link *worker, struct bytes body)
{
	struct ipc_event event;

	(void)worker;
	if (!ipc_decode_event(body, &event))
		return false;
	watch_event(&event, body);
	return true;
}

/* What an actor worker sends a gateway. */
static const struct {
	bool (*handle)(struct worker_link *worker, struct bytes body);
} frames[] = {
	[IPC_REPLY] = { on_reply },
	[IPC_EVENT] = { on_event },
	[IPC_REQUEST] = { relay_request },
	[IPC_UNWATCH] = { relay_unwatch },
};

void reply_frame(struct link *link, struct bytes body)
{
	struct worker_link *worker = link->owner;
	unsigned type = ipc_type(body);

	if (type < sizeof(frames) / sizeof(frames[0]) && frames[type].handle && frames[type].handle(worker, body))
		return;
	log_errorx("an actor worker sent a frame that is not understood", F_UINT("worker", worker->index),
	           F_UINT("type", type));
	link_close(link);
}
