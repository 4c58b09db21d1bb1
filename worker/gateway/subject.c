/* Watched actors: their members, and what a watch is owed of them. */
#include "worker/gateway/subject.h"

#include <stdlib.h>

#include "common/memory.h"
#include "proto/json.h"
#include "proto/msgpack.h"

static struct bytes own(struct bytes s)
{
	return (struct bytes){ memory_copy(s.data, s.len), s.len };
}

static void disown(struct bytes *s)
{
	free((char *)s->data);
	*s = (struct bytes){ NULL, 0 };
}

struct subject *subject_new(struct bytes address, uint32_t shard)
{
	struct subject *s = memory_new(sizeof(*s));

	s->address = own(address);
	s->shard = shard;
	s->source = SUBJECT_NO_SOURCE;
	TAILQ_INIT(&s->watches);
	TAILQ_INIT(&s->kept);
	return s;
}

static void clear_members(struct subject *s)
{
	for (size_t i = 0; i < s->count; i++) {
		disown(&s->list[i].name);
		disown(&s->list[i].value);
	}
	s->count = 0;
}

void subject_free(struct subject *s)
{
	if (s == NULL)
		return;
	clear_members(s);
	free(s->list);
	disown(&s->address);
	free(s);
}

bool subject_unused(const struct subject *s)
{
	for (size_t i = 0; i < sizeof(s->relays) / sizeof(s->relays[0]); i++)
		if (s->relays[i])
			return false;
	return TAILQ_EMPTY(&s->watches) && TAILQ_EMPTY(&s->kept) && s->asking == 0;
}

void subject_set_relay(struct subject *s, uint32_t bit, bool on)
{
	uint64_t mask = UINT64_C(1) << (bit & 63);

	if (on)
		s->relays[bit / 64] |= mask;
	else
		s->relays[bit / 64] &= ~mask;
}

bool subject_has_relay(const struct subject *s, uint32_t bit)
{
	return s->relays[bit / 64] >> (bit & 63) & 1;
}

void subject_follow(struct subject *s, uint32_t source, uint64_t epoch)
{
	s->source = source;
	s->epoch = epoch;
}

void subject_part(struct subject *s)
{
	subject_follow(s, SUBJECT_NO_SOURCE, 0);
}

bool subject_follows(const struct subject *s, uint32_t peer, uint64_t epoch)
{
	return s->source == peer && s->epoch == epoch && s->renewal == NULL;
}

void subject_reset(struct subject *s)
{
	subject_part(s);
	clear_members(s);
	s->version = (struct version){ 0 };
}

enum subject_word subject_word(const struct subject *s, uint32_t from, uint64_t present,
                               enum ipc_event_kind kind, struct version v)
{
	if (from != s->source)
		return SUBJECT_PAST;
	if (kind == IPC_EVENT_CHANGE && v.epoch == s->version.epoch)
		return v.number > s->version.number ? SUBJECT_NEXT : SUBJECT_PAST;
	if (kind == IPC_EVENT_CHANGE || !subject_follows(s, from, present))
		return SUBJECT_APART;
	return kind == IPC_EVENT_SNAPSHOT ? SUBJECT_ANEW : SUBJECT_OVER;
}

static struct member *find(struct subject *s, struct bytes name)
{
	for (size_t i = 0; i < s->count; i++)
		if (bytes_equal(s->list[i].name, name))
			return &s->list[i];
	return NULL;
}

static void put(struct subject *s, struct bytes name, struct bytes value, uint64_t changed)
{
	struct member *m = find(s, name);

	if (m == NULL) {
		s->list = memory_grow(s->list, s->count + 1, sizeof(*s->list));
		m = &s->list[s->count++];
		*m = (struct member){ .name = own(name) };
	} else {
		disown(&m->value);
	}
	m->value = own(value);
	m->changed = changed;
}

