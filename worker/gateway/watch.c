/* Watches of sessions on actors. */
#include "worker/gateway/watch.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/memory.h"
#include "proto/json.h"
#include "proto/msgpack.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/kept.h"
#include "worker/gateway/line.h"
#include "worker/gateway/request.h"
#include "worker/gateway/route.h"
#include "worker/gateway/source.h"

/* The tail of the line last encoded: a fan-out writes it once for every distinct need. */
static struct {
	struct buffer tail;
	const struct subject *subject;
	struct version from, to;
	struct buffer members; /* of that watch */
	uint64_t folded;
	bool renew, valid;
} last;

/* --- subjects --- */

struct subject *watch_find_subject(struct bytes address)
{
	return map_get(&gateway.subjects, address);
}

struct subject *watch_subject(struct bytes address)
{
	struct subject *s = watch_find_subject(address);

	if (s == NULL) {
		s = subject_new(address, route_shard(address));
		map_put(&gateway.subjects, s->address, s);
	}
	return s;
}

void watch_release_subject(struct subject *s)
{
	if (!subject_unused(s))
		return;
	map_remove(&gateway.subjects, s->address);
	last.valid = false;
	route_unwatch(s->address, s->shard);
	subject_free(s);
}

/* --- a watch's life --- */

static struct watch *watch_new(struct session *s, const struct client_request *q, struct bytes members)
{
	struct watch *w = memory_new(sizeof(*w));

	w->session = s;
	w->subject = watch_subject(q->address);
	w->id = (struct bytes){ memory_copy(q->id.data, q->id.len), q->id.len };
	w->members = (struct bytes){ memory_copy(members.data, members.len), members.len };
	w->min_ms = q->min;
	w->subject->asking++;
	s->asking++;
	return w;
}

static void watch_free(struct watch *w)
{
	free((char *)w->id.data);
	free((char *)w->members.data);
	free(w);
}

void watch_abandon(struct watch *take_watch)
{
	struct subject *s = take_watch->subject;

	s->asking--;
	take_watch->session->asking--;
	watch_free(take_watch);
	watch_release_subject(s);
}

static void set_behind(struct watch *w, bool on)
{
	if (on == w->behind)
		return;
	w->behind = on;
	if (on)
		TAILQ_INSERT_TAIL(&w->session->behind, w, behind_next);
	else
		TAILQ_REMOVE(&w->session->behind, w, behind_next);
}

void watch_end(struct watch *take_watch)
{
	struct subject *s = take_watch->subject;

	set_behind(take_watch, false);
	timer_clear(&gateway.timers, &take_watch->timer);
	map_remove(&take_watch->session->watches, take_watch->id);
	TAILQ_REMOVE(&s->watches, take_watch, of_subject);
	watch_free(take_watch);
	kept_release(s);
	watch_release_subject(s);
}

void watch_end_all(struct session *s)
{
	size_t at = 0;
	void *watch;

	while (map_next(&s->watches, &at, NULL, &watch))
		watch_end(watch);
	map_fini(&s->watches);
}

/* --- the request --- */

void watch_request(struct session *s, const struct client_request *q)
{
	struct ipc_request request;

	if (s->watches.count + s->asking >= gateway.config->client.watches) {
		line_refuse(s, q->id, ERROR_LIMIT, BYTES_LITERAL("{\"limit\":\"watches\"}"));
		return;
	}
	if (!request_begin(s, q, &request))
		return;
	request.verb = IPC_WATCH;
	request.resume = q->options & 1u << CLIENT_OPTION_V;
	request.base = q->v;
	request_send(s, q, &request, watch_new(s, q, request.members));
}

/* --- telling --- */

static bool same_need(const struct watch *w)
{
	return last.valid && last.subject == w->subject && version_equal(last.from, w->seen) &&
	       version_equal(last.to, w->subject->version) && last.folded == w->folded &&
	       last.renew == w->renew && bytes_equal(buffer_bytes(&last.members), w->members);
}

