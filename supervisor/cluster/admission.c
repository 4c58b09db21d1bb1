/* Owns the leader's answer to instances that ask to become members. */
#include <stdlib.h>

#include "common/memory.h"
#include "supervisor/cluster/parts.h"

#define PATIENCE 5000 /* ms that its entry may take */

static void welcome(struct dialogue *d, const struct talk_welcome *m)
{
	talk_encode_welcome(link_begin(&d->link), m);
	link_end(&d->link);
}

static void refuse(struct dialogue *d, const char *reason, const char *text)
{
	welcome(d, &(struct talk_welcome){ .code = TALK_REFUSED, .reason = bytes_of(reason), .text = bytes_of(text) });
}

static void let_in(struct dialogue *d)
{
	const struct cluster *c = d->cluster;

	welcome(d, &(struct talk_welcome){
		.code = TALK_DONE, .shards = c->machine.shard_count,
		.cluster = { (const char *)c->machine.cluster, CLUSTER_ID_SIZE },
		.key = { (const char *)c->machine.hash_key, HASH_KEY_SIZE } });
}

static void on_added(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason)
{
	struct dialogue *d = owner;

	(void)c;
	if (outcome == PROPOSAL_DONE)
		let_in(d);
	else if (outcome == PROPOSAL_REFUSED)
		refuse(d, "refused", reason);
	else
		welcome(d, &(struct talk_welcome){ .code = TALK_NOT_NOW, .text = BYTES_LITERAL("the cluster has no quorum") });
}

/* Why it cannot be let in, NULL: it can. */
static const char *objection(const struct dialogue *d, const struct talk_join *m, const char **ret_reason)
{
	const struct machine *machine = &d->cluster->machine;

	*ret_reason = "other-store";
	if (m->shared != machine->shared)
		return machine->shared ? "this cluster keeps its state in one database: set [store] engine and url as its nodes have them" :
		                         "each node of this cluster has a store of its own: set [store] engine as its nodes have it";
	*ret_reason = "bad-address";
	if (d->address[0] == '\0' || d->node == 0)
		return "it does not say where others can reach it: set [cluster] advertise";
	*ret_reason = "full";
	if (machine->member_count == MACHINE_MEMBERS_MAX && machine_member(machine, d->node) == NULL)
		return "the cluster has as many nodes as it can have";
	return NULL;
}

static void add(struct dialogue *d, const struct talk_join *m)
{
	const struct machine_node node = {
		.id = d->node, .name = bytes_of(d->name), .address = bytes_of(d->address), .weight = m->weight,
		.oldest = m->oldest, .newest = m->newest,
	};
	struct buffer command = { 0 };

	machine_encode_add(&command, &node);
	proposal_new(d->cluster, &command, PATIENCE, false, on_added, d);
}

bool admission_ask(struct dialogue *d, struct bytes body)
{
	struct cluster *c = d->cluster;
	const char *leader = NULL, *reason, *text;
	struct talk_join m;
	uint64_t id = 0;

	if (!talk_decode_join(body, &m))
		return false;
	if (machine_was_removed(&c->machine, d->node)) {
		refuse(d, ADMISSION_REMOVED, "it was removed from this cluster; with a fresh state directory it is a new node");
	} else if (c->operation.kind == OPERATION_JOIN || c->state != CLUSTER_MEMBER || c->engine == NULL) {
		welcome(d, &(struct talk_welcome){ .code = TALK_NOT_NOW, .text = BYTES_LITERAL("it is not a member of a cluster at present") });
	} else if (!cluster_leads(c)) {
		if (engine_leader(c->engine, &id, &leader))
			welcome(d, &(struct talk_welcome){ .code = TALK_NOT_LEADER, .leader = bytes_of(leader) });
		else
			welcome(d, &(struct talk_welcome){ .code = TALK_NOT_NOW, .text = BYTES_LITERAL("the cluster has no leader at present") });
	} else if ((text = objection(d, &m, &reason)) != NULL) {
		refuse(d, reason, text);
	} else {
		add(d, &m);
	}
	return true;
}

void admission_forget(struct dialogue *d)
{
	proposal_forget(d->cluster, d);
}
