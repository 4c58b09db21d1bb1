/* Owns the dialogues with other nodes' supervisors: the one to the leader, and those of
 * nodes that have dialled this one. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"

#define REDIAL 100 /* ms */

bool is_of_this_cluster(const struct cluster *c, const struct cluster_hello *hello)
{
	return bytes_equal(hello->cluster, (struct bytes){ (const char *)c->node->identity.cluster, CLUSTER_ID_SIZE });
}

/* --- one dialogue ----------------------------------------------------------------- */

/* Of the leader's answer the proposer learns only that it must ask somebody else: what was
 * taken it will find in the log. */
static bool on_taken(struct dialogue *d, struct bytes body)
{
	struct talk_taken m;

	if (d->incoming || !talk_decode_taken(body, &m))
		return false;
	if (m.code != TALK_DONE)
		proposal_again(d->cluster);
	return true;
}

struct question {
	struct dialogue *dialogue; /* NULL: it has ended */
	struct cluster *cluster;
	uint64_t rid;
};

static void answer_taken(struct dialogue *d, uint64_t rid, enum talk_code code)
{
	struct cluster *c = d->cluster;
	const char *leader = "";
	uint64_t id = 0;

	if (code == TALK_NOT_LEADER && c->engine != NULL)
		engine_leader(c->engine, &id, &leader);
	talk_encode_taken(link_begin(&d->link),
	                  &(struct talk_taken){ rid, code, bytes_of(leader != NULL ? leader : "") });
	link_end(&d->link);
}

static struct dialogue *still_there(const struct cluster *c, const struct dialogue *wanted)
{
	struct dialogue *d;

	TAILQ_FOREACH (d, &c->dialogues, next)
		if (d == wanted && !d->ended)
			return d;
	return NULL;
}

static void on_engine(void *owner, enum engine_status status)
{
	struct question *q = owner;
	struct dialogue *d = still_there(q->cluster, q->dialogue);

	if (d != NULL)
		answer_taken(d, q->rid, status == ENGINE_DONE ? TALK_DONE : status == ENGINE_NOT_LEADER ? TALK_NOT_LEADER : TALK_NOT_NOW);
	free(q);
}

static bool on_propose(struct dialogue *d, struct bytes body)
{
	struct talk_propose m;
	struct question *q;

	if (!d->incoming || !d->kin || !talk_decode_propose(body, &m))
		return false;
	if (!cluster_leads(d->cluster)) {
		answer_taken(d, m.rid, TALK_NOT_LEADER);
		return true;
	}
	if (machine_member(&d->cluster->machine, d->node) == NULL) {
		answer_taken(d, m.rid, TALK_NOT_NOW); /* it is none yet, as far as is known here */
		return true;
	}
	q = memory_new(sizeof(*q));
	*q = (struct question){ d, d->cluster, m.rid };
	engine_propose(d->cluster->engine, m.command, on_engine, q);
	return true;
}

static bool on_join(struct dialogue *d, struct bytes body)
{
	return d->incoming && admission_ask(d, body);
}

static const struct {
	bool (*handle)(struct dialogue *d, struct bytes body);
} frames[] = {
	[TALK_PROPOSE] = { on_propose },
	[TALK_TAKEN] = { on_taken },
	[TALK_JOIN] = { on_join },
};

static void on_frame(struct link *link, struct bytes body)
{
	struct dialogue *d = link->owner;
	unsigned type = talk_type(body);

	if (d->ended)
		return;
	if (d->on_frame != NULL)
		d->on_frame(d, body);
	else if (type >= sizeof(frames) / sizeof(frames[0]) || frames[type].handle == NULL || !frames[type].handle(d, body)) {
		log_warnx("another node sent what is not understood", F_TEXT("node", d->name), F_UINT("type", type));
		link_close(link);
	}
}

static void on_lost(struct link *link, int error)
{
	struct dialogue *d = link->owner;
	struct cluster *c = d->cluster;

	(void)error;
	if (c->leader == d) {
		c->leader = NULL;
		c->leader_retry_at = clock_now_ms() + REDIAL;
		proposal_again(c);
	}
	admission_forget(d);
	if (!d->ended && d->on_ended != NULL)
		d->on_ended(d);
	TAILQ_REMOVE(&c->dialogues, d, next);
	link_fini(&d->link);
	free(d->name);
	free(d->address);
	free(d);
}

static const struct link_handlers handlers = { .on_frame = on_frame, .on_lost = on_lost };

static char *text_of(struct bytes s)
{
	char *text = memory_new(s.len + 1);

	if (s.len > 0)
		memcpy(text, s.data, s.len);
	return text;
}

struct dialogue *dialogue_new(struct cluster *c, const struct cluster_hello *hello, int take_fd, bool incoming)
{
	struct dialogue *d = memory_new(sizeof(*d));
	int error = link_init(&d->link, c->node->loop, take_fd, &handlers, d);

	if (error < 0) {
		log_warn("a connection of another node cannot be used", -error);
		free(d);
		return NULL;
	}
	d->cluster = c;
	d->incoming = incoming;
	d->node = hello->node;
	d->kin = is_of_this_cluster(c, hello);
	d->name = text_of(hello->name);
	d->address = text_of(hello->address);
	TAILQ_INSERT_TAIL(&c->dialogues, d, next);
	return d;
}

void dialogue_end(struct dialogue *d)
{
	d->ended = true;
	link_close(&d->link);
}

void dialogue_end_all(struct cluster *c)
{
	struct dialogue *d;

	tunnel_cancel(c->node, c->leader_dial);
	tunnel_cancel(c->node, c->outcast_dial);
	c->leader_dial = 0;
	c->leader = NULL;
	TAILQ_FOREACH (d, &c->dialogues, next)
		dialogue_end(d);
}

/* --- to the leader ---------------------------------------------------------------- */

static void on_dialed(void *owner, const struct control_dialed *result, int take_fd)
{
	struct cluster *c = owner;

	c->leader_dial = 0;
	c->leader_retry_at = clock_now_ms() + REDIAL;
	if (result->code == CONTROL_DIAL_OK)
		c->leader = dialogue_new(c, &result->hello, take_fd, false);
	if (c->leader != NULL)
		cluster_soon(c);
}

struct dialogue *dialogue_with_leader(struct cluster *c)
{
	const char *address = NULL;
	uint64_t id = 0;

	if (c->engine == NULL || !engine_leader(c->engine, &id, &address) || id == cluster_self_id(c))
		return NULL;
	if (c->leader != NULL && c->leader->node != id) {
		dialogue_end(c->leader);
		c->leader = NULL;
	}
	if (c->leader == NULL && c->leader_dial == 0 && clock_now_ms() >= c->leader_retry_at)
		c->leader_dial = tunnel_dial(c->node, CLUSTER_JOIN, bytes_of(address), (struct bytes){ 0 }, on_dialed, c);
	return c->leader;
}