static void encode_tail(const struct watch *w)
{
	struct buffer json = { 0 }, removed = { 0 };

	watch_owed(w, &json, &removed);
	buffer_clear(&last.tail);
	client_format_tail(&(struct client_line){
		.word = w->renew ? "snap" : "evt", .v = &w->subject->version,
		.n = w->folded > 1 ? w->folded : 0, .del = buffer_bytes(&removed),
		.json = buffer_bytes(&json) }, &last.tail);
	buffer_fini(&json);
	buffer_fini(&removed);
	buffer_clear(&last.members);
	buffer_append_bytes(&last.members, w->members);
	last.subject = w->subject;
	last.from = w->seen;
	last.to = w->subject->version;
	last.folded = w->folded;
	last.renew = w->renew;
	last.valid = true;
}

static void send_owed(struct watch *w, uint64_t now)
{
	timer_clear(&gateway.timers, &w->timer);
	set_behind(w, false);
	if (!same_need(w))
		encode_tail(w);
	gateway.counters.events++;
	session_send_tail(w->session, w->id, buffer_bytes(&last.tail));
	watch_sent(w, now);
}

static void on_due(struct timer *timer)
{
	struct watch *w = (struct watch *)((char *)timer - offsetof(struct watch, timer));

	if (!session_is_slow(w->session))
		send_owed(w, gateway.now_ms);
}

/* It is owed something: now, when min= allows it, or when its reader has caught up. */
static void owe(struct watch *w, uint64_t now)
{
	uint64_t due = watch_due(w, now);

	if (due <= now && !session_is_slow(w->session)) {
		send_owed(w, now);
		return;
	}
	set_behind(w, true);
	if (due > now && w->timer.place == 0)
		timer_set(&gateway.timers, &w->timer, due, on_due);
}

void watch_catch_up(struct session *s)
{
	uint64_t now = gateway.now_ms;
	struct watch *w, *next;

	for (w = TAILQ_FIRST(&s->behind); w && !session_is_slow(s); w = next) {
		next = TAILQ_NEXT(w, behind_next);
		if (watch_due(w, now) <= now)
			send_owed(w, now);
	}
}

void watch_flush_before_reply(struct session *s, struct bytes address)
{
	struct watch *w, *next;

	for (w = TAILQ_FIRST(&s->behind); w; w = next) {
		next = TAILQ_NEXT(w, behind_next);
		if (bytes_equal(w->subject->address, address))
			send_owed(w, gateway.now_ms);
	}
}

/* --- the answer to a watch request --- */

void watch_answered(struct pending *p, const struct ipc_reply *reply)
{
	struct watch *w = p->watch;
	struct session *s = p->session;
	struct buffer json = { 0 };

	p->watch = NULL;
	s->asking--;
	w->subject->asking--;
	source_answered(w->subject, p, reply);
	w->seen = reply->version;
	TAILQ_INSERT_TAIL(&w->subject->watches, w, of_subject);
	map_put(&s->watches, w->id, w);
	if (!p->quiet) {
		json_write(reply->payload, &json);
		session_send(s, &(struct client_line){
			.id = w->id, .word = "ok", .v = &reply->version,
			.base = reply->resumed ? &p->request.base : NULL, .json = buffer_bytes(&json) });
		buffer_fini(&json);
	}
}

/* --- what its source says --- */

static void end_with(struct watch *w, enum error_code code)
{
	session_send(w->session, &(struct client_line){ .id = w->id, .word = "end", .code = code });
	watch_end(w);
}

void watch_tell_end(struct subject *s, enum error_code code)
{
	struct watch *w;

	s->asking++; /* a subject does not go while its watches do */
	while ((w = TAILQ_FIRST(&s->watches)) != NULL)
		end_with(w, code);
	s->asking--;
}

void watch_tell_changed(struct subject *s, struct version v, struct bytes changed, struct bytes removed)
{
	const struct watch *former = NULL; /* most are about the same members as the one before */
	bool concerned = false;
	struct watch *w;

	subject_change(s, v, changed, removed);
	last.valid = false;
	TAILQ_FOREACH (w, &s->watches, of_subject) {
		if (!watch_is_owed(w))
			continue;
		if (former == NULL || !bytes_equal(former->members, w->members))
			concerned = watch_concerned(w, changed, removed);
		former = w;
		if (!concerned)
			continue;
		w->folded++;
		owe(w, gateway.now_ms);
	}
}

void watch_tell_anew(struct subject *s, struct version v, struct bytes all)
{
	struct watch *w;

	subject_replace(s, v, all);
	last.valid = false;
	TAILQ_FOREACH (w, &s->watches, of_subject) {
		w->folded++;
		w->renew = true;
		owe(w, gateway.now_ms);
	}
}
