/* Answers that are ahead of events. */
#include "worker/gateway/kept.h"

#include <stdlib.h>

#include "common/memory.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/peer.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/route.h"
#include "worker/gateway/source.h"
#include "worker/gateway/watch.h"

/* What its watchers are told does not reach up to that version yet. */
static bool is_ahead(const struct subject *s, struct version v)
{
	return s->renewal != NULL && (s->version.epoch != v.epoch || s->version.number < v.number);
}

static bool session_watches(const struct session *session, const struct subject *s)
{
	size_t at = 0;
	void *watch;

	while (session != NULL && map_next(&session->watches, &at, NULL, &watch))
		if (((struct watch *)watch)->subject == s)
			return true;
	return false;
}

/* Who asked this watches the actor through here. */
static bool asker_watches(const struct pending *p, const struct subject *s)
{
	if (p->kind == PENDING_CLIENT)
		return session_watches(p->session, s);
	return p->kind == PENDING_RELAY && subject_has_relay(s, peer_bit(&gateway.peers[p->relay_peer]));
}

static struct ipc_reply *copy(const struct ipc_reply *reply)
{
	struct ipc_reply *kept = memory_new(sizeof(*kept) + reply->payload.len);

	*kept = *reply;
	kept->payload.data = (char *)(kept + 1);
	if (reply->payload.len > 0)
		memcpy(kept + 1, reply->payload.data, reply->payload.len);
	return kept;
}

bool kept_takes(struct pending *p, const struct ipc_reply *reply)
{
	struct subject *s;

	if (p->answered || !reply->versioned)
		return false;
	s = watch_find_subject(p->request.address);
	if (s == NULL || !is_ahead(s, reply->version) || !asker_watches(p, s))
		return false;
	route_take_out(p);
	p->kept = copy(reply);
	p->place = PENDING_ANSWERED;
	TAILQ_INSERT_TAIL(&s->kept, p, place_next);
	/* The owner has got on: it may have room for the question by now. */
	source_hurry(s);
	return true;
}

void kept_release(struct subject *s)
{
	struct pending *p, *next;

	for (p = TAILQ_FIRST(&s->kept); p; p = next) {
		next = TAILQ_NEXT(p, place_next);
		if (!is_ahead(s, p->kept->version) || !asker_watches(p, s))
			reply_kept(p);
	}
}
