/* Replies and events on their way to clients. */
#include "worker/gateway/reply.h"

#include "common/log.h"
#include "proto/json.h"
#include "proto/msgpack.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/kept.h"
#include "worker/gateway/relay.h"
#include "worker/gateway/route.h"
#include "worker/gateway/source.h"
#include "worker/gateway/watch.h"
#include "worker/gateway/peer.h"

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

/* False: the request is to be asked again. */
static bool answer(struct pending *p, const struct ipc_reply *reply)
{
	if (p->answered)
		return true;
	switch (p->kind) {
	case PENDING_CLIENT:
		answer_client(p, reply);
		return true;
	case PENDING_RELAY:
		relay_answer(p, reply);
		return true;
	case PENDING_REWATCH:
		return source_taken_up(p, reply);
	case PENDING_TELL:
		break;
	}
	return true;
}

static void end(struct pending *take_pending, const struct ipc_reply *reply)
{
	if (answer(take_pending, reply))
		pending_dismiss(take_pending);
	else
		source_ask_later(take_pending);
}

void reply_failed(struct pending *take_pending, enum error_code code)
{
	end(take_pending, &(struct ipc_reply){ .code = code });
}

void reply_unreachable(struct pending *take_pending, const struct peer *node)
{
	struct buffer details = { 0 };

	if (take_pending->kind == PENDING_TELL) {
		relay_drop(take_pending, "its node is away");
		return;
	}
	msgpack_write_map(&details, 1);
	msgpack_write_str(&details, BYTES_LITERAL("node"));
	msgpack_write_str(&details, bytes_of(node->name));
	end(take_pending, &(struct ipc_reply){ .code = ERROR_UNREACHABLE, .payload = buffer_bytes(&details) });
	buffer_fini(&details);
}

void reply_kept(struct pending *take_pending)
{
	(void)answer(take_pending, take_pending->kept);
	pending_free(take_pending);
}

void reply_cancel(struct pending *p)
{
	if (p->place == PENDING_ANSWERED)
		return;
	if (p->place != PENDING_SENT) {
		reply_failed(p, ERROR_CANCELLED);
		return;
	}
	p->cancelled = true;
	ipc_encode_cancel(link_begin(p->peer->link), p->request.rid);
	link_end(p->peer->link);
}

/* The owner was another, or became one while it was asked: what a former owner says of a
 * watched actor is the past, and nobody would hear of its changes. */
static bool is_of_former_owner(const struct pending *p, const struct ipc_reply *reply)
{
	return reply->code == ERROR_MOVED ||
	       (p->request.verb == IPC_WATCH && p->request.epoch != gateway.child.shards[p->request.shard].epoch);
}

static bool is_wanted(const struct pending *p)
{
	return !p->answered && (p->kind != PENDING_CLIENT || p->session != NULL);
}

static bool on_reply(struct peer *peer, struct bytes body)
{
	struct ipc_reply reply;
	struct pending *p;
	bool told, former, early;

	if (!ipc_decode_reply(body, &reply))
		return false;
	p = pending_by_rid(reply.rid);
	if (p == NULL || p->place != PENDING_SENT || p->peer != peer)
		return true; /* nobody there was asked this */
	told = p->request.verb == IPC_WATCH && reply.code == ERROR_NONE;
	if (told)
		source_heard(p);
	former = is_of_former_owner(p, &reply);
	early = told && !former && !source_admits(p, &reply);
	if ((former || early) && p->cancelled)
		reply = (struct ipc_reply){ .code = ERROR_CANCELLED };
	if (former && !p->cancelled && is_wanted(p))
		route_again(p);
	else if (early && !p->cancelled && is_wanted(p))
		route_later(p);
	else if (gateway.renewals > 0 && kept_takes(p, &reply))
		return true;
	else if (answer(p, &reply))
		pending_free(p);
	else
		source_ask_later(p);
	return true;
}

static bool on_event(struct peer *peer, struct bytes body)
{
	struct ipc_event event;

	if (!ipc_decode_event(body, &event))
		return false;
	source_event(peer, &event, body);
	return true;
}

/* What each kind of peer may send a gateway: owners of shards answer, workers and askers ask. */
static const struct {
	bool (*by[PEER_KIND_COUNT])(struct peer *peer, struct bytes body);
} frames[] = {
	[IPC_REPLY] = { { [PEER_WORKER] = on_reply, [PEER_NODE] = on_reply } },
	[IPC_EVENT] = { { [PEER_WORKER] = on_event, [PEER_NODE] = on_event } },
	[IPC_REQUEST] = { { [PEER_WORKER] = relay_request, [PEER_ASKER] = relay_ask } },
	[IPC_UNWATCH] = { { [PEER_WORKER] = relay_unwatch, [PEER_ASKER] = relay_unwatch } },
	[IPC_CANCEL] = { { [PEER_ASKER] = relay_cancel } },
	[IPC_FENCE] = { { [PEER_WORKER] = route_fenced } },
	[IPC_SYNC] = { { [PEER_WORKER] = relay_sync } },
	[IPC_BYE] = { { [PEER_WORKER] = peer_bye, [PEER_NODE] = peer_bye } },
};

void reply_frame(struct link *link, struct bytes body)
{
	struct peer *peer = link->owner;
	unsigned type = ipc_type(body);

	if (type < sizeof(frames) / sizeof(frames[0]) && frames[type].by[peer->kind] &&
	    frames[type].by[peer->kind](peer, body))
		return;
	log_errorx("a frame is not understood", F_UINT("peer", peer->index), F_TEXT("name", peer->name),
	           F_UINT("type", type));
	link_close(link);
}