/* Those that differ from what is held; with `all` the others too. */
static void put_map(struct subject *s, struct version v, struct bytes map, bool all)
{
	struct msgpack_reader r = msgpack_read(map);
	uint32_t n = map.len ? msgpack_read_map(&r) : 0;

	for (uint32_t i = 0; i < n; i++) {
		struct bytes name = msgpack_read_str(&r), value = msgpack_read_value(&r);
		const struct member *m;

		if (r.bad)
			break;
		m = all ? NULL : find(s, name);
		if (m == NULL || !msgpack_equal(m->value, value))
			put(s, name, value, v.number);
	}
	s->version = v;
}

bool subject_is_past(const struct subject *s, struct version v)
{
	return s->version.epoch == v.epoch && v.number < s->version.number;
}

void subject_change(struct subject *s, struct version v, struct bytes changed, struct bytes removed)
{
	struct msgpack_reader r = msgpack_read(removed);
	uint32_t n = removed.len ? msgpack_read_array(&r) : 0;

	put_map(s, v, changed, true);
	for (uint32_t i = 0; i < n; i++) {
		struct bytes name = msgpack_read_str(&r);

		if (r.bad)
			break;
		put(s, name, (struct bytes){ NULL, 0 }, v.number);
	}
}

void subject_replace(struct subject *s, struct version v, struct bytes all)
{
	clear_members(s);
	put_map(s, v, all, true);
}

void subject_learn(struct subject *s, struct version v, struct bytes values)
{
	if (subject_is_past(s, v))
		return;
	put_map(s, v, values, false);
}

static bool names(const struct watch *w, struct bytes name)
{
	struct msgpack_reader r = msgpack_read(w->members);
	uint32_t n;

	if (w->members.len == 0)
		return true;
	n = msgpack_read_array(&r);
	for (uint32_t i = 0; i < n; i++)
		if (bytes_equal(msgpack_read_str(&r), name))
			return true;
	return false;
}

bool watch_concerned(const struct watch *w, struct bytes changed, struct bytes removed)
{
	struct msgpack_reader r = msgpack_read(changed);
	uint32_t n = changed.len ? msgpack_read_map(&r) : 0;

	for (uint32_t i = 0; i < n && !r.bad; i++) {
		struct bytes name = msgpack_read_str(&r);

		msgpack_read_value(&r);
		if (!r.bad && names(w, name))
			return true;
	}
	r = msgpack_read(removed);
	n = removed.len ? msgpack_read_array(&r) : 0;
	for (uint32_t i = 0; i < n && !r.bad; i++) {
		struct bytes name = msgpack_read_str(&r);

		if (!r.bad && names(w, name))
			return true;
	}
	return false;
}

bool watch_is_owed(const struct watch *w)
{
	return w->renew || !version_equal(w->seen, w->subject->version);
}

void watch_owed(const struct watch *w, struct buffer *json, struct buffer *removed)
{
	const struct subject *s = w->subject;
	bool first = true;

	buffer_append_text(json, "{");
	for (size_t i = 0; i < s->count; i++) {
		const struct member *m = &s->list[i];

		if ((!w->renew && m->changed <= w->seen.number) || !names(w, m->name))
			continue;
		if (m->value.len == 0) {
			if (w->renew)
				continue;
			if (buffer_length(removed) > 0)
				buffer_append_text(removed, ",");
			buffer_append_bytes(removed, m->name);
			continue;
		}
		if (!first)
			buffer_append_text(json, ",");
		first = false;
		json_write_text(m->name, json);
		buffer_append_text(json, ":");
		json_write(m->value, json);
	}
	buffer_append_text(json, "}");
}

uint64_t watch_due(const struct watch *w, uint64_t now)
{
	uint64_t due = w->sent_at + w->min_ms;

	return w->sent_at == 0 || due <= now ? now : due;
}

void watch_sent(struct watch *w, uint64_t now)
{
	w->seen = w->subject->version;
	w->sent_at = now;
	w->folded = 0;
	w->renew = false;
}
