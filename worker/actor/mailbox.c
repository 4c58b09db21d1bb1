/* Messages on their way into actors. */
#include "worker/actor/mailbox.h"

#include <assert.h>

#include "common/log.h"
#include "proto/msgpack.h"
#include "worker/actor/call.h"
#include "worker/actor/outbox.h"
#include "worker/actor/release.h"
#include "worker/actor/room.h"
#include "worker/actor/shelf.h"
#include "worker/actor/wake.h"
#include "worker/actor/worker.h"

static void on_expiry(struct timer *timer)
{
	struct message *m = (struct message *)((char *)timer - offsetof(struct message, expiry));

	/* It stays queued, answered, and is passed over when its turn comes. */
	outbox_refuse(worker_self, m, ERROR_EXPIRED, NULL, (struct bytes){ NULL, 0 });
}

/* Its sender does not hear of it; the log does, now and then. */
static void drop(struct worker *w, const struct ipc_request *request, enum error_code code)
{
	w->counters.dropped_tells++;
	if (log_now_and_then(w->counters.dropped_tells))
		log_warnx("a message of an actor is dropped", F_BYTES("address", request->address),
		          F_BYTES("method", message_method(request)), F_TEXT("why", error_rows[code].name),
		          F_UINT("so_far", w->counters.dropped_tells));
}

static void refuse(struct worker *w, uint16_t peer, const struct ipc_request *request,
                   enum error_code code, const char *key, struct bytes text)
{
	struct message *m;

	if (request->verb == IPC_TELL) {
		drop(w, request, code);
		return;
	}
	m = message_new(NULL, request, peer);
	if (m == NULL)
		return;
	TAILQ_INSERT_TAIL(&w->unanswered, m, unanswered);
	outbox_refuse(w, m, code, key, text);
	message_free(m);
}

static bool may_take(const struct actor *a)
{
	return a->state == ACTOR_ACTIVE && a->running == NULL &&
	       (a->turn_count == 0 || a->class->reentrant);
}

/* Where its mail waits: behind others' where its turns are long, or nobody is in a hurry. */
static struct actor_list *queue_for(struct worker *w, const struct actor *a)
{
	return a->is_slow ? &w->slow : a->prompt == 0 ? &w->ready_bulk : &w->ready;
}

void mailbox_unready(struct actor *a)
{
	if (!a->is_ready)
		return;
	TAILQ_REMOVE(a->queue, a, ready);
	a->is_ready = false;
}

void mailbox_wake(struct worker *w, struct actor *a)
{
	if (a->mail == 0 || (a->is_ready && a->queue == queue_for(w, a)))
		return;
	mailbox_unready(a);
	if (a->state == ACTOR_PASSIVE) {
		wake_begin(w, a);
		return;
	}
	if (!may_take(a))
		return;
	a->is_ready = true;
	a->queue = queue_for(w, a);
	TAILQ_INSERT_TAIL(a->queue, a, ready);
}

static void enqueue(struct worker *w, struct actor *a, struct message *m)
{
	m->queued = true;
	TAILQ_INSERT_TAIL(&a->mailbox, m, mail);
	a->mail++;
	a->prompt += !m->request.bulk;
	if (m->peer != PEER_NOBODY)
		TAILQ_INSERT_TAIL(&w->unanswered, m, unanswered);
	if (m->request.deadline && (a->turn_count > 0 || a->state != ACTOR_ACTIVE))
		timer_set(&w->timers, &m->expiry, m->request.deadline, on_expiry);
	mailbox_wake(w, a);
}

/* Held back, because it has killed workers before. */
static bool is_held(const struct worker *w, const struct ipc_request *request, const char **ret_key,
                    struct bytes *ret_text)
{
	static const char *const holds[] = { [QUARANTINE_MESSAGE] = "message", [QUARANTINE_ACTOR] = "actor" };
	enum quarantine_hold hold = quarantine_check(&w->quarantine, &w->hash_key, request);

	if (hold == QUARANTINE_FREE)
		return false;
	*ret_key = "held";
	*ret_text = bytes_of(holds[hold]);
	return true;
}

