/* Rows about this gateway and its sessions. */
#include "worker/gateway/query.h"

#include "proto/msgpack.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/route.h"

#define ROWS_BYTES 32768 /* of one packet, about */

struct answer {
	uint32_t query, count;
	struct buffer rows;
};

static void flush(struct answer *answer, bool last, struct bytes error)
{
	struct buffer packet = { 0 };

	msgpack_write_array(&packet, answer->count);
	buffer_append_bytes(&packet, buffer_bytes(&answer->rows));
	child_rows(&gateway.child, &(struct control_rows){
		.query = answer->query, .last = last, .error = error, .rows = buffer_bytes(&packet) });
	buffer_fini(&packet);
	buffer_clear(&answer->rows);
	answer->count = 0;
}

static struct buffer *row(struct answer *answer, uint32_t fields)
{
	if (buffer_length(&answer->rows) > ROWS_BYTES)
		flush(answer, false, (struct bytes){ NULL, 0 });
	answer->count++;
	msgpack_write_map(&answer->rows, fields);
	return &answer->rows;
}

static void number(struct buffer *out, const char *key, uint64_t value)
{
	msgpack_write_str(out, bytes_of(key));
	msgpack_write_uint(out, value);
}

static void text(struct buffer *out, const char *key, const char *value)
{
	msgpack_write_str(out, bytes_of(key));
	msgpack_write_str(out, bytes_of(value));
}

static void count_verbs(struct buffer *out)
{
	msgpack_write_str(out, BYTES_LITERAL("by_verb"));
	msgpack_write_map(out, CLIENT_VERB_COUNT);
	for (int i = 0; i < CLIENT_VERB_COUNT; i++)
		number(out, client_verb_rows[i].word, gateway.counters.requests[i]);
}

/* Only those that occurred. */
static void count_errors(struct buffer *out)
{
	uint32_t kinds = 0;

	for (int i = 0; i < ERROR_COUNT; i++)
		kinds += gateway.counters.errors[i] > 0;
	msgpack_write_str(out, BYTES_LITERAL("by_error"));
	msgpack_write_map(out, kinds);
	for (int i = 0; i < ERROR_COUNT; i++)
		if (gateway.counters.errors[i] > 0)
			number(out, error_rows[i].name, gateway.counters.errors[i]);
}

static uint64_t count_watches(void)
{
	uint64_t n = 0;
	struct session *s;

	TAILQ_FOREACH (s, &gateway.sessions, all)
		n += s->watches.count;
	return n;
}

static void answer_status(struct answer *answer)
{
	const struct gateway_counters *c = &gateway.counters;
	struct buffer *out = row(answer, 16);
	uint64_t requests = 0, errors = 0;

	for (int i = 0; i < CLIENT_VERB_COUNT; i++)
		requests += c->requests[i];
	for (int i = 0; i < ERROR_COUNT; i++)
		errors += c->errors[i];
	number(out, "sessions", gateway.session_count);
	number(out, "watches", count_watches());
	number(out, "subjects", gateway.subjects.count);
	number(out, "accepted", c->accepted);
	number(out, "refused", c->refused);
	number(out, "requests", requests);
	number(out, "errors", errors);
	number(out, "events", c->events);
	number(out, "crashed", c->crashed);
	number(out, "retried", c->retried);
	number(out, "held", route_held());
	number(out, "bytes_in", c->bytes_in);
	number(out, "bytes_out", c->bytes_out);
	number(out, "clogged", c->clogged);
	count_verbs(out);
	count_errors(out);
}

static void answer_sessions(struct answer *answer)
{
	struct session *s;

	TAILQ_FOREACH (s, &gateway.sessions, all) {
		struct buffer *out = row(answer, 6);

		number(out, "id", s->number);
		text(out, "peer", s->peer);
		text(out, "client", s->client ? s->client : "");
		number(out, "since", s->since_ms);
		number(out, "inflight", s->inflight);
		number(out, "watches", s->watches.count);
	}
}

static const struct {
	const char *verb;
	void (*answer)(struct answer *answer);
} questions[] = {
	{ "status", answer_status },
	{ "sessions", answer_sessions },
};

void query_answer(const struct control_query *q)
{
	struct answer answer = { .query = q->query };
	struct bytes error = BYTES_LITERAL("a gateway has no answer to that");

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (bytes_equal(q->verb, bytes_of(questions[i].verb))) {
			questions[i].answer(&answer);
			error.len = 0;
		}
	flush(&answer, true, error);
	buffer_fini(&answer.rows);
}
