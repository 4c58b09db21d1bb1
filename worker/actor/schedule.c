/* The order of turns. */
#include "worker/actor/schedule.h"

#include "common/clock.h"
#include "common/log.h"
#include "worker/actor/acquire.h"
#include "worker/actor/call.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/outbox.h"
#include "worker/actor/release.h"
#include "worker/actor/room.h"
#include "worker/actor/run.h"
#include "worker/actor/shelf.h"
#include "worker/actor/subscription.h"
#include "worker/actor/verb.h"
#include "worker/actor/wake.h"

#define BULK_TURN_NS 150000    /* longest time that bulk is taken in a loop turn … */
#define ALONE_MS 100           /* … unless there was nothing else for so long */
#define BULK_BYTES (32u << 10) /* that wait for a gateway, from which bulk waits too */
#define CLOCK_EVERY 8     /* messages without a turn, between two looks at the clock */
#define LEASE_LOOK_MS 20       /* between two looks whether a lease that is over goes on */

static bool on_request(struct worker *w, uint16_t peer, struct bytes body)
{
	struct ipc_request m;

	if (!ipc_decode_request(body, &m))
		return false;
	if (!m.bulk && m.caller.len == 0)
		w->prompt_at = w->now_ns / 1000000;
	mailbox_receive(w, peer, &m);
	return true;
}

static bool on_reply(struct worker *w, uint16_t peer, struct bytes body)
{
	struct ipc_reply m;

	if (!ipc_decode_reply(body, &m))
		return false;
	/* The turn that waits for it would go on. */
	if (peer != PEER_SELF && worker_lease_over(w))
		outbox_send(w, PEER_SELF, body);
	else
		call_reply(w, &m);
	return true;
}

static bool on_cancel(struct worker *w, uint16_t peer, struct bytes body)
{
	uint32_t rid;

	if (!ipc_decode_cancel(body, &rid))
		return false;
	mailbox_cancel(w, peer, rid);
	return true;
}

static bool on_event(struct worker *w, uint16_t peer, struct bytes body)
{
	struct ipc_event m;

	if (!ipc_decode_event(body, &m))
		return false;
	subscription_event(w, peer, &m);
	return true;
}

static bool on_unwatch(struct worker *w, uint16_t peer, struct bytes body)
{
	struct ipc_unwatch m;
	struct actor *a;

	if (!ipc_decode_unwatch(body, &m))
		return false;
	a = actor_find(w, m.address);
	if (a && peer < w->gateway_count) {
		a->gateways &= ~(UINT64_C(1) << peer);
		actor_release(w, a);
	}
	return true;
}

static bool on_map(struct worker *w, uint16_t peer, struct bytes body)
{
	uint64_t serial;

	if (peer >= w->gateway_count || !ipc_decode_map(body, &serial))
		return false;
	release_mark(w, peer, serial);
	return true;
}

static bool on_sync(struct worker *w, uint16_t peer, struct bytes body)
{
	uint64_t number;

	if (peer >= w->gateway_count || !ipc_decode_sync(body, &number))
		return false;
	acquire_synced(w, peer, number);
	return true;
}

static bool on_fence(struct worker *w, uint16_t peer, struct bytes body)
{
	struct link *link = peer < w->gateway_count ? w->gateways[peer].link : NULL;
	uint64_t number;

	if (link == NULL || !ipc_decode_fence(body, &number))
		return false;
	w->gateways[peer].handed_back = false;
	ipc_encode_fence(link_begin(link), number);
	link_end(link);
	return true;
}

/* Frames this process takes from its peers; the store's are storage.c's. */
static const struct {
	bool (*handle)(struct worker *w, uint16_t peer, struct bytes body);
} frames[] = {
	[IPC_REQUEST] = { on_request }, [IPC_REPLY] = { on_reply },     [IPC_CANCEL] = { on_cancel },
	[IPC_EVENT] = { on_event },     [IPC_UNWATCH] = { on_unwatch },
	[IPC_MAP] = { on_map },         [IPC_SYNC] = { on_sync },         [IPC_FENCE] = { on_fence },
};

bool schedule_frame(struct worker *w, uint16_t peer, struct bytes body)
{
	unsigned type = ipc_type(body);

	if (type >= sizeof(frames) / sizeof(frames[0]) || frames[type].handle == NULL)
		return false;
	return frames[type].handle(w, peer, body);
}

void schedule_take_loopback(struct worker *w)
{
	struct buffer frames_now = w->loopback;
	struct bytes rest;

	w->loopback = (struct buffer){ 0 };
	while ((rest = buffer_bytes(&frames_now)).len > 0) {
		uint32_t length;

		memcpy(&length, rest.data, sizeof(length));
		if (!schedule_frame(w, PEER_SELF, (struct bytes){ rest.data + sizeof(length), length }))
			log_errorx("a frame of this worker to itself is malformed");
		buffer_consume(&frames_now, sizeof(length) + length);
	}
	buffer_fini(&frames_now);
}