/* While the lease is over a gateway gets its requests back, and from then on those that
 * follow up to its fence: with a new lease they would overtake. Without an answer there is
 * nothing to hand back: a tell waits. */
static bool is_handed_back(struct worker *w, uint16_t peer, const struct ipc_request *request)
{
	if (request->verb == IPC_TELL)
		return false;
	if (peer >= w->gateway_count)
		return worker_lease_over(w);
	w->gateways[peer].handed_back |= worker_lease_over(w);
	return w->gateways[peer].handed_back;
}

static bool takes_shard(struct worker *w, uint16_t peer, const struct ipc_request *request)
{
	if (request->shard >= w->shard_count || w->shards[request->shard].epoch != request->epoch ||
	    is_handed_back(w, peer, request))
		return false;
	return worker_owns(w, request->shard) || release_admits(w, peer, request);
}

/* What keeps a request from being queued; ERROR_NONE: nothing. */
static enum error_code obstacle(struct worker *w, uint16_t peer, const struct ipc_request *request,
                                const struct actor *a, const char **ret_key, struct bytes *ret_text)
{
	const struct class *c = a && a->class ? a->class : catalog_match(&w->catalog, request->address);

	*ret_key = NULL;
	*ret_text = (struct bytes){ NULL, 0 };
	if (!takes_shard(w, peer, request))
		return ERROR_MOVED;
	if (a == NULL && !address_valid(request->address))
		return ERROR_BAD_ARG;
	if (c == NULL) {
		*ret_key = "address";
		*ret_text = request->address;
		return ERROR_NO_ACTOR;
	}
	if (is_held(w, request, ret_key, ret_text))
		return ERROR_QUARANTINED;
	if (request->deadline && w->now_ns / 1000000 >= request->deadline)
		return ERROR_EXPIRED;
	if (!c->reentrant && message_in_chain(request, request->address)) {
		*ret_key = "address";
		*ret_text = request->address;
		return ERROR_DEADLOCK;
	}
	if (a && a->mail >= w->config->actors.mailbox) {
		*ret_key = "limit";
		*ret_text = BYTES_LITERAL("mailbox");
		return ERROR_BUSY;
	}
	if (!room_for_mail(message_size(request))) {
		*ret_key = "limit";
		*ret_text = BYTES_LITERAL("memory");
		return ERROR_BUSY;
	}
	return ERROR_NONE;
}

bool mailbox_pass_on(struct worker *w, uint16_t peer, const struct ipc_request *request)
{
	uint16_t gateway = peer != PEER_SELF ? peer : (uint16_t)(worker_shard(w, request->caller) % w->gateway_count);
	struct buffer body = { 0 };

	if (peer != PEER_SELF && request->verb != IPC_TELL)
		return false;
	if (request->verb != IPC_TELL)
		call_redirect(w, request->rid, gateway);
	ipc_encode_request(&body, request);
	outbox_send(w, gateway, buffer_bytes(&body));
	buffer_fini(&body);
	return true;
}

void mailbox_receive(struct worker *w, uint16_t peer, const struct ipc_request *request)
{
	struct actor *a;
	const char *key;
	struct bytes text;
	enum error_code code;
	struct message *m;

	shelf_relieve(w, message_size(request));
	a = actor_find(w, request->address);
	code = obstacle(w, peer, request, a, &key, &text);
	if (code == ERROR_MOVED && (release_keep_early(w, peer, request) || mailbox_pass_on(w, peer, request)))
		return;
	if (code == ERROR_NONE) {
		if (a == NULL)
			a = actor_get(w, request->address, request->shard);
		m = message_new(a, request, request->verb == IPC_TELL ? PEER_NOBODY : peer);
		if (m) {
			m->internal = bytes_equal(request->caller, request->address);
			enqueue(w, a, m);
			return;
		}
		code = ERROR_BUSY;
		key = "limit";
		text = BYTES_LITERAL("memory");
	}
	refuse(w, peer, request, code, key, text);
}

