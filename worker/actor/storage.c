/* Batches under way, their acknowledgements and failures; loads. */
#include "worker/actor/storage.h"

#include <assert.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "proto/ipc.h"
#include "worker/actor/outbox.h"
#include "worker/actor/record.h"
#include "worker/actor/room.h"
#include "worker/actor/step.h"
#include "worker/actor/wake.h"
#include "worker/actor/worker.h"

static void on_frame(struct link *link, struct bytes body);
static void on_lost(struct link *link, int error);
static const struct link_handlers handlers = { .on_frame = on_frame, .on_lost = on_lost };

void storage_init(struct storage *s, struct worker *w)
{
	*s = (struct storage){ .worker = w, .next_seq = 1, .next_rid = 1 };
	TAILQ_INIT(&s->under_way);
	TAILQ_INIT(&s->loading);
	TAILQ_INIT(&s->unsaved);
}

static void batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	room_give(b->room);
	buffer_fini(&b->entries);
	buffer_fini(&b->frames);
	free(b->actors);
	free(b);
}

void storage_fini(struct storage *s)
{
	struct batch *b;

	while ((b = TAILQ_FIRST(&s->under_way)) != NULL) {
		TAILQ_REMOVE(&s->under_way, b, next);
		batch_free(b);
	}
	batch_free(s->open);
	map_fini(&s->loads);
	if (s->link)
		link_fini(s->link);
	free(s->link);
	*s = (struct storage){ 0 };
}

/* --- loads --- */

static void send_load(struct storage *s, struct actor *a)
{
	uint32_t rid = s->next_rid++;
	struct ipc_load m = {
		.rid = rid, .shard = a->shard, .epoch = s->worker->shards[a->shard].epoch,
		.address = actor_address(a),
	};

	a->load_epoch = m.epoch;
	map_put(&s->loads, (struct bytes){ (const char *)&rid, sizeof(rid) }, a);
	ipc_encode_load(link_begin(s->link), &m);
	link_end(s->link);
}

void storage_load(struct storage *s, struct actor *a)
{
	/* What a destroyed actor's last step removed must be on the link first. */
	if (a->batch && a->batch == s->open)
		storage_flush(s);
	TAILQ_INSERT_TAIL(&s->loading, a, loading);
	if (s->link)
		send_load(s, a);
}

static void on_loaded(struct storage *s, struct bytes body)
{
	struct ipc_loaded m;
	struct actor *a;

	if (!ipc_decode_loaded(body, &m)) {
		log_errorx("the store sent a malformed LOADED");
		link_close(s->link);
		return;
	}
	a = map_remove(&s->loads, (struct bytes){ (const char *)&m.rid, sizeof(m.rid) });
	if (a == NULL)
		return;
	/* The store may hear of a new map after this worker has: it is asked until then, since a
	 * request handed back now would be overtaken by those that come meanwhile. */
	if (m.code == ERROR_MOVED && worker_keeps(s->worker, a->shard) &&
	    s->worker->shards[a->shard].epoch == a->load_epoch) {
		send_load(s, a);
		return;
	}
	TAILQ_REMOVE(&s->loading, a, loading);
	wake_loaded(s->worker, a, &m);
}

/* --- batches --- */

static struct batch *open_batch(struct storage *s)
{
	if (s->open == NULL)
		s->open = memory_new(sizeof(*s->open));
	return s->open;
}

void storage_add(struct storage *s, struct actor *a)
{
	struct batch *b;

	/* Before a is in it: the step that adds a is still open. */
	if (s->open && s->open->bytes > STORAGE_BATCH_BYTES)
		storage_flush(s);
	b = open_batch(s);
	if (a->unsaved) {
		a->unsaved = false;
		TAILQ_REMOVE(&s->unsaved, a, unsaved_next);
	}
	if (a->batch == b)
		return;
	a->batch = b;
	if (b->count == b->capacity) {
		b->capacity = b->capacity ? b->capacity * 2 : 16;
		b->actors = memory_grow(b->actors, b->capacity, sizeof(*b->actors));
	}
	b->actors[b->count++] = a;
	b->bytes += a->bytes;
}

static void encode(struct storage *s, struct batch *b)
{
	struct buffer record = { 0 };

	for (size_t i = 0; i < b->count; i++) {
		struct actor *a = b->actors[i];
		struct ipc_batch_entry entry = {
			.shard = a->shard, .epoch = s->worker->shards[a->shard].epoch,
			.remove = !a->stored, .address = actor_address(a),
		};

		buffer_clear(&record);
		if (a->stored)
			record_encode(a, &record);
		entry.record = buffer_bytes(&record);
		ipc_encode_entry(&b->entries, &entry);
	}
	buffer_fini(&record);
}

static void send_batch(struct storage *s, const struct batch *b)
{
	struct buffer *out = link_begin(s->link);

	ipc_encode_batch(out, &(struct ipc_batch_head){ .seq = b->seq, .count = (uint32_t)b->count });
	buffer_append_bytes(out, buffer_bytes(&b->entries));
	link_end(s->link);
}

