/* What owners say of watched actors, and what former ones still say. */
#include "worker/gateway/source.h"

#include <stddef.h>

#include "worker/gateway/gateway.h"
#include "worker/gateway/kept.h"
#include "worker/gateway/peer.h"
#include "worker/gateway/route.h"
#include "worker/gateway/watch.h"

/* An owner that cannot answer now is asked again after so long, then after twice that … */
#define ASK_AGAIN_MS 100
/* … up to so long. */
#define ASK_AGAIN_MOST 1600

/* --- the present owner --- */

static uint64_t present_epoch(const struct subject *s)
{
	return gateway.child.shards[s->shard].epoch;
}

/* By the map it owns the shard, or has not yet let it go. */
static bool is_owner(uint32_t shard, uint32_t peer)
{
	const struct control_shard *owner = &gateway.child.shards[shard];

	return owner->worker == peer || (owner->worker == CONTROL_NO_WORKER && owner->leaving == peer);
}

static void set_renewal(struct subject *s, struct pending *p)
{
	gateway.renewals += (p != NULL) - (uint64_t)(s->renewal != NULL);
	s->renewal = p;
}

static void ask_again(struct subject *s)
{
	struct ipc_request request = {
		.verb = IPC_WATCH, .address = s->address, .resume = true, .base = s->version,
	};
	struct pending *p = s->renewal ? NULL : pending_new(PENDING_REWATCH, &request);

	if (p == NULL)
		return;
	s->asking++;
	p->wait_ms = ASK_AGAIN_MS;
	set_renewal(s, p);
	route_send_first(p);
}

static void take_up(struct subject *s)
{
	if (s->version.epoch && s->epoch != present_epoch(s))
		ask_again(s);
}

/* With its source: the owner is asked for what came since. */
static void part(struct subject *s)
{
	subject_part(s);
	take_up(s);
}

void source_take_up(void)
{
	size_t at = 0;
	void *subject;

	while (map_next(&gateway.subjects, &at, NULL, &subject))
		take_up(subject);
}

void source_lost(uint32_t owner)
{
	size_t at = 0;
	void *subject;

	while (map_next(&gateway.subjects, &at, NULL, &subject))
		if (((struct subject *)subject)->source == owner)
			subject_part(subject);
}

/* --- those that watch through here --- */

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

void source_end_relay(struct subject *take_subject, const struct peer *peer)
{
	subject_set_relay(take_subject, peer_bit(peer), false);
	kept_release(take_subject);
	watch_release_subject(take_subject);
}

void source_forget_relays(const struct peer *peer)
{
	size_t at = 0;
	void *subject;

	while (map_next(&gateway.subjects, &at, NULL, &subject))
		if (subject_has_relay(subject, peer_bit(peer)))
			source_end_relay(subject, peer);
}

/* Another node owns the actor now: those of further nodes that watched it through here ask that
 * one themselves, and hear nothing here that they would listen to. */
static void end_askers(struct subject *s)
{
	const struct peer *peer;

	TAILQ_FOREACH (peer, &gateway.used, used_next)
		if (peer->kind == PEER_ASKER)
			subject_set_relay(s, peer_bit(peer), false);
}

/* --- answers and events --- */

void source_heard(const struct pending *p)
{
	struct subject *s = watch_find_subject(p->request.address);

	if (s == NULL)
		route_stop(p->peer, p->request.address); /* whoever asked has left meanwhile */
	else if (s->source == p->peer->index && s->epoch < p->request.epoch)
		part(s);
}

bool source_admits(const struct pending *p, const struct ipc_reply *reply)
{
	struct subject *s = watch_find_subject(p->request.address);

	if (p->kind == PENDING_REWATCH || s == NULL || s->version.epoch == 0)
		return true;
	if (subject_follows(s, p->peer->index, p->request.epoch) && s->version.epoch == reply->version.epoch)
		return true;
	part(s);
	return false;
}

