/* Rows about this worker and its actors. */
#include "worker/actor/query.h"

#include <fnmatch.h>
#include <unistd.h>

#include "proto/msgpack.h"
#include "worker/actor/host.h"
#include "worker/actor/room.h"

#define ROWS_BYTES 32768 /* of one packet, about */

typedef void (*send_fn)(struct worker *w, const struct control_rows *rows);

/* Rows on their way: sent whenever a packet is full. */
struct answer {
	struct worker *worker;
	send_fn send;
	uint32_t query, count;
	struct buffer rows;
};

static void flush(struct answer *answer, bool last, const char *error)
{
	struct buffer packet = { 0 };

	msgpack_write_array(&packet, answer->count);
	buffer_append_bytes(&packet, buffer_bytes(&answer->rows));
	answer->send(answer->worker, &(struct control_rows){
		.query = answer->query, .last = last, .error = error ? bytes_of(error) : (struct bytes){ NULL, 0 },
		.rows = buffer_bytes(&packet) });
	buffer_fini(&packet);
	buffer_clear(&answer->rows);
	answer->count = 0;
	if (last)
		buffer_fini(&answer->rows);
}

static struct buffer *row(struct answer *answer, uint32_t fields)
{
	if (buffer_length(&answer->rows) > ROWS_BYTES)
		flush(answer, false, NULL);
	answer->count++;
	msgpack_write_map(&answer->rows, fields);
	return &answer->rows;
}

static void text(struct buffer *out, const char *key, struct bytes value)
{
	msgpack_write_str(out, bytes_of(key));
	msgpack_write_str(out, value);
}

static void number(struct buffer *out, const char *key, uint64_t value)
{
	msgpack_write_str(out, bytes_of(key));
	msgpack_write_uint(out, value);
}

static void version(struct buffer *out, const struct actor *a)
{
	struct buffer v = { 0 };

	version_format(a->version, &v);
	text(out, "version", buffer_bytes(&v));
	buffer_fini(&v);
}

static uint64_t watchers(const struct actor *a)
{
	return (uint64_t)__builtin_popcountll(a->gateways) + a->watched_here;
}

static void answer_status(struct answer *answer, struct bytes argument)
{
	const struct worker *w = answer->worker;
	struct buffer *out = row(answer, 13);

	(void)argument;
	number(out, "actors", w->resident);
	number(out, "memory", room_used());
	number(out, "classes", w->catalog.count);
	number(out, "bundle", w->catalog.serial);
	number(out, "turns", w->counters.turns);
	number(out, "steps", w->counters.steps);
	number(out, "failures", w->counters.failures);
	number(out, "timeouts", w->counters.timeouts);
	number(out, "preemptions", w->counters.slices);
	number(out, "activations", w->counters.activations);
	number(out, "passivations", w->counters.passivations);
	number(out, "commits_under_way", w->storage.count);
	text(out, "sandbox", bytes_of(w->sandbox ? w->sandbox : ""));
}

static void answer_actors(struct answer *answer, struct bytes argument)
{
	struct worker *w = answer->worker;
	char pattern[ADDRESS_MAX + 1] = "*";
	size_t at = 0;
	void *value;

	if (argument.len > 0 && argument.len < sizeof(pattern)) {
		memcpy(pattern, argument.data, argument.len);
		pattern[argument.len] = '\0';
	}
	while (map_next(&w->actors, &at, NULL, &value)) {
		struct actor *a = value;
		char address[ADDRESS_MAX + 1];
		struct buffer *out;

		memcpy(address, a->address, a->address_length);
		address[a->address_length] = '\0';
		if (a->class == NULL || fnmatch(pattern, address, 0) != 0)
			continue;
		out = row(answer, 6);
		text(out, "address", actor_address(a));
		text(out, "class", bytes_of(a->class->name));
		version(out, a);
		text(out, "state", bytes_of(actor_state_name(a->state)));
		number(out, "mailbox", a->mail);
		number(out, "watchers", watchers(a));
	}
}

static void write_faults(const struct actor *a, struct buffer *out)
{
	const struct faults *faults = a->faults;
	uint32_t count = 0;

	for (unsigned i = 0; faults && i < ACTOR_FAULTS_MAX; i++)
		count += faults->list[i].text != NULL;
	msgpack_write_str(out, BYTES_LITERAL("last_errors"));
	msgpack_write_array(out, count);
	for (unsigned i = 0; faults && i < ACTOR_FAULTS_MAX; i++) {
		const struct fault *f = &faults->list[(faults->next + i) % ACTOR_FAULTS_MAX];

		if (f->text == NULL)
			continue;
		msgpack_write_map(out, 3);
		number(out, "time", f->time);
		text(out, "method", bytes_of(f->method));
		text(out, "message", bytes_of(f->text));
	}
}

static void answer_inspect(struct answer *answer, struct bytes argument)
{
	const struct worker *w = answer->worker;
	struct actor *a = actor_find(answer->worker, argument);
	struct buffer *out;

	/* Asked of every worker; the one that holds it answers with a row. */
	if (a == NULL || a->class == NULL)
		return;
	out = row(answer, 10);
	text(out, "address", actor_address(a));
	text(out, "class", bytes_of(a->class->name));
	number(out, "shard", a->shard);
	number(out, "epoch", w->shards[a->shard].epoch);
	version(out, a);
	text(out, "state", bytes_of(actor_state_name(a->state)));
	msgpack_write_str(out, BYTES_LITERAL("properties"));
	msgpack_write_map(out, a->class->property_count);
	for (uint32_t i = 0; i < a->class->property_count; i++) {
		msgpack_write_str(out, bytes_of(a->class->properties[i].name));
		value_pack(&a->slots[i].value, out);
	}
	number(out, "mailbox", a->mail);
	number(out, "watchers", watchers(a));
	write_faults(a, out);
}

static const struct {
	const char *verb;
	void (*answer)(struct answer *answer, struct bytes argument);
} questions[] = {
	{ "status", answer_status },
	{ "actors", answer_actors },
	{ "inspect", answer_inspect },
};

void query_answer(struct worker *w, const struct control_query *q, send_fn send)
{
	struct answer answer = { .worker = w, .send = send, .query = q->query };

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (bytes_equal(q->verb, bytes_of(questions[i].verb))) {
			questions[i].answer(&answer, q->argument);
			flush(&answer, true, NULL);
			return;
		}
	flush(&answer, true, "an actor worker has no answer to that");
}

void query_problems(struct worker *w, uint32_t query, const struct host_problems *problems, send_fn send)
{
	struct answer answer = { .worker = w, .send = send, .query = query };

	for (size_t i = 0; i < problems->count; i++) {
		struct buffer *out = row(&answer, 3);

		text(out, "file", bytes_of(problems->list[i].file));
		number(out, "line", (uint64_t)problems->list[i].line);
		text(out, "message", bytes_of(problems->list[i].message));
	}
	flush(&answer, true, NULL);
}
