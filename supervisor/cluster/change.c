/* Owns how this node's membership changes: it begins anew in another cluster, it leaves, it
 * stops. */
#include <stdlib.h>

#include "common/log.h"
#include "proto/admin.h"
#include "supervisor/cluster/parts.h"

#define PARTING 1500 /* ms that the word of this node's stop may take */

/* --- another identity -------------------------------------------------------------- */

/* What of the former membership must not reach into the next. */
void cluster_forget(struct cluster *c)
{
	proposal_end_all(c);
	move_end_all(c);
	slots_fini(c);
	leader_reset(c);
	machine_fini(&c->machine);
	c->machine = (struct machine){ 0 };
	lease_init(&c->lease, CLUSTER_LEASE_MS, c->incarnation);
	c->renewal_seen = 0;
}

static void begin_anew(struct cluster *c)
{
	struct node *n = c->node;
	struct buffer error = { 0 };

	cluster_forget(c);
	if (identity_adopt(n->config.node.state, &c->next_identity, &n->identity, &error) < 0) {
		log_errorx("the new membership cannot be written down", F_BYTES("text", buffer_bytes(&error)));
		node_stop(n, 74);
	} else {
		c->state = CLUSTER_WAITING;
		c->closing = false;
		tunnel_tell_identity(n);
		node_begin_anew(n);
		cluster_open_engine(c, !n->identity.joined);
	}
	buffer_fini(&error);
}

static void on_closed_to_adopt(void *owner)
{
	struct cluster *c = owner;
	char *path = cluster_directory(c);

	c->engine = NULL;
	engine_wipe(path);
	free(path);
	begin_anew(c);
}

void cluster_on_emptied(struct node *n)
{
	struct cluster *c = n->cluster;

	if (c == NULL)
		node_begin_anew(n);
	else if (c->engine != NULL)
		engine_close(c->engine, on_closed_to_adopt, c);
	else
		begin_anew(c);
}

/* Without a cluster the identity is all there is to change. */
bool cluster_begin_anew(struct node *n, const struct identity *next)
{
	struct cluster *c = n->cluster;
	struct buffer error = { 0 };
	bool written = true;

	if (c != NULL && (c->closing || c->operation.kind != OPERATION_NONE))
		return false;
	if (c == NULL) {
		written = identity_adopt(n->config.node.state, next, &n->identity, &error) == 0;
		if (!written)
			log_errorx("the new identity cannot be written down", F_BYTES("text", buffer_bytes(&error)));
	} else {
		c->next_identity = *next;
		c->closing = true;
		c->state = CLUSTER_WAITING;
	}
	buffer_fini(&error);
	if (written)
		node_adopt(n);
	return written;
}

void cluster_adopt(struct cluster *c, const struct talk_welcome *m)
{
	c->next_identity = c->node->identity;
	memcpy(c->next_identity.cluster, m->cluster.data, CLUSTER_ID_SIZE);
	memcpy(c->next_identity.key, m->key.data, HASH_KEY_SIZE);
	c->next_identity.shards = m->shards;
	c->next_identity.joined = true;
	c->next_identity.left = false;
	c->closing = true;
	c->state = CLUSTER_WAITING;
	operation_note(c, "it begins anew as a node of the cluster");
	node_adopt(c->node);
}

/* --- the end ----------------------------------------------------------------------- */

static void on_closed_to_leave(void *owner)
{
	struct cluster *c = owner;
	struct buffer error = { 0 };
	char *path = cluster_directory(c);

	c->engine = NULL;
	/* First: a member without its log would wait for ever, or found its cluster once more. */
	if (identity_renew(c->node->config.node.state, &c->node->identity, &error) < 0)
		log_errorx("the state directory is not fresh", F_BYTES("text", buffer_bytes(&error)));
	else
		engine_wipe(path);
	free(path);
	buffer_fini(&error);
	c->state = CLUSTER_LEFT;
	operation_end(c, ADMIN_DONE, NULL, NULL);
	node_stop(c->node, 0);
}

void cluster_left(struct cluster *c)
{
	if (c->closing)
		return;
	c->closing = true;
	engine_close(c->engine, on_closed_to_leave, c);
}

static void on_closed(void *owner)
{
	struct cluster *c = owner;

	c->engine = NULL;
	c->state = CLUSTER_CLOSED;
	node_on_cluster(c->node);
}

static void close_engine(struct cluster *c)
{
	c->closing = true;
	c->state = CLUSTER_CLOSED;
	proposal_end_all(c);
	if (c->engine != NULL) {
		c->state = CLUSTER_WAITING;
		engine_close(c->engine, on_closed, c);
	}
}

static void on_parted(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	(void)owner, (void)outcome, (void)reason;
	close_engine(c);
}

void cluster_stop(struct node *n)
{
	struct cluster *c = n->cluster;
	const struct machine_member *self;
	struct buffer command = { 0 };

	if (c == NULL || c->parting || c->closing)
		return;
	c->parting = true;
	operation_end(c, ADMIN_TEMPORARY, "stopping", "the node stops");
	self = cluster_self(c);
	if (self == NULL || c->state != CLUSTER_MEMBER || c->machine.member_count < 2) {
		close_engine(c);
		return;
	}
	/* It acts for nobody any more: the others need not wait until its lease is over. */
	machine_encode_down(&command, cluster_self_id(c), self->incarnation, self->renewal);
	proposal_new(c, &command, PARTING, false, on_parted, NULL);
}

bool cluster_closed(const struct node *n)
{
	return n->cluster == NULL || (n->cluster->engine == NULL && (n->cluster->closing || n->cluster->state == CLUSTER_LEFT));
}
