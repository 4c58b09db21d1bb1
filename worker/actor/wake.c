/* Actors into memory and out of it. */
#include "worker/actor/wake.h"

#include <assert.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "proto/msgpack.h"
#include "worker/actor/alarm.h"
#include "worker/actor/mailbox.h"
#include "worker/actor/outbox.h"
#include "worker/actor/record.h"
#include "worker/actor/shelf.h"
#include "worker/actor/step.h"
#include "worker/actor/subscription.h"
#include "worker/actor/worker.h"

static const struct bytes nothing = { NULL, 0 };

/* What an activation holds beside its properties ends with it. */
static void strip(struct worker *w, struct actor *a)
{
	alarm_end_all(w, a);
	subscription_end_all(w, a);
	shelf_remove(w, a);
	if (a->unsaved) {
		a->unsaved = false;
		TAILQ_REMOVE(&w->storage.unsaved, a, unsaved_next);
	}
	actor_strip(a);
	a->condemned = false;
	a->created = false;
	actor_set_state(a, ACTOR_PASSIVE);
}

/* Begins the first of the phases that is due, or lets the mail in. */
static void next_phase(struct worker *w, struct actor *a, enum turn_phase from)
{
	const struct class *c = a->class;

	if (from <= TURN_MIGRATE && a->stored && c->has_migrate && a->written_by != c->version) {
		run_begin(w, a, TURN_MIGRATE, NULL);
	} else if (from <= TURN_CREATE && !a->created && c->has_create) {
		run_begin(w, a, TURN_CREATE, NULL);
	} else if (from <= TURN_ACTIVATE && c->has_activate) {
		run_begin(w, a, TURN_ACTIVATE, NULL);
	} else {
		a->created = true;
		actor_set_state(a, ACTOR_ACTIVE);
		mailbox_wake(w, a);
	}
}

static void furnish(struct worker *w, struct actor *a, struct class *c)
{
	actor_furnish(a, c);
	a->version.number = 0;
	a->created = false;
	a->written_by = c->version;
	a->activation = ++w->activations;
	w->counters.activations++;
	shelf_add(w, a);
}

void wake_begin(struct worker *w, struct actor *a)
{
	struct class *c = catalog_match(&w->catalog, actor_address(a));

	if (c == NULL) {
		mailbox_refuse_all(w, a, ERROR_NO_ACTOR, "address", actor_address(a));
		return;
	}
	if (!shelf_make_room(w)) {
		mailbox_refuse_all(w, a, ERROR_BUSY, "limit", BYTES_LITERAL("resident"));
		return;
	}
	if (c->durability != CLASS_NONE) {
		actor_set_state(a, ACTOR_LOADING);
		storage_load(&w->storage, a);
		return;
	}
	actor_set_state(a, ACTOR_WAKING);
	furnish(w, a, c);
	actor_new_epoch(a);
	next_phase(w, a, TURN_MIGRATE);
}

static void refuse_load(struct worker *w, struct actor *a, enum error_code code, struct bytes why)
{
	actor_set_state(a, ACTOR_PASSIVE);
	mailbox_refuse_all(w, a, code, why.len ? "message" : NULL, why);
	actor_release(w, a);
}

void wake_loaded(struct worker *w, struct actor *a, const struct ipc_loaded *m)
{
	struct class *c = catalog_match(&w->catalog, actor_address(a));

	/* What was read in another epoch may be the past. */
	if (!worker_keeps(w, a->shard) || w->shards[a->shard].epoch != a->load_epoch) {
		refuse_load(w, a, ERROR_MOVED, nothing);
		return;
	}
	if (m->code != ERROR_NONE || c == NULL) {
		refuse_load(w, a, m->code ? m->code : ERROR_NO_ACTOR, m->text);
		return;
	}
	actor_set_state(a, ACTOR_WAKING);
	furnish(w, a, c);
	a->stored = m->found;
	if (m->found && record_decode(a, m->record, &a->written_by) != 0) {
		log_errorx("a stored record is damaged", F_BYTES("address", actor_address(a)),
		           F_UINT("bytes", m->record.len));
		strip(w, a);
		mailbox_refuse_all(w, a, ERROR_INTERNAL, "message", BYTES_LITERAL("the stored record is damaged"));
		actor_release(w, a);
		return;
	}
	/* Only what is stored before it is seen proves that the numbering goes on (record.h). */
	if (!m->found || c->durability != CLASS_COMMIT || a->version.epoch == 0)
		actor_new_epoch(a);
	next_phase(w, a, TURN_MIGRATE);
}

