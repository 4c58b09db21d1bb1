/* Owns this node's way out of the cluster, its drains, and the removal of members that are
 * gone: the log is told, the leader plans the moves, what is left is counted. */
#include <errno.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/cluster/parts.h"

#define PATIENCE 5000 /* ms that an entry of the log may take */
#define NOTE 1000     /* ms between two notes of how many shards are left */

enum step {
	TELLING,  /* the log is told that this node is to be emptied */
	EMPTYING, /* its shards move */
	PARTING,  /* the log is told that it is gone */
};

static void propose(struct cluster *c, struct buffer *take_command, proposal_done on_done)
{
	proposal_new(c, take_command, PATIENCE, false, on_done, &c->operation);
}

static void no_quorum(struct cluster *c)
{
	operation_end(c, ADMIN_TEMPORARY, "no-quorum", "the cluster has no quorum: nothing can be decided at present");
}

static void on_told(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	struct operation *o = owner;

	if (o->kind == OPERATION_NONE)
		return;
	if (outcome == PROPOSAL_UNKNOWN) {
		no_quorum(c);
	} else if (outcome == PROPOSAL_REFUSED) {
		operation_end(c, ADMIN_NEGATIVE, "refused", reason);
	} else {
		o->step = EMPTYING;
		o->told = UINT32_MAX;
		cluster_soon(c);
	}
}

static void on_removed(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	struct operation *o = owner;

	(void)reason;
	if (o->kind != OPERATION_LEAVE)
		return;
	if (outcome == PROPOSAL_DONE)
		cluster_left(c);
	else
		o->step = EMPTYING; /* again: something was given to it, or nobody answered */
}

static void note_progress(struct cluster *c, uint32_t left, uint64_t now)
{
	struct operation *o = &c->operation;

	if (left == o->told || (o->told != UINT32_MAX && left > 0 && now < o->told_at + NOTE))
		return;
	o->told = left;
	o->told_at = now;
	operation_note(c, "shards=%u of=%u", left, c->machine.shard_count);
}

void leave_run(struct cluster *c, uint64_t now)
{
	struct operation *o = &c->operation;
	uint32_t left = machine_shares(&c->machine, cluster_self_id(c));
	struct buffer command = { 0 };

	if ((o->kind != OPERATION_LEAVE && o->kind != OPERATION_DRAIN) || o->step != EMPTYING)
		return;
	note_progress(c, left, now);
	if (left > 0 && o->kind == OPERATION_DRAIN && now >= o->until)
		operation_end(c, ADMIN_TEMPORARY, "late", "the deadline is over; the shards go on moving");
	if (left > 0)
		return;
	if (o->kind == OPERATION_DRAIN) {
		operation_end(c, ADMIN_DONE, NULL, NULL);
		return;
	}
	o->step = PARTING;
	machine_encode_remove(&command, cluster_self_id(c), false);
	propose(c, &command, on_removed);
}

static int begin(struct node *n, int kind, const struct cluster_watcher *w)
{
	struct cluster *c = n->cluster;

	if (c == NULL)
		return -ENOTSUP;
	if (c->operation.kind != OPERATION_NONE || c->state != CLUSTER_MEMBER || n->phase != NODE_SERVING)
		return -EBUSY;
	operation_begin(c, kind, w);
	c->operation.step = TELLING;
	return 0;
}

int cluster_leave(struct node *n, const struct cluster_watcher *w)
{
	struct buffer command = { 0 };
	int error;

	if (n->cluster != NULL && n->cluster->machine.member_count == 1)
		return -ENOENT;
	error = begin(n, OPERATION_LEAVE, w);
	if (error < 0)
		return error;
	machine_encode_leave(&command, cluster_self_id(n->cluster));
	propose(n->cluster, &command, on_told);
	return 0;
}

/* --- of another member --- */

static void on_forgotten(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	(void)owner;
	if (outcome == PROPOSAL_UNKNOWN)
		no_quorum(c);
	else if (outcome == PROPOSAL_REFUSED)
		operation_end(c, ADMIN_NEGATIVE, "refused", reason);
	else
		operation_end(c, ADMIN_DONE, NULL, NULL);
}

int cluster_remove(struct node *n, struct bytes name, bool lose, const struct cluster_watcher *w)
{
	const struct machine_member *m = n->cluster != NULL ? machine_member_named(&n->cluster->machine, name) : NULL;
	struct buffer command = { 0 };
	int error;

	if (n->cluster != NULL && m == NULL)
		return -ENOENT;
	if (m != NULL && m->id == cluster_self_id(n->cluster))
		return -EINVAL;
	if (m != NULL && !lose && !n->cluster->machine.shared && machine_shares(&n->cluster->machine, m->id) > 0)
		return -ENOTEMPTY;
	error = begin(n, OPERATION_REMOVE, w);
	if (error < 0)
		return error;
	machine_encode_remove(&command, m->id, lose && machine_shares(&n->cluster->machine, m->id) > 0);
	propose(n->cluster, &command, on_forgotten);
	return 0;
}

/* --- drains --- */

static void on_resumed(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	(void)owner, (void)reason;
	if (outcome == PROPOSAL_UNKNOWN)
		no_quorum(c);
	else
		operation_end(c, ADMIN_DONE, NULL, NULL);
}

int cluster_drain(struct node *n, bool on, uint64_t deadline, const struct cluster_watcher *w)
{
	struct buffer command = { 0 };
	int error;

	if (n->cluster != NULL && n->cluster->machine.member_count == 1)
		return -ENOENT;
	error = begin(n, OPERATION_DRAIN, w);
	if (error < 0)
		return error;
	n->cluster->operation.until = deadline > 0 ? clock_now_ms() + deadline : UINT64_MAX;
	machine_encode_drain(&command, cluster_self_id(n->cluster), on);
	propose(n->cluster, &command, on ? on_told : on_resumed);
	return 0;
}
