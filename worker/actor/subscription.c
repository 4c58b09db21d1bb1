/* Watches that actors of this worker hold on others. */
#include "worker/actor/subscription.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "proto/msgpack.h"
#include "worker/actor/call.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/outbox.h"
#include "worker/actor/room.h"
#include "worker/actor/step.h"
#include "worker/actor/worker.h"

/* A watch whose owner cannot answer now asks again after so long, ms. */
#define ASK_AGAIN_MS 200

struct watch {
	struct watch *next;
	struct subscription *of;
	struct actor *watcher;
	uint32_t rid; /* of the WATCH that asked for the present value; 0: none is under way */
	bool live;    /* it was answered: events go on from there */
	struct timer again;
	char *property, *method;
};

struct subscription {
	struct watch *watches;
	struct bytes address; /* owned */
	uint16_t carrier;     /* the gateway, or PEER_SELF */
	uint64_t epoch;       /* of the shard as that was found: an owner anew has no watchers */
};

/* True: it is another than it was, or an owner anew. Gateways see to that themselves. */
static bool find_carrier(struct worker *w, struct subscription *s)
{
	uint32_t shard = worker_shard(w, s->address);
	uint16_t carrier = worker_keeps(w, shard) ? PEER_SELF : (uint16_t)(shard % w->gateway_count);
	bool differs = carrier != s->carrier || (carrier == PEER_SELF && s->epoch != w->shards[shard].epoch);

	s->carrier = carrier;
	s->epoch = w->shards[shard].epoch;
	return differs;
}

static void ask(struct worker *w, const struct subscription *s, struct watch *watch, struct buffer *into)
{
	struct buffer members = { 0 };
	struct ipc_request request = {
		.verb = IPC_WATCH, .address = s->address, .caller = actor_address(watch->watcher),
	};

	timer_clear(&w->timers, &watch->again);
	watch->live = false;
	watch->rid = call_begin(w, NULL, s->carrier, 0)->rid;
	request.rid = watch->rid;
	msgpack_write_array(&members, 1);
	msgpack_write_str(&members, bytes_of(watch->property));
	request.members = buffer_bytes(&members);
	outbox_request(w, watch->watcher, &request, into);
	buffer_fini(&members);
}

static size_t size_of(const struct watch *watch)
{
	return ROOM_OF_BLOCK(sizeof(*watch)) + ROOM_OF_BLOCK(strlen(watch->property)) +
	       ROOM_OF_BLOCK(strlen(watch->method));
}

void subscription_begin(struct worker *w, struct actor *a, struct bytes address,
                        struct bytes property, struct bytes method)
{
	struct subscription *s = map_get(&w->subscriptions, address);
	struct watch *watch = memory_new(sizeof(*watch));
	struct step *step = step_open(a);

	if (s == NULL) {
		s = memory_new(sizeof(*s));
		s->address = (struct bytes){ memory_copy(address.data, address.len), address.len };
		(void)find_carrier(w, s);
		map_put(&w->subscriptions, s->address, s);
	}
	*watch = (struct watch){
		.next = s->watches, .of = s, .watcher = a,
		.property = memory_copy(property.data, property.len),
		.method = memory_copy(method.data, method.len),
	};
	room_take(size_of(watch));
	s->watches = watch;
	a->subscriptions++;
	ask(w, s, watch, &step->requests);
	step->calls = memory_grow(step->calls, step->call_count + 1, sizeof(*step->calls));
	step->calls[step->call_count++] = watch->rid;
}

static void unwatch(struct worker *w, struct bytes address, uint16_t carrier)
{
	struct actor *target = actor_find(w, address);

	if (carrier != PEER_SELF) {
		struct buffer body = { 0 };

		ipc_encode_unwatch(&body, &(struct ipc_unwatch){ worker_shard(w, address), address });
		outbox_send(w, carrier, buffer_bytes(&body));
		buffer_fini(&body);
	} else if (target) {
		target->watched_here = false;
		actor_release(w, target);
	}
}

/* Takes *at out of its list; the subscription goes with its last watch. */
static void remove_watch(struct worker *w, struct subscription *s, struct watch **at)
{
	struct watch *watch = *at;

	*at = watch->next;
	watch->watcher->subscriptions--;
	if (watch->rid)
		call_forget(w, watch->rid);
	timer_clear(&w->timers, &watch->again);
	room_give(size_of(watch));
	free(watch->property);
	free(watch->method);
	free(watch);
	if (s->watches)
		return;
	map_remove(&w->subscriptions, s->address);
	unwatch(w, s->address, s->carrier);
	free((char *)s->address.data);
	free(s);
}

/* Finds the watch whose WATCH has this rid. */
static struct watch **find(struct worker *w, uint32_t rid, struct subscription **ret)
{
	size_t at = 0;
	void *value;

	while (map_next(&w->subscriptions, &at, NULL, &value)) {
		*ret = value;
		for (struct watch **watch = &(*ret)->watches; *watch; watch = &(*watch)->next)
			if ((*watch)->rid == rid)
				return watch;
	}
	return NULL;
}

void subscription_forget(struct worker *w, uint32_t rid)
{
	struct subscription *s;
	struct watch **at = find(w, rid, &s);

	if (at)
		remove_watch(w, s, at);
}

