/* Frames on their way out, and those that wait for a commit. */
#include "worker/actor/outbox.h"

#include "proto/msgpack.h"
#include "worker/actor/acquire.h"
#include "worker/actor/call.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/worker.h"

/* Frames that wait, one behind the other, each with this before its body. */
struct waiting {
	uint32_t length;
	uint32_t rid;         /* of a reply */
	uint32_t incarnation; /* of the gateway that it is for, where `bound` */
	uint32_t shard;       /* of a request, as it was routed when it was made … */
	uint64_t epoch;       /* … else 0 */
	uint16_t peer;
	bool reply;
	bool bound;   /* to the gateway that asked: its successor has other requests by the same numbers */
	bool stepped; /* what it answers has committed a step before (message.h) */
};

/* Nobody may be told that nothing happened where a step has been committed. */
static enum error_code true_code(enum error_code code, bool stepped)
{
	return stepped && error_rows[code].executed == EXECUTED_NO ? ERROR_LOST : code;
}

static uint32_t incarnation(const struct worker *w, uint16_t peer)
{
	return peer < w->gateway_count ? w->gateways[peer].incarnation : 0;
}

static bool is_overtaken(const struct worker *w, const struct waiting *head)
{
	return head->bound && head->incarnation != incarnation(w, head->peer);
}

void outbox_send(struct worker *w, uint16_t peer, struct bytes body)
{
	if (peer == PEER_SELF) {
		uint32_t length = (uint32_t)body.len;

		buffer_append(&w->loopback, &length, sizeof(length));
		buffer_append_bytes(&w->loopback, body);
	} else if (peer < w->gateway_count && w->gateways[peer].link) {
		buffer_append_bytes(link_begin(w->gateways[peer].link), body);
		link_end(w->gateways[peer].link);
	}
}

/* Where frames of a that depend on its properties wait; NULL: they may leave at once. */
static struct buffer *waiting_room(struct actor *a)
{
	if (a == NULL || a->batch == NULL || a->class == NULL)
		return a && a->batch ? &a->batch->frames : NULL;
	return a->class->durability == CLASS_COMMIT ? &a->batch->frames : NULL;
}

static void put_waiting(struct buffer *room, const struct waiting *head, struct bytes body)
{
	buffer_append(room, head, sizeof(*head));
	buffer_append_bytes(room, body);
}

static void send_reply(struct worker *w, struct actor *a, uint16_t peer, bool stepped,
                       const struct ipc_reply *reply)
{
	struct buffer *room = waiting_room(a);
	struct buffer body = { 0 };
	struct waiting head = {
		.rid = reply->rid, .peer = peer, .reply = true, .stepped = stepped, .bound = true,
		.incarnation = incarnation(w, peer),
	};

	if (room == NULL && peer < w->gateway_count && w->gateways[peer].link) {
		ipc_encode_reply(link_begin(w->gateways[peer].link), reply);
		link_end(w->gateways[peer].link);
		return;
	}
	ipc_encode_reply(&body, reply);
	head.length = (uint32_t)buffer_length(&body);
	if (room)
		put_waiting(room, &head, buffer_bytes(&body));
	else
		outbox_send(w, peer, buffer_bytes(&body));
	buffer_fini(&body);
}

/* Once a message is answered nobody waits for it any more. */
static bool settle(struct worker *w, struct message *m)
{
	if (m == NULL || m->peer == PEER_NOBODY)
		return false;
	TAILQ_REMOVE(&w->unanswered, m, unanswered);
	m->peer = PEER_NOBODY;
	return true;
}

void outbox_reply(struct worker *w, struct actor *a, struct message *m, const struct ipc_reply *reply)
{
	uint16_t peer = m ? m->peer : PEER_NOBODY;
	struct ipc_reply full = *reply;

	if (!settle(w, m))
		return;
	full.rid = m->request.rid;
	full.code = true_code(full.code, m->stepped);
	send_reply(w, a, peer, m->stepped, &full);
}

static void fail(struct worker *w, struct actor *a, struct message *m, enum error_code code,
                 const char *key, struct bytes text)
{
	struct buffer details = { 0 };
	struct ipc_reply reply = { .code = code };

	if (key) {
		msgpack_write_map(&details, 1);
		msgpack_write_str(&details, bytes_of(key));
		msgpack_write_str(&details, text);
		reply.payload = buffer_bytes(&details);
	}
	outbox_reply(w, a, m, &reply);
	buffer_fini(&details);
}

void outbox_fail(struct worker *w, struct actor *a, struct message *m, enum error_code code,
                 const char *key, struct bytes text)
{
	fail(w, a, m, code, key, text);
}

void outbox_refuse(struct worker *w, struct message *m, enum error_code code, const char *key,
                   struct bytes text)
{
	fail(w, NULL, m, code, key, text);
}

void outbox_event(struct worker *w, struct actor *a, const struct ipc_event *event)
{
	struct buffer *room = waiting_room(a);
	struct buffer body = { 0 };
	struct waiting head = { 0 };

	if (a->gateways == 0 && !a->watched_here)
		return;
	ipc_encode_event(&body, event);
	head.length = (uint32_t)buffer_length(&body);
	for (uint16_t i = 0; i <= w->gateway_count; i++) {
		bool watches = i < w->gateway_count ? a->gateways >> i & 1 : a->watched_here;

		if (!watches)
			continue;
		head.peer = i < w->gateway_count ? i : PEER_SELF;
		head.bound = true;
		head.incarnation = incarnation(w, head.peer);
		if (room)
			put_waiting(room, &head, buffer_bytes(&body));
		else
			outbox_send(w, head.peer, buffer_bytes(&body));
	}
	buffer_fini(&body);
}

