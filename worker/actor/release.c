/* Shards on their way out of this worker. */
#include "worker/actor/release.h"

#include <stdlib.h>

#include "common/memory.h"
#include "proto/msgpack.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/schedule.h"
#include "worker/actor/subscription.h"
#include "worker/actor/wake.h"

/* A frame that came before its map; its body follows. */
struct early {
	uint32_t length;
	uint16_t peer;
};

/* --- the actors of leaving shards --- */

void release_add(struct worker *w, struct actor *a)
{
	if (a->is_leaving || worker_owns(w, a->shard) || !worker_keeps(w, a->shard))
		return;
	a->is_leaving = true;
	TAILQ_INSERT_TAIL(&w->release.actors, a, leaving_next);
}

void release_remove(struct worker *w, struct actor *a)
{
	if (!a->is_leaving)
		return;
	a->is_leaving = false;
	TAILQ_REMOVE(&w->release.actors, a, leaving_next);
}

/* Some actor of the chain waits here for what becomes of the request. */
static bool comes_home(struct worker *w, struct bytes chain)
{
	struct msgpack_reader r = msgpack_read(chain);
	uint32_t n = chain.len ? msgpack_read_array(&r) : 0;

	for (uint32_t i = 0; i < n && !r.bad; i++) {
		struct actor *a = actor_find(w, msgpack_read_str(&r));

		if (a && a->turn_count > 0)
			return true;
	}
	return false;
}

bool release_admits(struct worker *w, uint16_t peer, const struct ipc_request *request)
{
	return worker_keeps(w, request->shard) &&
	       (peer == PEER_SELF || peer == PEER_NOBODY || request->verb == IPC_TELL ||
	        comes_home(w, request->chain));
}

/* --- a new map --- */

void release_before_map(struct worker *w)
{
	storage_flush(&w->storage);
	while (buffer_length(&w->loopback) > 0 && !worker_lease_over(w))
		schedule_take_loopback(w);
}

static bool is_let_go(const struct control_shard *shard, uint32_t by)
{
	return shard->worker == CONTROL_NO_WORKER && shard->leaving == by;
}

/* Counts the shards that begin to leave. */
static uint32_t find_leaving(struct worker *w, const struct control_shard *former)
{
	uint32_t begun = 0;

	if (w->release.done == NULL)
		w->release.done = memory_new(w->shard_count * sizeof(*w->release.done));
	w->release.open = 0;
	for (uint32_t i = 0; i < w->shard_count; i++) {
		bool leaves = is_let_go(&w->shards[i], w->index);
		bool left_already = former && is_let_go(&former[i], w->index);

		begun += leaves && !left_already;
		w->release.done[i] = leaves && left_already && w->release.done[i];
		w->release.open += leaves && !w->release.done[i];
	}
	return begun;
}

static void sort_actor(struct worker *w, struct actor *a, const struct control_shard *former)
{
	bool same_epoch = w->shards[a->shard].epoch == former[a->shard].epoch;

	if (worker_owns(w, a->shard) && same_epoch)
		return;
	if (worker_keeps(w, a->shard) && same_epoch) {
		release_add(w, a);
		mailbox_hand_back(w, a);
		return;
	}
	/* Another's from now on; a commit under way is refused by its epoch. */
	release_remove(w, a);
	a->gateways = 0;
	a->watched_here = false;
	if (a->class)
		wake_drop(w, a, ERROR_MOVED, (struct bytes){ NULL, 0 });
	else
		mailbox_refuse_all(w, a, ERROR_MOVED, NULL, (struct bytes){ NULL, 0 });
	actor_release(w, a);
}

/* Requests that came before their map, as if they came now. */
static void take_early(struct worker *w)
{
	struct buffer frames = w->release.early;
	struct bytes rest;

	w->release.early = (struct buffer){ 0 };
	while ((rest = buffer_bytes(&frames)).len > 0) {
		struct early head;

		memcpy(&head, rest.data, sizeof(head));
		schedule_frame(w, head.peer, (struct bytes){ rest.data + sizeof(head), head.length });
		buffer_consume(&frames, sizeof(head) + head.length);
	}
	buffer_fini(&frames);
}