/* Tells the watcher a value: method(value, address, property). */
static void tell(struct worker *w, const struct subscription *s, const struct watch *watch,
                 struct bytes value)
{
	struct buffer arguments = { 0 };

	msgpack_write_array(&arguments, 3);
	msgpack_write_raw(&arguments, value);
	msgpack_write_str(&arguments, s->address);
	msgpack_write_str(&arguments, bytes_of(watch->property));
	mailbox_post(w, watch->watcher, bytes_of(watch->method), buffer_bytes(&arguments));
	buffer_fini(&arguments);
}

/* The value of a name in a map; empty where it has none. */
static struct bytes member(struct bytes map, struct bytes name)
{
	struct msgpack_reader r = msgpack_read(map);
	uint32_t n = map.len ? msgpack_read_map(&r) : 0;

	for (uint32_t i = 0; i < n && !r.bad; i++) {
		struct bytes key = msgpack_read_str(&r);
		struct bytes value = msgpack_read_value(&r);

		if (!r.bad && bytes_equal(key, name))
			return value;
	}
	return (struct bytes){ NULL, 0 };
}

static void on_again(struct timer *timer)
{
	struct watch *watch = (struct watch *)((char *)timer - offsetof(struct watch, again));
	struct buffer request = { 0 };

	ask(worker_self, watch->of, watch, &request);
	outbox_release(worker_self, &request);
	buffer_fini(&request);
}

/* Asking again can only be answered in the same way. */
static bool is_final(enum error_code code)
{
	return code == ERROR_NO_ACTOR || code == ERROR_NO_MEMBER || code == ERROR_BAD_ARG || code == ERROR_DENIED ||
	       code == ERROR_QUARANTINED;
}

void subscription_answer(struct worker *w, uint32_t rid, const struct host_answer *answer)
{
	struct subscription *s;
	struct watch **at = find(w, rid, &s);

	if (at == NULL)
		return;
	(*at)->rid = 0;
	if (answer->code == ERROR_NONE) {
		(*at)->live = true;
		tell(w, s, *at, member(answer->payload, bytes_of((*at)->property)));
		return;
	}
	if (!is_final(answer->code)) {
		timer_set(&w->timers, &(*at)->again, w->now_ns / 1000000 + ASK_AGAIN_MS, on_again);
		return;
	}
	log_warnx("an actor's watch was refused", F_BYTES("watcher", actor_address((*at)->watcher)),
	          F_BYTES("address", s->address), F_TEXT("property", (*at)->property),
	          F_TEXT("code", error_rows[answer->code].name));
	remove_watch(w, s, at);
}

static void ask_all(struct worker *w, struct subscription *s, struct buffer *into)
{
	for (struct watch *watch = s->watches; watch; watch = watch->next) {
		if (watch->rid)
			call_forget(w, watch->rid);
		ask(w, s, watch, into);
	}
}

static void ask_again(struct worker *w, struct subscription *s)
{
	struct buffer requests = { 0 };

	ask_all(w, s, &requests);
	outbox_release(w, &requests);
	buffer_fini(&requests);
}

void subscription_event(struct worker *w, uint16_t peer, const struct ipc_event *event)
{
	struct subscription *s = map_get(&w->subscriptions, event->address);

	if (s == NULL || s->carrier != peer) {
		/* Whoever answered a watch after it had been ended would tell of it for ever. */
		if (event->kind != IPC_EVENT_END)
			unwatch(w, event->address, peer);
		return;
	}
	if (event->kind == IPC_EVENT_CHANGE && event->version.epoch == 0) {
		ask_again(w, s);
		return;
	}
	for (struct watch *watch = s->watches; watch; watch = watch->next) {
		struct bytes value = member(event->changed, bytes_of(watch->property));

		/* Before its own snapshot an event would tell it the past. */
		if (watch->live && (value.len > 0 || event->kind == IPC_EVENT_END))
			tell(w, s, watch, value);
	}
}

void subscription_end_all(struct worker *w, struct actor *a)
{
	size_t at = 0;
	void *value;

	while (a->subscriptions > 0 && map_next(&w->subscriptions, &at, NULL, &value)) {
		struct subscription *s = value;
		struct watch **watch = &s->watches;

		while (*watch) {
			bool last = s->watches == *watch && (*watch)->next == NULL;

			if ((*watch)->watcher != a) {
				watch = &(*watch)->next;
				continue;
			}
			remove_watch(w, s, watch);
			if (last)
				break;
		}
	}
}

void subscription_reroute(struct worker *w)
{
	struct buffer requests = { 0 };
	size_t at = 0;
	void *value;

	while (map_next(&w->subscriptions, &at, NULL, &value)) {
		struct subscription *s = value;
		uint16_t former = s->carrier;

		if (!find_carrier(w, s))
			continue;
		unwatch(w, s->address, former);
		ask_all(w, s, &requests);
	}
	outbox_release(w, &requests);
	buffer_fini(&requests);
}

void subscription_renew(struct worker *w, uint16_t peer)
{
	struct buffer requests = { 0 };
	size_t at = 0;
	void *value;

	while (map_next(&w->subscriptions, &at, NULL, &value)) {
		struct subscription *s = value;

		if (s->carrier == peer)
			ask_all(w, s, &requests);
	}
	outbox_release(w, &requests);
	buffer_fini(&requests);
}
