/* Owns commands of this node on their way into the replicated log. An entry of the log is
 * the proposer's id and number before the command, so that the proposer finds its own in
 * what it applies: that the leader has taken a command says nothing yet. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"

#define RESEND 400 /* ms without an outcome after which it is proposed again: commands bear it */
#define HEAD 16    /* bytes before the command */

static void free_proposal(struct cluster *c, struct proposal *p)
{
	TAILQ_REMOVE(&c->proposals, p, next);
	buffer_fini(&p->entry);
	free(p);
}

static void end(struct cluster *c, struct proposal *p, enum proposal_outcome outcome, const char *reason)
{
	proposal_done on_done = p->on_done;
	void *owner = p->owner;

	free_proposal(c, p);
	if (on_done != NULL)
		on_done(c, owner, outcome, reason);
}

void proposal_new(struct cluster *c, struct buffer *take_command, uint64_t patience_ms, bool once,
                  proposal_done on_done, void *owner)
{
	const uint64_t head[2] = { cluster_self_id(c), ++c->last_rid };
	struct proposal *p = memory_new(sizeof(*p));

	*p = (struct proposal){ .rid = head[1], .until = clock_now_ms() + patience_ms, .once = once,
	                        .on_done = on_done, .owner = owner };
	buffer_append(&p->entry, head, sizeof(head));
	buffer_append_bytes(&p->entry, buffer_bytes(take_command));
	buffer_fini(take_command);
	TAILQ_INSERT_TAIL(&c->proposals, p, next);
	cluster_soon(c);
}

void proposal_forget(struct cluster *c, const void *owner)
{
	struct proposal *p;

	TAILQ_FOREACH (p, &c->proposals, next) {
		if (p->owner != owner)
			continue;
		p->owner = NULL;
		p->on_done = NULL;
	}
}

/* --- sending ---------------------------------------------------------------------- */

static void on_engine(void *owner, enum engine_status status)
{
	struct cluster *c = owner;

	if (status != ENGINE_DONE) /* what has its outcome is gone from the list */
		proposal_again(c);
}

static void send_out(struct cluster *c, struct proposal *p, uint64_t now)
{
	if (cluster_leads(c)) {
		p->sent_at = now;
		engine_propose(c->engine, buffer_bytes(&p->entry), on_engine, c);
	} else if (dialogue_with_leader(c) != NULL) {
		p->sent_at = now;
		talk_encode_propose(link_begin(&c->leader->link),
		                    &(struct talk_propose){ p->rid, buffer_bytes(&p->entry) });
		link_end(&c->leader->link);
	}
}

void proposal_run(struct cluster *c, uint64_t now)
{
	struct proposal *p, *next;

	for (p = TAILQ_FIRST(&c->proposals); p != NULL; p = next) {
		next = TAILQ_NEXT(p, next);
		if (p->until <= now)
			end(c, p, PROPOSAL_UNKNOWN, NULL);
		else if (c->engine != NULL && (p->sent_at == 0 || (!p->once && now - p->sent_at > RESEND)))
			send_out(c, p, now);
	}
}

void proposal_again(struct cluster *c)
{
	struct proposal *p;

	TAILQ_FOREACH (p, &c->proposals, next)
		if (!p->once)
			p->sent_at = 0;
}

/* --- the log ---------------------------------------------------------------------- */

void proposal_apply(struct cluster *c, struct bytes entry)
{
	uint64_t head[2];
	struct proposal *p;

	if (entry.len < HEAD)
		return;
	memcpy(head, entry.data, sizeof(head));
	machine_apply(&c->machine, (struct bytes){ entry.data + HEAD, entry.len - HEAD }, &c->result);
	if (head[0] != cluster_self_id(c))
		return;
	TAILQ_FOREACH (p, &c->proposals, next) {
		if (p->rid != head[1])
			continue;
		end(c, p, c->result.code == MACHINE_REFUSED ? PROPOSAL_REFUSED : PROPOSAL_DONE, c->result.reason);
		return;
	}
}

void proposal_end_all(struct cluster *c)
{
	struct proposal *p;

	while ((p = TAILQ_FIRST(&c->proposals)) != NULL)
		end(c, p, PROPOSAL_UNKNOWN, NULL);
}
