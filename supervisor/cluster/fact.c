/* Owns what others may know of this node's membership. */
#include "common/clock.h"
#include "supervisor/cluster/parts.h"

static const char *note(const struct cluster *c, uint64_t leader)
{
	if (c->operation.kind == OPERATION_JOIN)
		return "it is joining a cluster";
	if (c->engine == NULL && forming_founds(c))
		return "it founds a cluster when most of its peers say that they have none";
	if (c->engine == NULL)
		return "it waits until one of its peers lets it join";
	if (leader == 0)
		return "it hears of no leader";
	return c->state == CLUSTER_MEMBER ? NULL : "it waits until the cluster has heard of it";
}

bool cluster_is_alone(const struct node *n)
{
	return n->cluster != NULL && !n->identity.joined && n->cluster->machine.member_count <= 1;
}

bool cluster_facts(const struct node *n, struct cluster_facts *ret)
{
	const struct cluster *c = n->cluster;
	uint64_t now = clock_boot_ns(), until;
	const char *address;

	if (c == NULL)
		return false;
	until = lease_until(&c->lease);
	*ret = (struct cluster_facts){
		.state = c->state, .machine = &c->machine, .self = cluster_self_id(c), .address = c->address,
		.leads = cluster_leads(c), .lease_left = until > now ? (until - now) / 1000000 : 0,
		.quorum = c->renewed_at != 0 && now - c->renewed_at < CLUSTER_LEASE_MS * UINT64_C(1000000),
	};
	if (c->engine == NULL || !engine_leader(c->engine, &ret->leader, &address))
		ret->leader = 0;
	ret->note = note(c, ret->leader);
	return true;
}

const char *cluster_role(const struct node *n, uint64_t id)
{
	const struct cluster *c = n->cluster;
	struct engine_server servers[MACHINE_MEMBERS_MAX];
	uint64_t leader = 0;
	const char *address;
	uint32_t count;

	if (c == NULL || c->engine == NULL)
		return "";
	if (engine_leader(c->engine, &leader, &address) && leader == id)
		return "leader";
	count = engine_configuration(c->engine, servers, MACHINE_MEMBERS_MAX);
	for (uint32_t i = 0; i < count; i++)
		if (servers[i].id == id)
			return plan_role_name((enum plan_role)servers[i].role);
	return "";
}
