/* What becomes of requests when an actor worker or another node comes and goes. */
#include "worker/gateway/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "worker/gateway/pending.h"
#include "worker/gateway/relay.h"
#include "worker/gateway/reply.h"
#include "worker/gateway/route.h"
#include "worker/gateway/source.h"

/* Bytes that wait for a worker from which clients wait as well: whoever asks now and then
 * shall not be behind more. */
#define PAUSE_MARK (32u << 10)
/* Bytes that wait for a gateway of another node: it is asked to read before it asks more, … */
#define ASKER_PAUSE (1u << 20)
/* … and is not waited for where events alone are so many. */
#define ASKER_MOST (64u << 20)

/* --- kinds ------------------------------------------------------------------------- */

static const struct {
	const char *what;
	enum error_code gone; /* of what it had been handed when it was lost */
} kinds[] = {
	[PEER_WORKER] = { "an actor worker", ERROR_CRASHED },
	[PEER_NODE] = { "another node", ERROR_LOST },
	[PEER_ASKER] = { "a gateway of another node", ERROR_LOST },
};

static void use(uint32_t index, enum peer_kind kind)
{
	struct peer *peer = &gateway.peers[index];

	if (peer->used)
		return;
	*peer = (struct peer){ .kind = kind, .used = true, .up = true, .index = index, .next_fd = -1 };
	TAILQ_INIT(&peer->sent);
	TAILQ_INIT(&peer->told);
	TAILQ_INIT(&peer->held);
	TAILQ_INIT(&peer->asked);
	TAILQ_INSERT_TAIL(&gateway.used, peer, used_next);
}

static void disuse(struct peer *peer)
{
	TAILQ_REMOVE(&gateway.used, peer, used_next);
	peer->used = false;
}

struct peer *peer_owner(uint32_t owner)
{
	return owner < CONTROL_NODE(CONTROL_NODES_MAX) && gateway.peers[owner].used ? &gateway.peers[owner] : NULL;
}

uint32_t peer_bit(const struct peer *peer)
{
	return peer->kind == PEER_ASKER ? peer->index - GATEWAY_ASKER(0) + CONTROL_WORKERS_MAX : peer->index;
}

/* --- the end of a link --------------------------------------------------------------- */

/* What asks again without harm. */
static bool is_idempotent(const struct pending *p)
{
	return p->request.verb == IPC_GET || p->request.verb == IPC_WATCH;
}

static bool is_wanted(const struct pending *p)
{
	return !p->answered && (p->kind != PENDING_CLIENT || p->session);
}

/* What it never looked at waits for its successor; what asks again without harm is asked
 * again; of the rest nobody knows. */
static void sort(struct peer *peer, struct pending *p, bool looked_at)
{
	bool again = !looked_at || is_idempotent(p);

	if (p->kind == PENDING_TELL) {
		if (looked_at)
			pending_free(p);
		else
			route_rescue(p);
		return;
	}
	if (is_wanted(p) && again && !p->cancelled) {
		gateway.counters.retried++;
		route_rescue(p);
		return;
	}
	gateway.counters.crashed += !again && peer->kind == PEER_WORKER;
	gateway.counters.lost += !again && peer->kind == PEER_NODE;
	route_take_out(p);
	reply_failed(p, again ? ERROR_CANCELLED : kinds[peer->kind].gone);
}

static void sort_all(struct peer *peer, struct pending_list *list, uint64_t received)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(list)) != NULL)
		sort(peer, p, p->sent_end <= received);
}

static void sort_unseen(struct peer *peer, struct pending_list *list, uint64_t received)
{
	struct pending *p, *next;

	for (p = TAILQ_FIRST(list); p; p = next) {
		next = TAILQ_NEXT(p, place_next);
		if (p->sent_end > received)
			sort(peer, p, false);
	}
}

static void drop(struct peer *peer)
{
	uint64_t received = peer->ended ? peer->looked_at : peer->link->sent_bytes;

	link_fini(peer->link);
	free(peer->link);
	peer->link = NULL;
	peer->ended = false;
	peer->fence = FENCE_NONE;
	gateway.unsettled = true;
	if (peer->kind == PEER_NODE)
		child_peer_lost(&gateway.child, peer->index, peer->incarnation);
	source_lost(peer->index);
	sort_all(peer, &peer->told, received);
	sort_all(peer, &peer->sent, received);
	if (peer->kind != PEER_NODE) {
		source_forget_relays(peer);
		relay_forget(peer);
	}
	/* The map may have come before this end: its shards are a sibling's already. */
	route_send_held(peer);
	/* Whoever waited for its link to drain would wait for ever. */
	session_resume_all(&gateway);
}

bool peer_bye(struct peer *peer, struct bytes body)
{
	if (!ipc_decode_bye(body, &peer->looked_at))
		return false;
	peer->ended = true;
	sort_unseen(peer, &peer->told, peer->looked_at);
	sort_unseen(peer, &peer->sent, peer->looked_at);
	return true;
}

bool peer_is_away(const struct peer *peer)
{
	return peer->link == NULL || peer->ended;
}

static void on_drained(struct link *link)
{
	struct peer *peer = link->owner;

	if (peer->kind == PEER_ASKER)
		link_resume(link);
	else
		session_resume_all(&gateway);
}

static void on_lost(struct link *link, int error);

static const struct link_handlers link_handlers = {
	.on_frame = reply_frame, .on_lost = on_lost, .on_drained = on_drained,
};