void release_map(struct worker *w, const struct control_shard *former, uint64_t serial)
{
	size_t at = 0;
	void *value;

	if (find_leaving(w, former) > 0)
		w->release.serial = serial;
	while (map_next(&w->actors, &at, NULL, &value))
		sort_actor(w, value, former);
	subscription_reroute(w);
	take_early(w);
}

void release_mark(struct worker *w, uint16_t peer, uint64_t serial)
{
	w->gateways[peer].map_serial = serial;
}

bool release_keep_early(struct worker *w, uint16_t peer, const struct ipc_request *request)
{
	struct buffer *early = &w->release.early, body = { 0 };
	struct early head = { .peer = peer };

	if (peer >= w->gateway_count || request->shard >= w->shard_count ||
	    request->epoch <= w->shards[request->shard].epoch || buffer_length(early) > RELEASE_EARLY_MAX)
		return false;
	ipc_encode_request(&body, request);
	head.length = (uint32_t)buffer_length(&body);
	buffer_append(early, &head, sizeof(head));
	buffer_append_bytes(early, buffer_bytes(&body));
	buffer_fini(&body);
	return true;
}

/* --- until nothing is left --- */

static void try_to_leave(struct worker *w, struct actor *a)
{
	if (a->unsaved)
		storage_add(&w->storage, a);
	if (a->turn_count > 0 || a->mail > 0 || a->is_ready || a->batch || a->unsaved ||
	    (a->state != ACTOR_ACTIVE && a->state != ACTOR_PASSIVE))
		return;
	/* Its watchers ask the next owner what has changed since. */
	a->gateways = 0;
	a->watched_here = false;
	if (a->state == ACTOR_ACTIVE)
		wake_passivate(w, a);
	else
		actor_release(w, a);
}

/* What a gateway sent by a former map has come once it says that it routes by this one. */
static bool all_gateways_know(const struct worker *w)
{
	for (uint32_t i = 0; i < w->gateway_count; i++)
		if (w->gateways[i].link && w->gateways[i].map_serial < w->release.serial)
			return false;
	return true;
}

/* Where all shards leave, this process is being replaced, and nobody serves the ones that
 * are free before it has ended: a turn under way may still need them. */
static bool may_report(const struct worker *w)
{
	if (!all_gateways_know(w))
		return false;
	for (uint32_t i = 0; i < w->shard_count; i++)
		if (worker_owns(w, i))
			return true;
	return TAILQ_EMPTY(&w->release.actors);
}

static void report(struct worker *w, release_send send)
{
	bool *busy = memory_new(w->shard_count * sizeof(*busy));
	uint16_t *free_ones = memory_new(w->shard_count * sizeof(*free_ones));
	uint32_t count = 0;
	struct actor *a;

	TAILQ_FOREACH (a, &w->release.actors, leaving_next)
		busy[a->shard] = true;
	for (uint32_t i = 0; i < w->shard_count; i++) {
		if (worker_owns(w, i) || !worker_keeps(w, i) || busy[i])
			continue;
		w->release.done[i] = true;
		free_ones[count++] = (uint16_t)i;
	}
	w->release.open -= count;
	if (count > 0) {
		send(w, w->release.serial, free_ones, count);
		subscription_reroute(w);
	}
	free(free_ones);
	free(busy);
}

void release_run(struct worker *w, release_send send)
{
	struct actor *a, *next;

	if (w->release.open == 0)
		return;
	for (a = TAILQ_FIRST(&w->release.actors); a; a = next) {
		next = TAILQ_NEXT(a, leaving_next);
		try_to_leave(w, a);
	}
	storage_flush(&w->storage);
	if (may_report(w))
		report(w, send);
}

void release_fini(struct worker *w)
{
	free(w->release.done);
	buffer_fini(&w->release.early);
	w->release.done = NULL;
}