void storage_flush(struct storage *s)
{
	struct batch *b = s->open;

	if (b == NULL)
		return;
	s->open = NULL;
	b->seq = s->next_seq++;
	encode(s, b);
	/* The entries twice: they are on the link as well. */
	b->room = 2 * buffer_length(&b->entries) + buffer_length(&b->frames);
	room_take(b->room);
	TAILQ_INSERT_TAIL(&s->under_way, b, next);
	s->count++;
	if (s->link)
		send_batch(s, b);
}

bool storage_full(const struct storage *s)
{
	return s->count >= STORAGE_BATCHES_MAX;
}

static void take_first(struct storage *s, struct batch *b)
{
	TAILQ_REMOVE(&s->under_way, b, next);
	s->count--;
}

/* b is settled: its actors have no commit under way unless a later batch holds them. */
static void let_go(struct storage *s, struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->actors[i]->batch != b)
			continue;
		b->actors[i]->batch = NULL;
		actor_release(s->worker, b->actors[i]);
	}
	batch_free(b);
}

/* What an ASYNC actor has answered long ago is kept, and tried again later. */
static void give_up(struct storage *s, struct actor *a, enum error_code code, struct bytes text)
{
	if (a->class == NULL)
		return;
	if (a->class->durability != CLASS_ASYNC || code == ERROR_MOVED) {
		wake_drop(s->worker, a, code, text);
	} else if (!a->unsaved) {
		a->unsaved = true;
		TAILQ_INSERT_TAIL(&s->unsaved, a, unsaved_next);
	}
}

/* One failed batch takes all that were built on it along: their actors are dropped
 * from memory, everything waiting is answered, and the next message finds the last
 * durable state. */
static void fail_all(struct storage *s, uint64_t seq, enum error_code code, struct bytes text)
{
	struct batch_list failed = TAILQ_HEAD_INITIALIZER(failed);
	struct batch *b;

	/* The store says why in its own log, once; this is every batch. */
	log_debug("the store refused a commit", F_UINT("batch", seq), F_TEXT("code", error_rows[code].name),
	           F_BYTES("reason", text));
	if (s->open)
		storage_flush(s);
	TAILQ_CONCAT(&failed, &s->under_way, next);
	s->count = 0;
	TAILQ_FOREACH (b, &failed, next)
		for (size_t i = 0; i < b->count; i++)
			give_up(s, b->actors[i], code, text);
	while ((b = TAILQ_FIRST(&failed)) != NULL) {
		TAILQ_REMOVE(&failed, b, next);
		/* The former store may have committed it: not even `moved` means that it did not. */
		outbox_revoke(s->worker, &b->frames, b->again && code == ERROR_MOVED ? ERROR_LOST : code, text);
		let_go(s, b);
	}
	ipc_encode_reset(link_begin(s->link), seq);
	link_end(s->link);
}

static void on_committed(struct storage *s, struct bytes body)
{
	struct ipc_committed m;
	struct batch *b = TAILQ_FIRST(&s->under_way);

	if (!ipc_decode_committed(body, &m)) {
		log_errorx("the store sent a malformed COMMITTED");
		link_close(s->link);
		return;
	}
	/* Answers to batches that failed with an earlier one find nobody. */
	if (b == NULL || b->seq != m.seq)
		return;
	if (m.code != ERROR_NONE) {
		fail_all(s, m.seq, m.code, m.text);
		return;
	}
	take_first(s, b);
	outbox_release(s->worker, &b->frames);
	let_go(s, b);
}

static void on_frame(struct link *link, struct bytes body)
{
	struct storage *s = link->owner;

	switch (ipc_type(body)) {
	case IPC_LOADED:
		on_loaded(s, body);
		break;
	case IPC_COMMITTED:
		on_committed(s, body);
		break;
	default:
		log_errorx("the store sent an unknown frame");
		link_close(link);
	}
}

/* The store died: everything waits for its successor. */
static void on_lost(struct link *link, int error)
{
	struct storage *s = link->owner;

	log_warn("the store's link is lost", -error, F_UINT("batches", s->count));
	link_fini(link);
	free(link);
	s->link = NULL;
}

int storage_connect(struct storage *s, int take_fd)
{
	struct batch *b;
	struct actor *a;
	int r;

	if (s->link) {
		link_fini(s->link);
		free(s->link);
	}
	s->link = memory_new(sizeof(*s->link));
	r = link_init(s->link, s->worker->loop, take_fd, &handlers, s);
	if (r < 0) {
		free(s->link);
		s->link = NULL;
		return r;
	}
	map_fini(&s->loads);
	s->loads = (struct map){ 0 };
	s->next_seq = 1;
	TAILQ_FOREACH (b, &s->under_way, next) {
		b->again = true;
		b->seq = s->next_seq++;
		send_batch(s, b);
	}
	TAILQ_FOREACH (a, &s->loading, loading)
		send_load(s, a);
	return 0;
}

void storage_save_later_ones(struct storage *s)
{
	struct actor *a;

	while ((a = TAILQ_FIRST(&s->unsaved)) != NULL)
		storage_add(s, a);
}

bool storage_idle(const struct storage *s)
{
	return s->open == NULL && s->count == 0 && TAILQ_EMPTY(&s->unsaved);
}
