/* Watches of sessions on actors. */
#include "worker/gateway/watch.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/memory.h"
#include "proto/json.h"
#include "proto/msgpack.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/line.h"
#include "worker/gateway/peer.h"
#include "worker/gateway/request.h"
#include "worker/gateway/route.h"

/* An owner that cannot answer now is asked again after so long. */
#define ASK_AGAIN_MS 100

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

	bool late = subject_is_past(w->subject, reply->version); /* a former owner's answer */

	p->watch = NULL;
	s->asking--;
	w->subject->asking--;
	/* What it holds now is of this version; others of the subject have it already. */
	subject_learn(w->subject, reply->version, reply->payload);
	w->subject->epoch = p->request.epoch;
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
	if (late)
		owe(w, gateway.now_ms);
}

/* --- events --- */

static void end_with(struct watch *w, enum error_code code)
{
	session_send(w->session, &(struct client_line){ .id = w->id, .word = "end", .code = code });
	watch_end(w);
}

static void forward(const struct subject *s, struct bytes body)
{
	struct peer *peer;

	TAILQ_FOREACH (peer, &gateway.used, used_next) {
		if (peer->link == NULL || peer->kind == PEER_NODE || !subject_has_relay(s, peer_bit(peer)))
			continue;
		buffer_append_bytes(link_begin(peer->link), body);
		link_end(peer->link);
	}
}

/* Subjects do not go while their watches do. */
static void end_all(struct subject *s, enum error_code code)
{
	struct watch *w;

	s->asking++;
	memset(s->relays, 0, sizeof(s->relays));
	while ((w = TAILQ_FIRST(&s->watches)) != NULL)
		end_with(w, code);
	s->asking--;
}

static void tell_changed(struct subject *s, struct version v, struct bytes changed, struct bytes removed)
{
	struct watch *w;

	subject_change(s, v, changed, removed);
	last.valid = false;
	TAILQ_FOREACH (w, &s->watches, of_subject) {
		if (!watch_is_owed(w) || !watch_concerned(w, changed, removed))
			continue;
		w->folded++;
		owe(w, gateway.now_ms);
	}
}

static void tell_anew(struct subject *s, struct version v, struct bytes all)
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

static void ask_again(struct subject *s);

/* By the map it owns the shard, or has not yet let it go. */
static bool is_owner(uint32_t shard, uint32_t peer)
{
	const struct control_shard *owner = &gateway.child.shards[shard];

	return owner->worker == peer || (owner->worker == CONTROL_NO_WORKER && owner->leaving == peer);
}

/* What the present owner's answer includes long ago, or will: it is asked for all since
 * `known`. Changes in the same numbering are later states, whoever tells of them. */
static bool is_past(const struct subject *s, const struct peer *from, const struct ipc_event *event)
{
	if (event->kind == IPC_EVENT_CHANGE && s->version.epoch == event->version.epoch)
		return event->version.number <= s->version.number;
	return !is_owner(s->shard, from->index) || s->epoch != gateway.child.shards[s->shard].epoch;
}

void watch_event(const struct peer *from, const struct ipc_event *event, struct bytes body)
{
	struct subject *s = watch_find_subject(event->address);

	/* A watch whose client left before its answer came, or that has gone on to the next owner:
	 * this one need not go on. */
	if (event->kind != IPC_EVENT_END && (s == NULL || !is_owner(s->shard, from->index)))
		route_stop(from, event->address);
	if (s == NULL || is_past(s, from, event))
		return;
	forward(s, body);
	if (event->kind == IPC_EVENT_END) {
		end_all(s, event->code);
		watch_release_subject(s);
	} else if (event->kind == IPC_EVENT_SNAPSHOT) {
		tell_anew(s, event->version, event->changed);
	} else if (s->version.epoch && s->version.epoch != event->version.epoch) {
		/* The actor has begun another numbering: what is held says nothing about it. */
		ask_again(s);
	} else {
		tell_changed(s, event->version, event->changed, event->removed);
	}
}

