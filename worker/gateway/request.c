/* Requests of clients to actors. */
#include "worker/gateway/request.h"

#include <stddef.h>

#include "proto/json.h"
#include "proto/msgpack.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/line.h"
#include "worker/gateway/pending.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/room.h"
#include "worker/gateway/route.h"
#include "worker/gateway/watch.h"

/* A worker answers at the deadline itself; only one that hangs needs the gateway. */
#define BACKSTOP_MS 1000
/* Bytes of a connection's requests in flight from which the next is refused. */
#define IN_FLIGHT_MAX (8u << 20)
/* An emptied buffer larger than this is given back. */
#define KEEP (256u << 10)

/* What a request is made in: one at a time, so the memory stays from one to the next. */
static struct buffer members, json, payload;

static struct buffer *anew(struct buffer *b)
{
	buffer_clear(b);
	if (b->capacity > KEEP)
		buffer_trim(b);
	return b;
}

static void on_backstop(struct timer *timer)
{
	struct pending *p = (struct pending *)((char *)timer - offsetof(struct pending, deadline));

	reply_failed(p, ERROR_TIMEOUT);
}

void request_on_deadline(struct timer *timer)
{
	struct pending *p = (struct pending *)((char *)timer - offsetof(struct pending, deadline));

	if (p->place == PENDING_SENT)
		timer_set(&gateway.timers, timer, timer->at + BACKSTOP_MS, on_backstop);
	else if (p->place == PENDING_ANSWERED)
		reply_failed(p, ERROR_TIMEOUT);
	else
		route_late(p);
}

static uint64_t deadline_of(const struct client_request *q)
{
	const struct config *c = gateway.config;
	uint64_t t = q->options & 1u << CLIENT_OPTION_T ? q->t : c->client.timeout;

	return gateway.now_ms + (t < c->client.max_timeout ? t : c->client.max_timeout);
}

static void write_members(const struct client_request *q)
{
	anew(&members);
	if (q->verb == CLIENT_CALL) {
		msgpack_write_str(&members, q->members[0]);
	} else if (q->verb != CLIENT_SET && !q->all) {
		msgpack_write_array(&members, (uint32_t)q->member_count);
		for (size_t i = 0; i < q->member_count; i++)
			msgpack_write_str(&members, q->members[i]);
	}
}

bool request_begin(struct session *s, const struct client_request *q, struct ipc_request *ret)
{
	if (q->once) {
		line_refuse(s, q->id, ERROR_NO_SESSION,
		            BYTES_LITERAL("{\"option\":\"once\",\"reason\":\"this version has no sessions\"}"));
		return false;
	}
	*ret = (struct ipc_request){
		.address = q->address,
		.deadline = deadline_of(q),
		.conditional = q->options & 1u << CLIENT_OPTION_IF,
		.if_version = q->if_version,
	};
	write_members(q);
	ret->members = buffer_bytes(&members);
	return true;
}

void request_send(struct session *s, const struct client_request *q, const struct ipc_request *request,
                  struct watch *take_watch)
{
	bool fits = room_for_request(s, pending_size(request));
	struct pending *p = fits && s->pending_bytes <= IN_FLIGHT_MAX ? pending_new(PENDING_CLIENT, request) : NULL;

	if (p == NULL) {
		line_refuse(s, q->id, ERROR_LIMIT, fits ? BYTES_LITERAL("{\"limit\":\"bytes\"}") :
		                                          BYTES_LITERAL("{\"limit\":\"all_inflight\"}"));
		if (take_watch)
			watch_abandon(take_watch);
		return;
	}
	p->request.bulk = gateway.crowded || s->inflight > 0 || s->is_stalled;
	p->verb = q->verb;
	p->quiet = q->quiet;
	p->watch = take_watch;
	pending_attach(p, s, q->id);
	timer_set(&gateway.timers, &p->deadline, request->deadline, request_on_deadline);
	route_send(p);
}

void request_get(struct session *s, const struct client_request *q)
{
	struct ipc_request request;

	if (!request_begin(s, q, &request))
		return;
	request.verb = IPC_GET;
	request_send(s, q, &request, NULL);
}

/* The JSON of a line as msgpack; false where it is none: the client has its answer. */
static bool take_json(struct session *s, const struct client_request *q, struct buffer *out)
{
	size_t at;
	enum json_error error = json_parse(q->json, out, &at);
	struct buffer hint = { 0 };

	if (error == JSON_OK)
		return true;
	buffer_printf(&hint, "{\"reason\":\"%s\",\"at\":%zu}", json_error_text(error), at);
	line_refuse(s, q->id, ERROR_BAD_ARG, buffer_bytes(&hint));
	buffer_fini(&hint);
	return false;
}

static bool is_map(struct bytes value)
{
	struct msgpack_reader r = msgpack_read(value);

	msgpack_read_map(&r);
	return !r.bad;
}

static bool is_array(struct bytes value)
{
	struct msgpack_reader r = msgpack_read(value);

	msgpack_read_array(&r);
	return !r.bad;
}

/* Private names are nobody's business, and a name must be one. */
static bool names_are_public(struct session *s, const struct client_request *q, struct bytes map)
{
	struct msgpack_reader r = msgpack_read(map);
	uint32_t n = msgpack_read_map(&r);

	for (uint32_t i = 0; i < n; i++) {
		struct bytes name = msgpack_read_str(&r);
		struct buffer hint = { 0 };

		msgpack_read_value(&r);
		if (name_valid(name) && !name_private(name))
			continue;
		buffer_append_text(&hint, "{\"member\":");
		json_write_text(name, &hint);
		buffer_append_text(&hint, "}");
		line_refuse(s, q->id, ERROR_NO_MEMBER, buffer_bytes(&hint));
		buffer_fini(&hint);
		return false;
	}
	return true;
}

void request_set(struct session *s, const struct client_request *q)
{
	struct ipc_request request;

	anew(&payload);
	if (!q->all) {
		msgpack_write_map(&payload, 1);
		msgpack_write_str(&payload, q->members[0]);
	}
	if (!request_begin(s, q, &request) || !take_json(s, q, &payload))
		return;
	request.verb = IPC_SET;
	request.payload = buffer_bytes(&payload);
	if (!is_map(request.payload))
		line_refuse(s, q->id, ERROR_BAD_ARG, BYTES_LITERAL("{\"reason\":\"set * takes an object\"}"));
	else if (names_are_public(s, q, request.payload))
		request_send(s, q, &request, NULL);
}

void request_call(struct session *s, const struct client_request *q)
{
	struct ipc_request request;

	if (!request_begin(s, q, &request) || (q->json.len > 0 && !take_json(s, q, anew(&json))))
		return;
	request.verb = IPC_CALL;
	/* An array is the list of arguments, anything else the one argument. */
	anew(&payload);
	if (q->json.len == 0) {
		msgpack_write_array(&payload, 0);
	} else if (!is_array(buffer_bytes(&json))) {
		msgpack_write_array(&payload, 1);
		buffer_append_bytes(&payload, buffer_bytes(&json));
	}
	request.payload = buffer_bytes(buffer_length(&payload) > 0 ? &payload : &json);
	request_send(s, q, &request, NULL);
}