/* --- the phases --- */

static void write_parameters(const struct actor *a, struct buffer *out)
{
	struct bytes names[CLASS_PARAMETERS_MAX], values[CLASS_PARAMETERS_MAX];
	size_t count = 0;

	class_match(a->class, actor_address(a), &count, names, values);
	msgpack_write_map(out, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		msgpack_write_str(out, names[i]);
		msgpack_write_str(out, values[i]);
	}
}

void wake_enter(struct worker *w, struct turn_private *t)
{
	static const enum host_entry entries[] = {
		[TURN_MIGRATE] = HOST_MIGRATE, [TURN_CREATE] = HOST_CREATE, [TURN_ACTIVATE] = HOST_ACTIVATE,
	};
	struct buffer arguments = { 0 };

	msgpack_write_array(&arguments, t->phase == TURN_ACTIVATE ? 0 : 1);
	if (t->phase == TURN_MIGRATE)
		msgpack_write_int(&arguments, t->turn.actor->written_by);
	else if (t->phase == TURN_CREATE)
		write_parameters(t->turn.actor, &arguments);
	run_enter(w, t, entries[t->phase], nothing, buffer_bytes(&arguments));
	buffer_fini(&arguments);
}

void wake_done(struct worker *w, struct turn_private *t)
{
	struct actor *a = t->turn.actor;
	enum turn_phase phase = t->phase;
	bool again = a->state == ACTOR_ACTIVE; /* a migration after a reload */

	if (phase == TURN_CREATE)
		a->created = true;
	if (phase == TURN_MIGRATE)
		a->written_by = a->class->version;
	/* That it was created, or migrated, is kept even where no property changed. */
	step_commit(w, a, phase != TURN_ACTIVATE);
	run_end(w, t);
	if (a->condemned) {
		wake_destroy(w, a);
		mailbox_wake(w, a);
	} else if (again) {
		mailbox_wake(w, a);
	} else {
		next_phase(w, a, (enum turn_phase)(phase + 1));
	}
}

void wake_failed(struct worker *w, struct turn_private *t, const struct ipc_reply *reply)
{
	struct actor *a = t->turn.actor;
	struct message *m;

	run_end(w, t);
	while ((m = mailbox_take(w, a)) != NULL) {
		outbox_reply(w, a, m, reply);
		mailbox_done(w, m);
	}
	strip(w, a);
	actor_release(w, a);
}

/* --- out of memory --- */

void wake_drop(struct worker *w, struct actor *a, enum error_code code, struct bytes text)
{
	struct turn_private *t;

	while ((t = TAILQ_FIRST(&a->turns)) != NULL)
		run_abort(w, t, code, text.len ? "message" : NULL, text);
	a->running = NULL;
	step_rollback(w, a);
	if (a->class)
		strip(w, a);
	if (code == ERROR_MOVED)
		mailbox_refuse_all(w, a, ERROR_MOVED, NULL, nothing);
	mailbox_wake(w, a);
}

void wake_destroy(struct worker *w, struct actor *a)
{
	bool stored = a->stored;

	a->stored = false;
	if (stored)
		storage_add(&w->storage, a);
	strip(w, a);
	/* Without a class it waits for the record's end, whichever the durability was. */
	outbox_event(w, a, &(struct ipc_event){
		.kind = IPC_EVENT_END, .address = actor_address(a), .version = a->version, .code = ERROR_GONE });
	a->gateways = 0;
	a->watched_here = false;
}

