/* Steps: changes with their undo, and the moment they take effect. */
#include "worker/actor/step.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/memory.h"
#include "common/pool.h"
#include "proto/msgpack.h"
#include "worker/actor/alarm.h"
#include "worker/actor/outbox.h"
#include "worker/actor/room.h"
#include "worker/actor/subscription.h"
#include "worker/actor/worker.h"

struct step *step_open(struct actor *a)
{
	if (a->step == NULL) {
		a->step = pool_new(sizeof(*a->step));
		a->step->undo = a->step->few;
		a->step->capacity = STEP_FEW;
	}
	return a->step;
}

static void step_free(struct actor *a)
{
	struct step *s = a->step;

	a->step = NULL;
	buffer_fini(&s->requests);
	if (s->undo != s->few)
		free(s->undo);
	free(s->calls);
	pool_give(s, sizeof(*s));
}

/* The number kind of a property follows its default; an integer that would lose its
 * value as a real, or a fraction in an integer's place, is refused. A whole number
 * beyond 2^53 arrives from clients as text. */
static int adapt_number(const struct property *p, struct value *v)
{
	if (p->number == CLASS_REAL && v->type == VALUE_INT) {
		double real = (double)v->i;

		if (real >= 0x1p63 || (int64_t)real != v->i)
			return -EDOM;
		*v = (struct value){ .type = VALUE_REAL, .real = real };
	} else if (p->number == CLASS_INTEGER && v->type == VALUE_REAL) {
		if (!(v->real >= -0x1p63 && v->real < 0x1p63) || v->real != floor(v->real))
			return -EDOM;
		*v = (struct value){ .type = VALUE_INT, .i = (int64_t)v->real };
	}
	return 0;
}

static void remember(struct step *s, uint32_t index, const struct slot *old)
{
	if (s->count == s->capacity) {
		s->capacity *= 2;
		s->undo = memory_grow(s->undo == s->few ? NULL : s->undo, s->capacity, sizeof(*s->undo));
		if (s->count == STEP_FEW)
			memcpy(s->undo, s->few, sizeof(s->few));
	}
	s->undo[s->count++] = (struct undo){ index, *old };
}

static struct undo *find_undo(const struct step *s, uint32_t index)
{
	for (uint32_t i = 0; s && i < s->count; i++)
		if (s->undo[i].index == index)
			return &s->undo[i];
	return NULL;
}

int step_assign(struct actor *a, uint32_t index, struct value *take, size_t limit)
{
	struct slot *slot = &a->slots[index];
	int error = adapt_number(&a->class->properties[index], take);
	size_t bytes;

	if (error) {
		value_fini(take);
		return error;
	}
	bytes = a->bytes - value_size(&slot->value) + value_size(take);
	if (value_equal(&slot->value, take)) {
		value_fini(take);
		return 0;
	}
	if (bytes > limit && bytes > a->bytes) {
		value_fini(take);
		return -EDQUOT;
	}
	/* take is counted already; what shrinks may always be assigned. */
	if (!room_for(0) && bytes > a->bytes) {
		value_fini(take);
		return -ENOMEM;
	}
	if (find_undo(step_open(a), index))
		value_fini(&slot->value);
	else
		remember(a->step, index, slot);
	slot->value = *take;
	a->bytes = bytes;
	return 0;
}

const struct slot *step_committed(const struct actor *a, uint32_t index)
{
	const struct undo *undo = find_undo(a->step, index);

	return undo ? &undo->old : &a->slots[index];
}

/* A property that ends a step as it began it has not changed. */
static void drop_unchanged(struct actor *a)
{
	struct step *s = a->step;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		struct slot *now = &a->slots[s->undo[i].index];

		if (value_equal(&now->value, &s->undo[i].old.value)) {
			value_fini(&s->undo[i].old.value);
			continue;
		}
		s->undo[kept++] = s->undo[i];
	}
	s->count = kept;
}

static void send_event(struct worker *w, struct actor *a)
{
	const struct step *s = a->step;
	struct buffer changed = { 0 };
	uint32_t public = 0;

	for (uint32_t i = 0; i < s->count; i++)
		public += !a->class->properties[s->undo[i].index].private;
	if (public > 0 && (a->gateways || a->watched_here)) {
		msgpack_write_map(&changed, public);
		for (uint32_t i = 0; i < s->count; i++) {
			uint32_t index = s->undo[i].index;

			if (a->class->properties[index].private)
				continue;
			msgpack_write_str(&changed, bytes_of(a->class->properties[index].name));
			value_pack(&a->slots[index].value, &changed);
		}
		outbox_event(w, a, &(struct ipc_event){
			.kind = IPC_EVENT_CHANGE, .address = actor_address(a), .version = a->version,
			.changed = buffer_bytes(&changed) });
	}
	buffer_fini(&changed);
}

static void save(struct worker *w, struct actor *a)
{
	if (a->class->durability == CLASS_NONE)
		return;
	a->stored = true;
	if (a->class->durability == CLASS_COMMIT) {
		storage_add(&w->storage, a);
	} else if (!a->unsaved) {
		a->unsaved = true;
		TAILQ_INSERT_TAIL(&w->storage.unsaved, a, unsaved_next);
	}
}

void step_commit(struct worker *w, struct actor *a, bool force_write)
{
	struct step *s;

	if (a->step == NULL && !force_write)
		return;
	s = step_open(a);
	drop_unchanged(a);
	if (s->count > 0) {
		a->version.number++;
		w->counters.steps++;
	}
	for (uint32_t i = 0; i < s->count; i++)
		a->slots[s->undo[i].index].changed = a->version.number;
	if (s->count > 0 || force_write)
		save(w, a);
	if (s->count > 0)
		send_event(w, a);
	outbox_take(w, a, &s->requests);
	for (uint32_t i = 0; i < s->count; i++)
		value_fini(&s->undo[i].old.value);
	alarm_keep(s);
	step_free(a);
}

void step_rollback(struct worker *w, struct actor *a)
{
	struct step *s = a->step;

	if (s == NULL)
		return;
	w->counters.rollbacks++;
	for (uint32_t i = 0; i < s->count; i++) {
		struct slot *slot = &a->slots[s->undo[i].index];

		a->bytes += value_size(&s->undo[i].old.value);
		a->bytes -= value_size(&slot->value);
		value_fini(&slot->value);
		*slot = s->undo[i].old;
	}
	alarm_take_back(w, a, s);
	for (uint32_t i = 0; i < s->call_count; i++)
		subscription_forget(w, s->calls[i]);
	step_free(a);
}