/* Who owns shards is asked what waited for it. */
static void begin(struct peer *peer)
{
	peer->link->pause_mark = peer->kind == PEER_ASKER ? ASKER_PAUSE : PAUSE_MARK;
	if (peer->kind == PEER_ASKER)
		return;
	if (peer->kind == PEER_WORKER) {
		link_keep_short(peer->link);
		route_mark(peer->link);
	}
	source_take_up();
	route_send_held(peer);
}

static bool connect_to(struct peer *peer, uint32_t incarnation, int take_fd)
{
	int r;

	peer->link = memory_new(sizeof(*peer->link));
	peer->sync = 0;
	peer->ended = false;
	peer->incarnation = incarnation;
	r = link_init(peer->link, gateway.loop, take_fd, &link_handlers, peer);
	if (r < 0) {
		log_error("a link cannot be used", -r, F_TEXT("peer", kinds[peer->kind].what), F_UINT("index", peer->index));
		free(peer->link);
		peer->link = NULL;
		return false;
	}
	begin(peer);
	return true;
}

static void on_lost(struct link *link, int error)
{
	struct peer *peer = link->owner;
	int fd = peer->next_fd;

	if (!gateway.draining)
		log_warn("a link is lost", -error, F_TEXT("peer", kinds[peer->kind].what), F_UINT("index", peer->index),
		         F_TEXT("name", peer->name));
	drop(peer);
	peer->next_fd = -1;
	if (fd >= 0)
		(void)connect_to(peer, peer->next_incarnation, fd);
	else if (peer->kind == PEER_ASKER)
		disuse(peer);
}

void peer_connect(struct peer *peer, uint32_t incarnation, int take_fd)
{
	if (peer->link == NULL) {
		(void)connect_to(peer, incarnation, take_fd);
		return;
	}
	/* Its predecessor is dead, or it would not be there. */
	if (peer->next_fd >= 0)
		close(peer->next_fd);
	peer->next_fd = take_fd;
	peer->next_incarnation = incarnation;
	if (peer->kind == PEER_NODE)
		link_close(peer->link);
}

void peer_ask(uint32_t incarnation, int take_fd)
{
	uint32_t i = 0;

	while (i < GATEWAY_ASKERS_MAX && gateway.peers[GATEWAY_ASKER(i)].used)
		i++;
	if (i == GATEWAY_ASKERS_MAX) {
		log_warnx("too many gateways of other nodes ask here");
		close(take_fd);
		return;
	}
	use(GATEWAY_ASKER(i), PEER_ASKER);
	if (!connect_to(&gateway.peers[GATEWAY_ASKER(i)], incarnation, take_fd))
		disuse(&gateway.peers[GATEWAY_ASKER(i)]);
}

/* --- nodes -------------------------------------------------------------------------- */

/* What only a node that is down could do is not waited for; watches are. */
static void refuse_held(struct peer *peer)
{
	struct pending *p, *next;

	for (p = TAILQ_FIRST(&peer->held); p; p = next) {
		next = TAILQ_NEXT(p, place_next);
		if (p->kind != PENDING_REWATCH)
			reply_unreachable(p, peer);
	}
}

void peer_node(const struct control_node *m)
{
	struct peer *peer = &gateway.peers[CONTROL_NODE(m->slot)];

	if (!m->member && !peer->used)
		return;
	use(peer->used ? peer->index : CONTROL_NODE(m->slot), PEER_NODE);
	snprintf(peer->name, sizeof(peer->name), "%.*s", (int)m->name.len, m->name.len > 0 ? m->name.data : "");
	peer->up = m->member && m->up;
	if (peer->up)
		return;
	/* One that is only held up would keep what was sent to it from being answered. Who has left
	 * answers it, says goodbye (IPC_BYE) and ends the link. */
	if (peer->link != NULL && m->member)
		link_close(peer->link);
	refuse_held(peer);
}

static void bound(struct peer *peer)
{
	if (peer->kind != PEER_ASKER || peer->link->closing || buffer_length(&peer->link->out) <= ASKER_MOST)
		return;
	log_warnx("another node does not read its answers, the link is closed", F_UINT("index", peer->index));
	link_close(peer->link);
}

/* A tell is done with as soon as the kernel has it. */
static void forget_told(struct peer *peer)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&peer->told)) != NULL && p->sent_end <= peer->link->sent_bytes)
		pending_free(p);
}

bool peer_flush_all(void)
{
	struct peer *peer;
	bool again = false;

	TAILQ_FOREACH (peer, &gateway.used, used_next) {
		struct link *link = peer->link;

		if (link == NULL)
			continue;
		if (!link->writing && buffer_length(&link->out) > 0) {
			link_flush(link);
			again |= link->was_full || link->closing;
		}
		forget_told(peer);
		bound(peer);
		again |= link->closing;
	}
	return again;
}

void peer_init_all(uint32_t workers)
{
	TAILQ_INIT(&gateway.used);
	for (uint32_t i = 0; i < workers; i++)
		use(i, PEER_WORKER);
}

void peer_fini_all(void)
{
	struct peer *peer;
	struct pending *p;

	while ((peer = TAILQ_FIRST(&gateway.used)) != NULL) {
		while ((p = TAILQ_FIRST(&peer->told)) != NULL)
			pending_free(p);
		if (peer->next_fd >= 0)
			close(peer->next_fd);
		if (peer->link != NULL)
			link_fini(peer->link);
		free(peer->link);
		peer->link = NULL;
		disuse(peer);
	}
}
