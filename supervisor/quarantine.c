/* Owns the table of what has killed actor workers, and its text. */
#include "supervisor/quarantine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/memory.h"

void quarantine_fini(struct quarantine *q)
{
	free(q->entries);
	*q = (struct quarantine){ 0 };
}

static void copy(char *out, size_t size, struct bytes from)
{
	size_t n = from.len < size ? from.len : size - 1;

	if (n > 0)
		memcpy(out, from.data, n);
	out[n] = '\0';
}

static struct quarantine_entry *find(struct quarantine *q, struct bytes address, bool whole, uint64_t fingerprint)
{
	for (uint32_t i = 0; i < q->count; i++) {
		struct quarantine_entry *e = &q->entries[i];

		if (e->whole == whole && e->fingerprint == fingerprint && bytes_equal(bytes_of(e->address), address))
			return e;
	}
	return NULL;
}

static void remove_at(struct quarantine *q, uint32_t i)
{
	q->entries[i] = q->entries[--q->count];
}

/* The oldest death that led to nothing makes room; false where there is none. */
static bool make_room(struct quarantine *q)
{
	uint32_t oldest = q->count;

	if (q->count < QUARANTINE_MAX)
		return true;
	for (uint32_t i = 0; i < q->count; i++)
		if (!q->entries[i].held && (oldest == q->count || q->entries[i].last < q->entries[oldest].last))
			oldest = i;
	if (oldest == q->count)
		return false;
	remove_at(q, oldest);
	return true;
}

static struct quarantine_entry *add(struct quarantine *q, struct bytes address, bool whole, uint64_t fingerprint)
{
	struct quarantine_entry *e;

	if (!make_room(q))
		return NULL;
	q->entries = memory_grow(q->entries, q->count + 1, sizeof(*q->entries));
	e = &q->entries[q->count++];
	*e = (struct quarantine_entry){ .whole = whole, .fingerprint = fingerprint };
	copy(e->address, sizeof(e->address), address);
	return e;
}

static void forget_old(struct quarantine *q, uint64_t period, uint64_t now)
{
	for (uint32_t i = 0; i < q->count;) {
		if (!q->entries[i].held && now > q->entries[i].last && now - q->entries[i].last > period)
			remove_at(q, i);
		else
			i++;
	}
}

static uint32_t deaths_of(const struct quarantine *q, struct bytes address)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->count; i++)
		if (bytes_equal(bytes_of(q->entries[i].address), address))
			n += q->entries[i].times;
	return n;
}

static void note(struct quarantine_entry *e, const struct quarantine_blame *blame, uint32_t times, uint64_t now)
{
	if (e->times == 0)
		e->first = now;
	e->times += times;
	e->last = now;
	copy(e->method, sizeof(e->method), blame->method);
	copy(e->cause, sizeof(e->cause), blame->cause);
}

/* Holds the entry where so many deaths are over the limit; true: from now on. */
static bool hold(struct quarantine_entry *e, uint64_t deaths, uint64_t limit)
{
	if (e->held || limit == 0 || deaths < limit)
		return false;
	e->held = true;
	return true;
}

enum quarantine_verdict quarantine_blame(struct quarantine *q, const struct quarantine_limits *limits,
                                         const struct quarantine_blame *blame, uint64_t now)
{
	uint64_t fingerprint = blame->waking ? 0 : blame->fingerprint;
	struct quarantine_entry *e;
	bool held;
	uint32_t all;

	forget_old(q, limits->period, now);
	e = find(q, blame->address, blame->waking, fingerprint);
	if (e == NULL)
		e = add(q, blame->address, blame->waking, fingerprint);
	if (e == NULL)
		return QUARANTINE_FULL;
	note(e, blame, 1, now);
	held = hold(e, e->times, limits->message);
	all = deaths_of(q, blame->address);
	if (limits->actor == 0 || all < limits->actor)
		return held ? QUARANTINE_HELD : QUARANTINE_NOTED;
	e = find(q, blame->address, true, 0);
	if (e == NULL && (e = add(q, blame->address, true, 0)) != NULL)
		note(e, blame, all, now);
	if (e == NULL)
		return held ? QUARANTINE_HELD : QUARANTINE_FULL;
	held |= hold(e, all, limits->actor);
	return held ? QUARANTINE_HELD : QUARANTINE_NOTED;
}

uint32_t quarantine_release(struct quarantine *q, struct bytes address)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->count;) {
		if (bytes_equal(bytes_of(q->entries[i].address), address)) {
			n += q->entries[i].held;
			remove_at(q, i);
		} else {
			i++;
		}
	}
	return n;
}

/* --- the file ------------------------------------------------------------------------ */

#define FIRST_LINE "stage-quarantine 1"

void quarantine_format(const struct quarantine *q, struct buffer *out)
{
	buffer_append_text(out, FIRST_LINE "\n");
	for (uint32_t i = 0; i < q->count; i++) {
		const struct quarantine_entry *e = &q->entries[i];

		buffer_printf(out, "%s %s %016" PRIx64 " %" PRIu32 " %" PRIu64 " %" PRIu64 " %s %s %s\n",
		              e->held ? "held" : "seen", e->whole ? "actor" : "message", e->fingerprint, e->times,
		              e->first, e->last, e->address, e->method, e->cause);
	}
}

static bool parse_line(const char *line, struct quarantine_entry *ret)
{
	char held[5], whole[8];
	struct quarantine_entry e = { 0 };
	int n = 0;

	if (sscanf(line, "%4s %7s %16" SCNx64 " %" SCNu32 " %" SCNu64 " %" SCNu64 " %255s %64s %n", held, whole,
	           &e.fingerprint, &e.times, &e.first, &e.last, e.address, e.method, &n) != 8 || n == 0)
		return false;
	e.held = strcmp(held, "held") == 0;
	e.whole = strcmp(whole, "actor") == 0;
	copy(e.cause, sizeof(e.cause), bytes_of(line + n));
	*ret = e;
	return (e.held || strcmp(held, "seen") == 0) && (e.whole || strcmp(whole, "message") == 0) &&
	       e.times > 0 && address_valid(bytes_of(e.address)) && name_valid(bytes_of(e.method));
}

int quarantine_parse(struct quarantine *ret, struct bytes text, struct buffer *error)
{
	struct quarantine q = { 0 };
	char line[1024];
	unsigned number = 0;

	while (text.len > 0) {
		const char *end = memchr(text.data, '\n', text.len);
		struct bytes one = { text.data, end ? (size_t)(end - text.data) : text.len };
		struct quarantine_entry e;
		bool good = end != NULL && one.len < sizeof(line);

		number++;
		copy(line, sizeof(line), one);
		good = good && (number == 1 ? strcmp(line, FIRST_LINE) == 0 : parse_line(line, &e));
		if (!good || q.count == QUARANTINE_MAX)
			break;
		if (number > 1) {
			q.entries = memory_grow(q.entries, q.count + 1, sizeof(*q.entries));
			q.entries[q.count++] = e;
		}
		text = (struct bytes){ end + 1, text.len - one.len - 1 };
	}
	if (text.len > 0) {
		buffer_printf(error, "line %u is not understood\n", number);
		quarantine_fini(&q);
		return -EINVAL;
	}
	*ret = q;
	return 0;
}
