/* The table of calls under way. */
#include "worker/actor/call.h"

#include <stdlib.h>

#include "common/memory.h"
#include "worker/actor/run.h"
#include "worker/actor/subscription.h"
#include "worker/actor/worker.h"

static struct bytes key(const uint32_t *rid)
{
	return (struct bytes){ (const char *)rid, sizeof(*rid) };
}

static void end(struct worker *w, struct call *c)
{
	timer_clear(&w->timers, &c->deadline);
	map_remove(&w->calls, key(&c->rid));
	free(c);
}

/* Ends the call with an answer for whoever waits. */
static void answer(struct worker *w, struct call *c, const struct host_answer *given)
{
	struct turn_private *turn = c->turn;
	uint32_t rid = c->rid;

	end(w, c);
	if (turn)
		run_answer(w, turn, given);
	else
		subscription_answer(w, rid, given);
}

static void on_deadline(struct timer *timer)
{
	answer(worker_self, (struct call *)timer, &(struct host_answer){ .code = ERROR_TIMEOUT });
}

struct call *call_begin(struct worker *w, struct turn_private *turn, uint16_t peer, uint64_t deadline)
{
	struct call *c = memory_new(sizeof(*c));

	do
		c->rid = ++w->next_rid;
	while (c->rid == 0 || map_get(&w->calls, key(&c->rid)));
	c->turn = turn;
	c->peer = peer;
	map_put(&w->calls, key(&c->rid), c);
	if (deadline)
		timer_set(&w->timers, &c->deadline, deadline, on_deadline);
	return c;
}

void call_forget(struct worker *w, uint32_t rid)
{
	struct call *c = map_get(&w->calls, key(&rid));

	if (c)
		end(w, c);
}

void call_reply(struct worker *w, const struct ipc_reply *reply)
{
	struct call *c = map_get(&w->calls, key(&reply->rid));

	/* Turned away here while its shard was taken from this worker by force. */
	enum error_code code = reply->code == ERROR_MOVED ? ERROR_UNREACHABLE : reply->code;

	if (c)
		answer(w, c, &(struct host_answer){ code, reply->payload });
}

void call_redirect(struct worker *w, uint32_t rid, uint16_t peer)
{
	struct call *c = map_get(&w->calls, key(&rid));

	if (c)
		c->peer = peer;
}

void call_lose_peer(struct worker *w, uint16_t peer)
{
	uint32_t *lost = NULL;
	size_t count = 0, at = 0;
	void *value;

	if (w->calls.count > 0)
		lost = memory_grow(NULL, w->calls.count, sizeof(*lost));
	while (map_next(&w->calls, &at, NULL, &value))
		if (((struct call *)value)->peer == peer)
			lost[count++] = ((struct call *)value)->rid;
	for (size_t i = 0; i < count; i++) {
		struct call *c = map_get(&w->calls, key(&lost[i]));

		if (c)
			answer(w, c, &(struct host_answer){ .code = ERROR_LOST });
	}
	free(lost);
}