void outbox_doubt(struct worker *w, struct actor *a)
{
	outbox_event(w, a, &(struct ipc_event){ .kind = IPC_EVENT_CHANGE, .address = actor_address(a) });
}

void outbox_request(struct worker *w, const struct actor *a, const struct ipc_request *request,
                    struct buffer *into)
{
	struct ipc_request routed = *request;
	struct buffer body = { 0 };
	struct waiting head = { 0 };

	routed.shard = worker_shard(w, request->address);
	routed.epoch = w->shards[routed.shard].epoch;
	/* One sender's messages take one gateway, so that they stay in order; all watches
	 * of one actor take one, so that its events come once. */
	head.shard = routed.shard;
	head.epoch = routed.epoch;
	if (worker_keeps(w, routed.shard))
		head.peer = PEER_SELF;
	else
		head.peer = (uint16_t)((routed.verb == IPC_WATCH ? routed.shard : a->shard) % w->gateway_count);
	ipc_encode_request(&body, &routed);
	head.length = (uint32_t)buffer_length(&body);
	put_waiting(into, &head, buffer_bytes(&body));
	buffer_fini(&body);
}

void outbox_take(struct worker *w, struct actor *a, struct buffer *requests)
{
	struct buffer *room = waiting_room(a);

	if (buffer_length(requests) == 0)
		return;
	if (room) {
		buffer_append_bytes(room, buffer_bytes(requests));
		buffer_clear(requests);
	} else {
		outbox_release(w, requests);
	}
}

/* Takes the first waiting frame; its body stays valid until the buffer is written. */
static bool take_waiting(struct buffer *frames, struct waiting *ret_head, struct bytes *ret_body)
{
	struct bytes rest = buffer_bytes(frames);

	if (rest.len == 0)
		return false;
	memcpy(ret_head, rest.data, sizeof(*ret_head));
	*ret_body = (struct bytes){ rest.data + sizeof(*ret_head), ret_head->length };
	buffer_consume(frames, sizeof(*ret_head) + ret_head->length);
	return true;
}

/* The map may have changed since a request was made: it goes the way of those that its sender
 * makes from now on, or they would overtake it. (A watch is no message: who carries it stays.) */
static void send_request(struct worker *w, const struct waiting *head, struct bytes body)
{
	bool here = worker_keeps(w, head->shard);
	uint16_t peer = here ? PEER_SELF : head->peer;
	struct buffer again = { 0 };
	struct ipc_request request;

	if (here == (head->peer == PEER_SELF) && (!here || head->epoch == w->shards[head->shard].epoch)) {
		/* as it was made */
	} else if (ipc_decode_request(body, &request) && request.verb != IPC_WATCH) {
		request.epoch = w->shards[head->shard].epoch;
		if (!here) {
			mailbox_pass_on(w, PEER_SELF, &request);
			return;
		}
		if (request.verb != IPC_TELL)
			call_redirect(w, request.rid, PEER_SELF);
		ipc_encode_request(&again, &request);
		body = buffer_bytes(&again);
	} else {
		peer = head->peer;
	}
	if (peer == PEER_SELF && acquire_holds(w, head->shard))
		acquire_keep(w, body);
	else
		outbox_send(w, peer, body);
	buffer_fini(&again);
}

void outbox_release(struct worker *w, struct buffer *frames)
{
	struct waiting head;
	struct bytes body;

	while (take_waiting(frames, &head, &body)) {
		if (head.epoch != 0)
			send_request(w, &head, body);
		else if (!is_overtaken(w, &head))
			outbox_send(w, head.peer, body);
	}
}

/* A change that was not told is none that is missed. */
static void revoke_event(struct worker *w, const struct waiting *head, struct bytes body)
{
	struct buffer instead = { 0 };
	struct ipc_event event;

	if (!ipc_decode_event(body, &event) || (event.kind == IPC_EVENT_CHANGE && event.version.epoch != 0))
		return;
	ipc_encode_event(&instead, &(struct ipc_event){ .kind = IPC_EVENT_CHANGE, .address = event.address });
	outbox_send(w, head->peer, buffer_bytes(&instead));
	buffer_fini(&instead);
}

void outbox_revoke(struct worker *w, struct buffer *frames, enum error_code code, struct bytes text)
{
	struct waiting head;
	struct bytes body;
	struct buffer details = { 0 };

	msgpack_write_map(&details, 2);
	msgpack_write_str(&details, BYTES_LITERAL("reason"));
	msgpack_write_str(&details, BYTES_LITERAL("store"));
	msgpack_write_str(&details, BYTES_LITERAL("message"));
	msgpack_write_str(&details, text);
	while (take_waiting(frames, &head, &body)) {
		if (is_overtaken(w, &head))
			continue;
		if (head.reply)
			send_reply(w, NULL, head.peer, false, &(struct ipc_reply){
				.rid = head.rid, .code = true_code(code, head.stepped), .payload = buffer_bytes(&details) });
		else if (head.epoch == 0)
			revoke_event(w, &head, body);
	}
	buffer_fini(&details);
}
