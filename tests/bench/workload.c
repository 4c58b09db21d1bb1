/* Owns the choice of operations, seeded, and the expectations of their answers. */
#include "tests/bench/workload.h"

#include <stdlib.h>

#include "common/memory.h"

#define VALUES 100000 /* what is set lies in 0 … VALUES - 1 */

/* The connection's own keys are index, index + connections, …: number i of them. */
static uint64_t own_count(const struct workload *w)
{
	const struct settings *s = w->settings;

	return w->index < s->keys ? (s->keys - w->index - 1) / s->connections + 1 : 0;
}

void workload_init(struct workload *w, const struct settings *settings, uint64_t index)
{
	uint64_t x = settings->seed * 0x9e3779b97f4a7c15u + index;

	/* splitmix64, so that neighbouring seeds and connections have nothing in common */
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	*w = (struct workload){
		.settings = settings, .random = x ? x : 1, .index = index, .fill = index
	};
	if (settings->own_keys) {
		w->numbers = memory_new(own_count(w) * sizeof(*w->numbers));
		w->texts = memory_new(own_count(w) * sizeof(*w->texts));
	}
}

void workload_fini(struct workload *w)
{
	free(w->texts);
	free(w->numbers);
	w->texts = w->numbers = NULL;
}

static uint64_t draw(struct workload *w, uint64_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (w->random >> 16) % below;
}

static struct expectation *expectation(const struct workload *w, const struct operation *op)
{
	uint64_t i = op->key / w->settings->connections;

	if (w->numbers == NULL)
		return NULL;
	return w->settings->value_size > 0 && op->verb != VERB_CALL ? &w->texts[i] : &w->numbers[i];
}

/* Brings the expectation to where it is once the operation has run. */
static void expect(struct workload *w, struct operation *op)
{
	struct expectation *e = expectation(w, op);

	op->certain = false;
	if (e == NULL || (op->verb != VERB_SET && op->verb != VERB_GET && op->verb != VERB_CALL))
		return;
	if (op->verb == VERB_SET) {
		e->value = op->value;
		e->known = true;
	} else {
		if (op->verb == VERB_CALL)
			e->value++;
		op->value = e->value;
	}
	op->certain = e->known;
	op->epoch = e->epoch;
}

void workload_next(struct workload *w, struct operation *op)
{
	const struct settings *s = w->settings;
	uint64_t lot = draw(w, 100);

	for (op->verb = VERB_GET; lot >= s->mix[op->verb]; op->verb++)
		lot -= s->mix[op->verb];
	op->key =
		s->own_keys ? w->index + draw(w, own_count(w)) * s->connections : draw(w, s->keys);
	op->value = (int64_t)draw(w, VALUES);
	expect(w, op);
}

bool workload_fill(struct workload *w, struct operation *op)
{
	if (w->fill >= w->settings->keys)
		return false;
	op->verb = w->settings->mix[VERB_SET] > 0 ? VERB_SET : VERB_GET;
	op->key = w->fill;
	op->value = (int64_t)draw(w, VALUES);
	w->fill += w->settings->connections;
	expect(w, op);
	return true;
}

/* An object that names the watched property, as snapshots and events do. */
static bool names_property(const struct settings *s, const struct reply *reply)
{
	const char *name = settings_property(s), *end = reply->text.data + reply->text.len;
	const char *at = reply->text.data;
	size_t n = strlen(name);

	if (reply->value != VALUE_OBJECT)
		return false;
	while ((at = memmem(at, (size_t)(end - at), name, n)) != NULL) {
		if (at[-1] == '"' && at + n + 1 < end && at[n] == '"' && at[n + 1] == ':')
			return true;
		at += n;
	}
	return false;
}

static const char *check_value(struct workload *w, const struct operation *op,
			       const struct reply *reply, bool learn)
{
	const struct settings *s = w->settings;
	struct expectation *e = expectation(w, op);
	bool text = op->verb == VERB_GET && s->value_size > 0;

	if (reply->value != (text ? VALUE_TEXT : VALUE_INTEGER))
		return "not the kind of value that was asked for";
	/* An empty text is what an actor has that nobody has set yet. */
	if (text && reply->text.len != s->value_size && reply->text.len != 0)
		return "a text of another length";
	if (e == NULL || e->epoch != op->epoch)
		return NULL;
	if (!op->certain) {
		if (learn && !text) {
			e->value = reply->integer;
			e->known = true;
		}
		return NULL;
	}
	if (text ? !bytes_equal(reply->text, protocol_text(s, op->value))
		 : reply->integer != op->value)
		return "not the value that this connection left there";
	return NULL;
}

const char *workload_check(struct workload *w, const struct operation *op,
			   const struct reply *reply, bool learn)
{
	switch (op->verb) {
	case VERB_GET:
	case VERB_CALL:
		return check_value(w, op, reply, learn);
	case VERB_WATCH:
		return !w->settings->protocol->objects || names_property(w->settings, reply)
			       ? NULL
			       : "a snapshot without the watched property";
	case VERB_SET:
	case VERB_UNWATCH:
	case VERB_COUNT:
		break;
	}
	return NULL;
}

void workload_failed(struct workload *w, const struct operation *op)
{
	struct expectation *e = expectation(w, op);

	if (e == NULL || op->verb == VERB_UNWATCH)
		return;
	e->known = false;
	e->epoch++;
}
