/* hello, auth, ping, sync, unwatch, cancel, bye. */
#include "worker/gateway/connection.h"

#include <stdlib.h>

#include "common/memory.h"
#include "proto/json.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/line.h"
#include "worker/gateway/pending.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/watch.h"

static void answer_ok(struct session *s, struct bytes id, struct bytes json)
{
	session_send(s, &(struct client_line){ .id = id, .word = "ok", .json = json });
}

static const struct bytes nothing = { NULL, 0 };

void connection_ping(struct session *s, const struct client_request *q)
{
	answer_ok(s, q->id, nothing);
}

void connection_hello(struct session *s, const struct client_request *q)
{
	const struct config *c = gateway.config;
	struct buffer json = { 0 };

	if (q->options & 1u << CLIENT_OPTION_PROTO && q->proto != CLIENT_PROTOCOL_VERSION) {
		line_refuse(s, q->id, ERROR_BAD_ARG, BYTES_LITERAL("{\"option\":\"proto\",\"supported\":[1]}"));
		return;
	}
	if (q->options & 1u << CLIENT_OPTION_SESSION) {
		line_refuse(s, q->id, ERROR_NO_SESSION,
		            BYTES_LITERAL("{\"option\":\"session\",\"reason\":\"this version has no sessions\"}"));
		return;
	}
	if (q->client.len > 0) {
		free(s->client);
		s->client = memory_copy(q->client.data, q->client.len);
	}
	buffer_append_text(&json, "{\"server\":\"stage\",\"version\":\"" STAGE_VERSION "\",\"proto\":1,\"node\":");
	json_write_text(bytes_of(c->node.name), &json);
	buffer_printf(&json, ",\"line\":%llu,\"inflight\":%llu,\"watches\":%llu,\"t\":%llu,\"tmax\":%llu}",
	              (unsigned long long)c->client.max_line, (unsigned long long)c->client.inflight,
	              (unsigned long long)c->client.watches, (unsigned long long)c->client.timeout,
	              (unsigned long long)c->client.max_timeout);
	answer_ok(s, q->id, buffer_bytes(&json));
	buffer_fini(&json);
}

void connection_auth(struct session *s, const struct client_request *q)
{
	line_refuse(s, q->id, ERROR_BAD_VERB,
	            BYTES_LITERAL("{\"verb\":\"auth\",\"reason\":\"this version does not authenticate clients\"}"));
}

/* Answered when everything before it has been. */
void connection_sync(struct session *s, const struct client_request *q)
{
	struct barrier *b;

	if (s->inflight + s->barriers >= gateway.config->client.inflight && s->inflight > 0) {
		line_refuse(s, q->id, ERROR_LIMIT, BYTES_LITERAL("{\"limit\":\"inflight\"}"));
		return;
	}
	b = memory_new(sizeof(*b));
	s->barriers++;
	b->after = s->requests;
	b->id_length = q->id.len;
	memcpy(b->id, q->id.data, q->id.len);
	if (s->last_barrier)
		s->last_barrier->next = b;
	else
		s->first_barrier = b;
	s->last_barrier = b;
	session_settled(s);
}

void connection_unwatch(struct session *s, const struct client_request *q)
{
	struct watch *w = map_get(&s->watches, q->target);
	struct pending *p = w ? NULL : pending_find(s, q->target);

	if (p && p->verb == CLIENT_WATCH) {
		/* Not live yet, and it never will be. */
		reply_failed(p, ERROR_CANCELLED);
		answer_ok(s, q->id, nothing);
		return;
	}
	if (w == NULL) {
		line_refuse(s, q->id, ERROR_BAD_ARG, BYTES_LITERAL("{\"option\":\"id\",\"reason\":\"no such watch\"}"));
		return;
	}
	watch_end(w);
	answer_ok(s, q->id, nothing);
}

/* A request that has been answered meanwhile is no mistake. */
void connection_cancel(struct session *s, const struct client_request *q)
{
	struct pending *p = pending_find(s, q->target);

	answer_ok(s, q->id, nothing);
	if (p)
		reply_cancel(p);
}

void connection_bye(struct session *s, const struct client_request *q)
{
	answer_ok(s, q->id, nothing);
	session_finish(s);
}