void mailbox_post(struct worker *w, struct actor *a, struct bytes method, struct bytes arguments)
{
	struct buffer members = { 0 };
	struct ipc_request request = {
		.verb = IPC_TELL, .address = actor_address(a), .caller = actor_address(a),
		.shard = a->shard, .payload = arguments,
	};
	struct message *m = NULL;
	const char *key;
	struct bytes text;

	if (a->mail >= w->config->actors.mailbox || !room_for_mail(message_size(&request))) {
		log_warnx("a full mailbox drops its actor's own message", F_BYTES("address", actor_address(a)),
		          F_BYTES("method", method));
		return;
	}
	msgpack_write_str(&members, method);
	request.members = buffer_bytes(&members);
	if (is_held(w, &request, &key, &text))
		drop(w, &request, ERROR_QUARANTINED);
	else
		m = message_new(a, &request, PEER_NOBODY);
	buffer_fini(&members);
	if (m == NULL)
		return;
	m->internal = true;
	enqueue(w, a, m);
}

void mailbox_cancel(struct worker *w, uint16_t peer, uint32_t rid)
{
	struct message *m;

	TAILQ_FOREACH (m, &w->unanswered, unanswered)
		if (m->peer == peer && m->request.rid == rid)
			break;
	if (m == NULL)
		return;
	m->cancelled = true;
	outbox_refuse(w, m, ERROR_CANCELLED, NULL, (struct bytes){ NULL, 0 });
}

void mailbox_forget_peer(struct worker *w, uint16_t peer)
{
	struct message *m, *next;

	for (m = TAILQ_FIRST(&w->unanswered); m; m = next) {
		next = TAILQ_NEXT(m, unanswered);
		if (m->peer != peer)
			continue;
		TAILQ_REMOVE(&w->unanswered, m, unanswered);
		m->peer = PEER_NOBODY;
	}
}

static bool is_stale(const struct message *m)
{
	return m->request.verb != IPC_TELL && m->peer == PEER_NOBODY;
}

struct message *mailbox_take(struct worker *w, struct actor *a)
{
	struct message *m;

	while ((m = TAILQ_FIRST(&a->mailbox)) != NULL) {
		TAILQ_REMOVE(&a->mailbox, m, mail);
		a->mail--;
		a->prompt -= !m->request.bulk;
		m->queued = false;
		timer_clear(&w->timers, &m->expiry);
		/* Answered while it waited (expired, cancelled, its peer died): it never runs. */
		if (!is_stale(m))
			return m;
		message_free(m);
	}
	return NULL;
}

void mailbox_refuse_all(struct worker *w, struct actor *a, enum error_code code, const char *key,
                        struct bytes text)
{
	struct message *m;

	while ((m = mailbox_take(w, a)) != NULL) {
		bool ours = m->peer == PEER_SELF || (m->request.verb == IPC_TELL && !m->internal);

		if (code == ERROR_MOVED && ours)
			mailbox_pass_on(w, PEER_SELF, &m->request);
		else
			outbox_refuse(w, m, code, key, text);
		mailbox_done(w, m);
	}
}

void mailbox_hand_back(struct worker *w, struct actor *a)
{
	struct message *m, *next;

	for (m = TAILQ_FIRST(&a->mailbox); m; m = next) {
		next = TAILQ_NEXT(m, mail);
		if (release_admits(w, m->peer, &m->request))
			continue;
		TAILQ_REMOVE(&a->mailbox, m, mail);
		a->mail--;
		a->prompt -= !m->request.bulk;
		m->queued = false;
		if (m->peer < w->gateway_count && worker_lease_over(w))
			w->gateways[m->peer].handed_back = true;
		outbox_refuse(w, m, ERROR_MOVED, NULL, (struct bytes){ NULL, 0 });
		mailbox_done(w, m);
	}
}

void mailbox_done(struct worker *w, struct message *m)
{
	if (m == NULL)
		return;
	assert(!m->queued);
	timer_clear(&w->timers, &m->expiry);
	if (m->peer != PEER_NOBODY)
		TAILQ_REMOVE(&w->unanswered, m, unanswered);
	message_free(m);
}
