/* The table of requests in flight. */
#include "worker/gateway/pending.h"

#include <stdlib.h>

#include "common/memory.h"
#include "common/pool.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/route.h"
#include "worker/gateway/watch.h"

static struct bytes copy(char **at, struct bytes from)
{
	struct bytes to = { *at, from.len };

	if (from.len > 0)
		memcpy(*at, from.data, from.len);
	*at += from.len;
	return to;
}

/* Slot 0 is nobody's: a rid of 0 is a message without an answer. */
static uint32_t take_slot(struct pending *p)
{
	uint32_t slot;

	if (gateway.pending_free == 0) {
		uint32_t old = gateway.pending_capacity, capacity = old ? old * 2 : 1024;

		gateway.pendings = memory_grow(gateway.pendings, capacity, sizeof(*gateway.pendings));
		gateway.pending_capacity = capacity;
		/* A free slot holds the number of the next one, odd so that it is no pointer. */
		for (slot = capacity - 1; slot >= (old ? old : 1); slot--) {
			gateway.pendings[slot] = (struct pending *)((uintptr_t)gateway.pending_free << 1 | 1);
			gateway.pending_free = slot;
		}
	}
	slot = gateway.pending_free;
	gateway.pending_free = (uint32_t)((uintptr_t)gateway.pendings[slot] >> 1);
	gateway.pendings[slot] = p;
	return slot;
}

static void give_slot(uint32_t slot)
{
	gateway.pendings[slot] = (struct pending *)((uintptr_t)gateway.pending_free << 1 | 1);
	gateway.pending_free = slot;
}

struct pending *pending_by_rid(uint32_t rid)
{
	struct pending *p = rid > 0 && rid < gateway.pending_capacity ? gateway.pendings[rid] : NULL;

	return (uintptr_t)p & 1 ? NULL : p;
}

size_t pending_size(const struct ipc_request *request)
{
	return sizeof(struct pending) + request->address.len + request->caller.len + request->chain.len +
	       request->members.len + request->payload.len;
}

struct pending *pending_new(enum pending_kind kind, const struct ipc_request *request)
{
	size_t size = pending_size(request);
	struct pending *p = pool_take(size);
	char *at;

	if (p == NULL)
		return NULL;
	*p = (struct pending){ .kind = kind, .request = *request, .size = size };
	p->order = ++gateway.last_order;
	at = (char *)(p + 1);
	p->request.address = copy(&at, request->address);
	p->request.caller = copy(&at, request->caller);
	p->request.chain = copy(&at, request->chain);
	p->request.members = copy(&at, request->members);
	p->request.payload = copy(&at, request->payload);
	p->request.rid = kind == PENDING_TELL ? 0 : take_slot(p);
	if (kind == PENDING_CLIENT)
		gateway.in_flight.used += p->size;
	return p;
}

/* Nobody waits for its answer any more. */
static void detach(struct pending *p)
{
	struct session *s = p->session;

	timer_clear(&gateway.timers, &p->deadline);
	if (p->watch)
		watch_abandon(p->watch);
	p->watch = NULL;
	if (s == NULL) {
		if (p->kind == PENDING_RELAY && !p->answered)
			TAILQ_REMOVE(&gateway.peers[p->relay_peer].asked, p, asked_next);
		return;
	}
	p->session = NULL;
	TAILQ_REMOVE(&s->pendings, p, asked_next);
	s->inflight--;
	s->pending_bytes -= p->size;
	session_settled(s);
}

void pending_free(struct pending *p)
{
	detach(p);
	route_take_out(p);
	free(p->kept);
	if (p->request.rid)
		give_slot(p->request.rid);
	if (p->kind == PENDING_CLIENT)
		gateway.in_flight.used -= p->size;
	pool_give(p, p->size);
}

void pending_dismiss(struct pending *take_pending)
{
	if (take_pending->place == PENDING_SENT) {
		detach(take_pending);
		take_pending->answered = true;
	} else {
		pending_free(take_pending);
	}
}

/* All bytes of an ID, folded. */
static uint64_t print_of(struct bytes id)
{
	uint64_t words[CLIENT_ID_MAX / 8] = { 0 };

	memcpy(words, id.data, id.len);
	return (words[0] ^ words[1] * 3 ^ words[2] * 5 ^ words[3] * 7) + id.len;
}

void pending_attach(struct pending *p, struct session *s, struct bytes id)
{
	p->session = s;
	p->number = s->requests;
	p->id_print = print_of(id);
	p->id_length = id.len;
	memcpy(p->id, id.data, id.len);
	TAILQ_INSERT_TAIL(&s->pendings, p, asked_next);
	s->inflight++;
	s->pending_bytes += p->size;
}

struct pending *pending_find(const struct session *s, struct bytes id)
{
	uint64_t print = print_of(id);
	struct pending *p;

	TAILQ_FOREACH (p, &s->pendings, asked_next)
		if (p->id_print == print && p->id_length == id.len && memcmp(p->id, id.data, id.len) == 0)
			return p;
	return NULL;
}

bool pending_before(const struct session *s, uint64_t number)
{
	const struct pending *first = TAILQ_FIRST(&s->pendings);

	return first && first->number <= number;
}

void pending_forget_session(struct session *s)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&s->pendings)) != NULL)
		pending_dismiss(p);
}
