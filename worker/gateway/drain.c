/* How a gateway comes to its end. */
#include "worker/gateway/drain.h"

#include <sysexits.h>

#include "worker/gateway/accept.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/relay.h"

/* Other nodes' requests are taken for so long as some are under way, ms: those may come back
 * here with further ones before they end. */
#define TAKE_MS 1000
/* What was written last is handed to the kernel within so long, by who reads at all. */
#define FLUSH_MS 1000

enum step {
	SERVING,
	SESSIONS,   /* until clients have their answers */
	ASKERS,     /* until other nodes have theirs, or TAKE_MS are over */
	ANSWERS,    /* nothing more is taken from them; until they have theirs */
	LAST_WORDS, /* until all is written, or FLUSH_MS are over */
	DONE,
};

static enum step step;
static struct timer limit;

static void on_limit(struct timer *timer)
{
	(void)timer; /* the next step looks at it */
}

static bool is_over(void)
{
	return limit.place == 0;
}

static void enter(enum step next, uint64_t limit_ms)
{
	step = next;
	timer_clear(&gateway.timers, &limit);
	if (limit_ms > 0)
		timer_set(&gateway.timers, &limit, gateway.now_ms + limit_ms, on_limit);
}

void drain_begin(void)
{
	struct session *s;

	gateway.draining = true;
	accept_stop();
	TAILQ_FOREACH (s, &gateway.sessions, all)
		session_drain(s);
	enter(SESSIONS, 0);
}

static void say_goodbye(void)
{
	struct peer *peer;

	relay_return_waiting();
	TAILQ_FOREACH (peer, &gateway.used, used_next) {
		if (peer->kind != PEER_ASKER || peer->link == NULL || peer->link->closing)
			continue;
		link_pause(peer->link);
		ipc_encode_bye(link_begin(peer->link), peer->link->taken_bytes);
		link_end(peer->link);
	}
}

/* Answers, and what actors here have told those of other nodes. */
static bool all_is_written(void)
{
	struct peer *peer;

	TAILQ_FOREACH (peer, &gateway.used, used_next) {
		struct link *link = peer->link;

		if (link && !link->writing)
			link_flush(link);
		if (link && !link->closing && !link->deaf && buffer_length(&link->out) > 0)
			return false;
	}
	return true;
}

void drain_run(void)
{
	if (step == SESSIONS && TAILQ_EMPTY(&gateway.sessions))
		enter(ASKERS, TAKE_MS);
	if (step == ASKERS && (!relay_serves_nodes() || is_over())) {
		say_goodbye();
		enter(ANSWERS, 0);
	}
	if (step == ANSWERS && !relay_serves_nodes())
		enter(LAST_WORDS, FLUSH_MS);
	if (step == LAST_WORDS && (all_is_written() || is_over())) {
		enter(DONE, 0);
		child_exit(&gateway.child, EX_OK);
	}
}