void wake_passivate(struct worker *w, struct actor *a)
{
	w->counters.passivations++;
	strip(w, a);
	actor_release(w, a);
}

/* --- reload --- */

/* Whether a public name of `a` is none of `b`. */
static bool loses_public_name(const struct class *a, const struct class *b)
{
	for (uint32_t i = 0; i < a->property_count; i++) {
		int k = class_property(b, bytes_of(a->properties[i].name));

		if (!a->properties[i].private && (k < 0 || b->properties[k].private))
			return true;
	}
	return false;
}

/* Tells watchers the public properties that version `since` or a later one has changed. */
static void send_changes(struct worker *w, struct actor *a, enum ipc_event_kind kind, uint64_t since)
{
	struct buffer map = { 0 }, content = { 0 };
	uint32_t count = 0;

	for (uint32_t i = 0; i < a->class->property_count; i++) {
		if (a->class->properties[i].private || a->slots[i].changed < since)
			continue;
		count++;
		msgpack_write_str(&content, bytes_of(a->class->properties[i].name));
		value_pack(&a->slots[i].value, &content);
	}
	msgpack_write_map(&map, count);
	buffer_append_bytes(&map, buffer_bytes(&content));
	if (count > 0 || kind == IPC_EVENT_SNAPSHOT)
		outbox_event(w, a, &(struct ipc_event){
			.kind = kind, .address = actor_address(a), .version = a->version, .changed = buffer_bytes(&map) });
	buffer_fini(&map);
	buffer_fini(&content);
}

/* New ones are marked as changed by the version that follows. True: there are some. */
static bool move_properties(struct actor *a, struct class *next)
{
	uint32_t moved = 0;

	struct class *old = class_ref(a->class);
	struct slot *slots = a->slots;

	a->slots = NULL;
	class_unref(a->class);
	a->class = NULL;
	actor_furnish(a, next);
	for (uint32_t i = 0; i < next->property_count; i++)
		a->slots[i].changed = a->version.number + 1;
	for (uint32_t i = 0; i < old->property_count; i++) {
		int k = class_property(next, bytes_of(old->properties[i].name));

		if (k < 0) {
			value_fini(&slots[i].value);
			continue;
		}
		a->bytes += value_size(&slots[i].value) - value_size(&a->slots[k].value);
		value_fini(&a->slots[k].value);
		a->slots[k] = slots[i];
		moved++;
	}
	free(slots);
	class_unref(old);
	return moved < next->property_count;
}

/* Its class is gone, or keeps it by other rules from now on: it starts again from its record,
 * which may not be what its watchers were told. */
static void begin_anew(struct worker *w, struct actor *a, const struct class *next)
{
	if (a->unsaved) {
		storage_add(&w->storage, a);
		storage_flush(&w->storage);
	}
	if (next != NULL)
		outbox_doubt(w, a);
	wake_drop(w, a, ERROR_NO_ACTOR, nothing);
}

void wake_reclass(struct worker *w, struct actor *a)
{
	struct class *next = catalog_match(&w->catalog, actor_address(a));
	bool loses, gains;

	assert(a->turn_count == 0 && a->step == NULL);
	if (next == NULL || next->durability != a->class->durability) {
		begin_anew(w, a, next);
		return;
	}
	loses = loses_public_name(a->class, next);
	gains = move_properties(a, next);
	if (loses || gains) {
		a->version.number++;
		step_commit(w, a, true);
	}
	/* What is gone no event can say: watchers start anew, under a new epoch. */
	if (loses) {
		actor_new_epoch(a);
		send_changes(w, a, IPC_EVENT_SNAPSHOT, 0);
	} else if (gains) {
		send_changes(w, a, IPC_EVENT_CHANGE, a->version.number);
	}
	if (next->has_migrate && a->written_by != next->version)
		run_begin(w, a, TURN_MIGRATE, NULL);
	else
		mailbox_wake(w, a);
}
