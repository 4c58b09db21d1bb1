/* Actors: their table, their states and their properties' memory. */
#include "worker/actor/actor.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/memory.h"
#include "worker/actor/release.h"
#include "worker/actor/room.h"
#include "worker/actor/worker.h"

static const struct {
	const char *name;
	unsigned next; /* bits of the states that may follow */
} states[ACTOR_STATE_COUNT] = {
	[ACTOR_PASSIVE] = { "passive", 1u << ACTOR_LOADING | 1u << ACTOR_WAKING },
	[ACTOR_LOADING] = { "loading", 1u << ACTOR_WAKING | 1u << ACTOR_PASSIVE },
	[ACTOR_WAKING] = { "waking", 1u << ACTOR_ACTIVE | 1u << ACTOR_PASSIVE },
	[ACTOR_ACTIVE] = { "active", 1u << ACTOR_PASSIVE },
};

const char *actor_state_name(enum actor_state state)
{
	return states[state].name;
}

void actor_set_state(struct actor *a, enum actor_state state)
{
	assert(states[a->state].next & 1u << state);
	a->state = state;
}

/* With its place in the worker's table. */
static size_t size_of(size_t address_length)
{
	return ROOM_OF_BLOCK(sizeof(struct actor) + address_length) + 2 * sizeof(struct bytes);
}

static size_t slots_size(const struct class *c)
{
	return ROOM_OF_BLOCK(sizeof(struct slot) * (c->property_count ? c->property_count : 1));
}

struct actor *actor_find(struct worker *w, struct bytes address)
{
	return map_get(&w->actors, address);
}

struct actor *actor_get(struct worker *w, struct bytes address, uint32_t shard)
{
	struct actor *a = map_get(&w->actors, address);

	if (a)
		return a;
	a = memory_new(sizeof(*a) + address.len);
	room_take(size_of(address.len));
	a->shard = shard;
	a->address_length = (uint16_t)address.len;
	memcpy(a->address, address.data, address.len);
	TAILQ_INIT(&a->mailbox);
	TAILQ_INIT(&a->turns);
	map_put(&w->actors, actor_address(a), a);
	release_add(w, a);
	return a;
}

static void faults_free(struct faults *faults)
{
	if (faults == NULL)
		return;
	for (unsigned i = 0; i < ACTOR_FAULTS_MAX; i++) {
		free(faults->list[i].method);
		free(faults->list[i].text);
	}
	free(faults);
}

void actor_release(struct worker *w, struct actor *a)
{
	if (a->state != ACTOR_PASSIVE || a->mail > 0 || a->turn_count > 0 || a->batch ||
	    a->gateways || a->watched_here || a->is_ready)
		return;
	release_remove(w, a);
	map_remove(&w->actors, actor_address(a));
	faults_free(a->faults);
	room_give(size_of(a->address_length));
	free(a);
}

void actor_furnish(struct actor *a, struct class *c)
{
	assert(a->class == NULL);
	a->class = class_ref(c);
	a->slots = memory_new(sizeof(*a->slots) * (c->property_count ? c->property_count : 1));
	room_take(slots_size(c));
	a->bytes = 0;
	for (uint32_t i = 0; i < c->property_count; i++) {
		if (value_copy(&c->properties[i].fallback, &a->slots[i].value) != 0)
			abort();
		a->bytes += value_size(&a->slots[i].value);
	}
}

void actor_strip(struct actor *a)
{
	if (a->class == NULL)
		return;
	for (uint32_t i = 0; i < a->class->property_count; i++)
		value_fini(&a->slots[i].value);
	room_give(slots_size(a->class));
	free(a->slots);
	a->slots = NULL;
	class_unref(a->class);
	a->class = NULL;
}

void actor_new_epoch(struct actor *a)
{
	uint32_t epoch = 0;

	while (epoch == 0 || epoch == a->version.epoch)
		if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
			abort();
	a->version.epoch = epoch;
}

void actor_add_fault(struct actor *a, struct bytes method, struct bytes text)
{
	struct fault *f;

	if (a->faults == NULL)
		a->faults = memory_new(sizeof(*a->faults));
	f = &a->faults->list[a->faults->next++ % ACTOR_FAULTS_MAX];
	free(f->method);
	free(f->text);
	f->time = clock_real_ms();
	f->method = memory_copy(method.data, method.len);
	f->text = memory_copy(text.data, text.len < 400 ? text.len : 400);
}