void source_answered(struct subject *s, const struct pending *p, const struct ipc_reply *reply)
{
	if (s->version.epoch == 0)
		subject_follow(s, p->peer->index, p->request.epoch);
	subject_learn(s, reply->version, reply->payload);
}

static void end_all(struct subject *s, enum error_code code)
{
	memset(s->relays, 0, sizeof(s->relays));
	watch_tell_end(s, code);
	subject_reset(s);
	kept_release(s);
	watch_release_subject(s);
}

/* A watch whose client left before its answer came, or that has gone on to the next owner:
 * this one says nothing that counts, and is not going to. */
static void stop_unheard(const struct subject *s, const struct peer *from, const struct ipc_event *event)
{
	if (s != NULL && (s->source == from->index || is_owner(s->shard, from->index)))
		return;
	if (event->kind != IPC_EVENT_END)
		route_stop(from, event->address);
}

void source_event(struct peer *from, const struct ipc_event *event, struct bytes body)
{
	struct subject *s = watch_find_subject(event->address);
	enum subject_word word = s == NULL ? SUBJECT_PAST :
		subject_word(s, from->index, present_epoch(s), event->kind, event->version);

	switch (word) {
	case SUBJECT_APART:
		part(s);
		stop_unheard(s, from, event);
		return;
	case SUBJECT_PAST:
		stop_unheard(s, from, event);
		/* There may have been no memory to ask before. */
		if (s != NULL)
			take_up(s);
		return;
	case SUBJECT_NEXT:
		forward(s, body);
		watch_tell_changed(s, event->version, event->changed, event->removed);
		return;
	case SUBJECT_ANEW:
		forward(s, body);
		watch_tell_anew(s, event->version, event->changed);
		return;
	case SUBJECT_OVER:
		forward(s, body);
		end_all(s, event->code);
	}
}

/* --- taken up --- */

/* Actor workers and nodes that watch through here hear of the gap's changes as of any other. */
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

bool source_taken_up(struct pending *p, const struct ipc_reply *reply)
{
	struct subject *s = watch_find_subject(p->request.address);

	if (reply->code != ERROR_NONE && !is_final(reply->code))
		return false;
	/* Older than a former owner's last words: it does not say what came between. */
	if (reply->code == ERROR_NONE && reply->resumed && subject_is_past(s, reply->version))
		return false;
	s->asking--;
	set_renewal(s, NULL);
	forward_taken_up(s, reply);
	if (reply->code != ERROR_NONE) {
		end_all(s, ERROR_GONE);
		return true;
	}
	subject_follow(s, p->peer->index, p->request.epoch);
	if (p->peer->kind == PEER_NODE)
		end_askers(s);
	if (reply->resumed)
		watch_tell_changed(s, reply->version, reply->payload, (struct bytes){ NULL, 0 });
	else
		watch_tell_anew(s, reply->version, reply->payload);
	kept_release(s);
	watch_release_subject(s);
	return true;
}

static void on_later(struct timer *timer)
{
	struct pending *p = (struct pending *)((char *)timer - offsetof(struct pending, deadline));
	struct subject *s = watch_find_subject(p->request.address);

	s->asking--;
	if (subject_unused(s)) {
		set_renewal(s, NULL);
		pending_free(p);
		watch_release_subject(s);
		return;
	}
	s->asking++;
	p->request.base = s->version; /* more may be held by now */
	p->request.resume &= s->version.epoch != 0;
	route_send_first(p);
}

void source_ask_later(struct pending *take_pending)
{
	unsigned wait_ms = take_pending->wait_ms;

	route_take_out(take_pending);
	timer_set(&gateway.timers, &take_pending->deadline, gateway.now_ms + wait_ms, on_later);
	take_pending->wait_ms = wait_ms * 2 < ASK_AGAIN_MOST ? wait_ms * 2 : ASK_AGAIN_MOST;
}

void source_hurry(struct subject *s)
{
	struct timer *timer = &s->renewal->deadline;

	if (timer->place == 0)
		return; /* it is under way */
	timer_clear(&gateway.timers, timer);
	on_later(timer);
}