static void take_mail(struct worker *w, struct actor *a)
{
	struct message *m;

	mailbox_unready(a);
	if (a->state == ACTOR_ACTIVE && a->class->retired && a->turn_count == 0) {
		wake_reclass(w, a);
		return;
	}
	/* Its state may have changed since it became ready: then it is not put back. */
	if (a->state != ACTOR_ACTIVE || a->running || (a->turn_count > 0 && !a->class->reentrant)) {
		mailbox_wake(w, a);
		return;
	}
	m = mailbox_take(w, a);
	if (m == NULL)
		return;
	shelf_touch(w, a);
	verb_run(w, a, m);
}

/* Nothing may begin or go on: another node may act for the actors by now. Or more would only
 * pile up: commits under way, or replies that a gateway does not take. */
static bool is_held_up(const struct worker *w, bool bulk)
{
	if (worker_lease_over(w))
		return true;
	if (storage_full(&w->storage) || (w->storage.count > 0 && !room_for(0)))
		return true;
	for (uint32_t i = 0; i < w->gateway_count; i++) {
		const struct link *link = w->gateways[i].link;

		if (link && (link_full(link) || (bulk && buffer_length(&link->out) > BULK_BYTES)))
			return true;
	}
	return false;
}

/* Every actor ready now gets one message, then those that became ready meanwhile. What runs no
 * code of a class is over so soon that the clock is looked at after a few of them only. */
static void take_mail_of(struct worker *w, struct actor_list *ready, bool bulk, uint64_t end)
{
	struct actor *a;
	unsigned since = 0;

	while (w->now_ns < end && (a = TAILQ_FIRST(ready)) != NULL && !is_held_up(w, bulk)) {
		uint64_t turns = w->counters.turns;

		take_mail(w, a);
		if (turns == w->counters.turns && ++since < CLOCK_EVERY)
			continue;
		since = 0;
		w->now_ns = clock_now_ns();
	}
	if (since > 0)
		w->now_ns = clock_now_ns();
}

/* Bulk has the rest of the loop turn, and a little of it always. */
static void take_all_mail(struct worker *w)
{
	uint64_t began = w->now_ns = clock_now_ns();
	bool alone;

	do {
		schedule_take_loopback(w);
		take_mail_of(w, &w->ready, false, began + SCHEDULE_TURN_NS);
	} while (buffer_length(&w->loopback) > 0 && w->now_ns < began + SCHEDULE_TURN_NS);
	alone = w->prompt_at + ALONE_MS < w->now_ns / 1000000;
	take_mail_of(w, &w->ready_bulk, true, alone ? began + SCHEDULE_TURN_NS : w->now_ns + BULK_TURN_NS);
}

/* One slice only, of those by turns that may be long: beside them a new message waits for one. */
static void run_one_long(struct worker *w)
{
	struct turn_private *t = TAILQ_FIRST(&w->preempted);
	struct actor *a = is_held_up(w, false) ? NULL : TAILQ_FIRST(&w->slow);

	if (worker_lease_over(w))
		return;
	w->slow_next = !w->slow_next;
	if (a && (w->slow_next || t == NULL))
		take_mail(w, a);
	else if (t)
		run_slice(w, t);
}

static void on_lease_look(struct timer *timer)
{
	(void)timer; /* the loop has woken: schedule_run() looks */
}

/* What gateways asked goes back to them, for whoever owns the actors next. Messages of the
 * actors here wait: the lease may go on, and with another owner's map they are passed on. */
static void hand_back_all(struct worker *w)
{
	size_t at = 0;
	void *actor;

	while (map_next(&w->actors, &at, NULL, &actor))
		if (((struct actor *)actor)->mail > 0)
			mailbox_hand_back(w, actor);
	timer_set(&w->timers, &w->lease_look, w->now_ns / 1000000 + LEASE_LOOK_MS, on_lease_look);
}

bool schedule_run(struct worker *w)
{
	if (worker_lease_over(w)) {
		hand_back_all(w);
		storage_flush(&w->storage);
		return false;
	}
	take_all_mail(w);
	run_one_long(w);
	storage_flush(&w->storage);
	return buffer_length(&w->loopback) > 0 || !TAILQ_EMPTY(&w->preempted) ||
	       ((!TAILQ_EMPTY(&w->ready) || !TAILQ_EMPTY(&w->slow)) && !is_held_up(w, false)) ||
	       (!TAILQ_EMPTY(&w->ready_bulk) && !is_held_up(w, true));
}