/* --- new owners --- */

static void ask_again(struct subject *s)
{
	struct ipc_request request = {
		.verb = IPC_WATCH, .address = s->address, .resume = true, .base = s->known,
	};
	struct pending *p = s->renewing ? NULL : pending_new(PENDING_REWATCH, &request);

	if (p == NULL)
		return;
	s->asking++;
	s->renewing = true;
	route_send_first(p);
}

static void take_up(struct subject *s)
{
	if (s->version.epoch && s->epoch != gateway.child.shards[s->shard].epoch)
		ask_again(s);
}

void watch_take_up(void)
{
	size_t at = 0;
	void *subject;

	while (map_next(&gateway.subjects, &at, NULL, &subject))
		take_up(subject);
}

void watch_lost(uint32_t owner)
{
	size_t at = 0;
	void *subject;

	while (map_next(&gateway.subjects, &at, NULL, &subject)) {
		struct subject *s = subject;

		if (is_owner(s->shard, owner))
			s->epoch = 0;
	}
}

void watch_forget_relays(const struct peer *peer)
{
	size_t at = 0;
	void *subject;

	while (map_next(&gateway.subjects, &at, NULL, &subject))
		if (subject_has_relay(subject, peer_bit(peer))) {
			subject_set_relay(subject, peer_bit(peer), false);
			watch_release_subject(subject);
		}
}

/* Actor workers that watch through here hear of the gap's changes as of any other. */
static void forward_taken_up(const struct subject *s, const struct ipc_reply *reply)
{
	struct buffer body = { 0 };
	bool ended = reply->code != ERROR_NONE;

	ipc_encode_event(&body, &(struct ipc_event){
		.kind = ended ? IPC_EVENT_END : reply->resumed ? IPC_EVENT_CHANGE : IPC_EVENT_SNAPSHOT,
		.address = s->address,
		.version = ended ? s->version : reply->version,
		.code = ended ? ERROR_GONE : ERROR_NONE,
		.changed = ended ? (struct bytes){ NULL, 0 } : reply->payload });
	forward(s, buffer_bytes(&body));
	buffer_fini(&body);
}

/* Only these say that there is nothing to watch any more. */
static bool is_final(enum error_code code)
{
	return code == ERROR_NO_ACTOR || code == ERROR_GONE || code == ERROR_QUARANTINED;
}

bool watch_taken_up(struct pending *p, const struct ipc_reply *reply)
{
	struct subject *s = watch_find_subject(p->request.address);

	if (reply->code != ERROR_NONE && !is_final(reply->code))
		return false;
	s->asking--;
	s->renewing = false;
	s->epoch = p->request.epoch;
	if (reply->code == ERROR_NONE && subject_is_past(s, reply->version)) {
		take_up(s); /* what came since says more */
		watch_release_subject(s);
		return true;
	}
	forward_taken_up(s, reply);
	if (reply->code != ERROR_NONE)
		end_all(s, ERROR_GONE);
	else if (reply->resumed)
		tell_changed(s, reply->version, reply->payload, (struct bytes){ NULL, 0 });
	else
		tell_anew(s, reply->version, reply->payload);
	if (reply->code == ERROR_NONE)
		take_up(s); /* the owner may have changed again meanwhile */
	watch_release_subject(s);
	return true;
}

static void on_later(struct timer *timer)
{
	struct pending *p = (struct pending *)((char *)timer - offsetof(struct pending, deadline));
	struct subject *s = watch_find_subject(p->request.address);

	s->asking--;
	if (subject_unused(s)) {
		pending_free(p);
		watch_release_subject(s);
		return;
	}
	s->asking++;
	route_send_first(p);
}

void watch_ask_later(struct pending *take_pending)
{
	route_take_out(take_pending);
	timer_set(&gateway.timers, &take_pending->deadline, gateway.now_ms + ASK_AGAIN_MS, on_later);
}
