/* Lines of clients, and the rows that lead from a verb to its handler. */
#include "worker/gateway/line.h"

#include "worker/gateway/connection.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/pending.h"
#include "worker/gateway/request.h"
#include "worker/gateway/watch.h"

/* One row per verb: its handler, and whether it goes to an actor. */
static const struct {
	void (*handle)(struct session *s, const struct client_request *q);
	bool to_actor;
} verbs[CLIENT_VERB_COUNT] = {
	[CLIENT_GET] = { request_get, true },
	[CLIENT_SET] = { request_set, true },
	[CLIENT_CALL] = { request_call, true },
	[CLIENT_WATCH] = { watch_request, true },
	[CLIENT_HELLO] = { connection_hello, false },
	[CLIENT_AUTH] = { connection_auth, false },
	[CLIENT_PING] = { connection_ping, false },
	[CLIENT_SYNC] = { connection_sync, false },
	[CLIENT_UNWATCH] = { connection_unwatch, false },
	[CLIENT_CANCEL] = { connection_cancel, false },
	[CLIENT_BYE] = { connection_bye, false },
};

void line_refuse(struct session *s, struct bytes id, enum error_code code, struct bytes json)
{
	session_send(s, &(struct client_line){ .id = id, .word = "err", .code = code, .json = json });
}

/* Sixteen in a row that cannot be read are no typing mistakes. */
static void count_bad(struct session *s, enum error_code code)
{
	if (code != ERROR_BAD_LINE && code != ERROR_TOO_LONG)
		return;
	if (++s->bad_lines >= CLIENT_BAD_LINES_MAX)
		session_end(s, ERROR_PROTOCOL);
}

static bool id_is_taken(const struct session *s, struct bytes id)
{
	for (const struct barrier *b = s->first_barrier; b; b = b->next)
		if (bytes_equal((struct bytes){ b->id, b->id_length }, id))
			return true;
	return pending_find(s, id) || map_get(&s->watches, id);
}

static void dispatch(struct session *s, const struct client_request *q)
{
	s->bad_lines = 0;
	gateway.counters.requests[q->verb]++;
	/* First what is cheap to tell: it answers those who ask most. */
	if (verbs[q->verb].to_actor && gateway.draining) {
		line_refuse(s, q->id, ERROR_DRAINING, (struct bytes){ NULL, 0 });
		return;
	}
	if (verbs[q->verb].to_actor && s->inflight + s->barriers >= gateway.config->client.inflight) {
		line_refuse(s, q->id, ERROR_LIMIT, BYTES_LITERAL("{\"limit\":\"inflight\"}"));
		return;
	}
	if (id_is_taken(s, q->id)) {
		line_refuse(s, q->id, ERROR_DUP_ID, (struct bytes){ NULL, 0 });
		return;
	}
	s->requests++;
	verbs[q->verb].handle(s, q);
}

void line_take(struct session *s, struct bytes line)
{
	static struct client_request q; /* large, and used by one line at a time */
	char scratch[256];
	const char *hint;
	enum error_code code;

	if (!s->greeted && !client_first_line_plausible(line)) {
		session_end(s, ERROR_PROTOCOL);
		return;
	}
	s->greeted = true;
	code = client_parse(line, &q, scratch, &hint);
	if (code == ERROR_NONE) {
		dispatch(s, &q);
		return;
	}
	line_refuse(s, q.id, code, hint ? bytes_of(hint) : (struct bytes){ NULL, 0 });
	count_bad(s, code);
}

void line_too_big(struct session *s, struct bytes beginning, enum error_code code)
{
	static struct client_request q;
	char scratch[256];
	const char *hint;

	/* Only its ID is of interest, whatever else is wrong. */
	beginning.len = beginning.len < 256 ? beginning.len : 256;
	if (!s->greeted && !client_first_line_plausible(beginning)) {
		session_end(s, ERROR_PROTOCOL);
		return;
	}
	s->greeted = true;
	client_parse(beginning, &q, scratch, &hint);
	line_refuse(s, q.id, code,
	            code == ERROR_LIMIT ? BYTES_LITERAL("{\"limit\":\"all_input\"}") : (struct bytes){ NULL, 0 });
	count_bad(s, code);
}
