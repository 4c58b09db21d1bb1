/* Owns what the node knows of the cluster whose database it has found, and beginning anew for it. */
#include "supervisor/takeover.h"

#include "common/log.h"
#include "supervisor/cluster/cluster.h"
#include "supervisor/node.h"

void takeover_on_foreign(struct node *n, const struct control_foreign *m)
{
	n->foreign = (struct foreign){ .known = true, .has_key = m->key.len > 0, .shards = m->shards };
	memcpy(n->foreign.cluster, m->cluster.data, sizeof(n->foreign.cluster));
	if (n->foreign.has_key)
		memcpy(n->foreign.key, m->key.data, sizeof(n->foreign.key));
}

void takeover_name(const struct node *n, struct buffer *out)
{
	buffer_append_hex(out, n->foreign.cluster, sizeof(n->foreign.cluster));
}

static bool is_named(const struct node *n)
{
	struct buffer name = { 0 };
	bool named;

	takeover_name(n, &name);
	named = n->foreign.known && bytes_equal(buffer_bytes(&name), bytes_of(n->config.store.takeover));
	buffer_fini(&name);
	return named;
}

/* Why it may not; NULL: it may. */
static const char *obstacle(const struct node *n)
{
	const struct foreign *f = &n->foreign;

	if (n->cluster != NULL && !cluster_is_alone(n))
		return "this node is a member of a cluster with others";
	if (!f->has_key)
		return "an earlier version made it and has not kept its hash key there";
	if (f->shards == 0)
		return "it has no number of shards";
	if (node_configured(n, "cluster", "shards") && f->shards != n->identity.shards)
		return "[cluster] shards is set, to another number than it was made with";
	if (f->shards == n->identity.shards && memcmp(f->key, n->identity.key, sizeof(f->key)) == 0)
		return "it was tried";
	return NULL;
}

bool takeover_begin(struct node *n)
{
	struct identity next = n->identity;
	const char *why;

	if (!is_named(n))
		return false;
	why = obstacle(n);
	memcpy(next.key, n->foreign.key, sizeof(next.key));
	next.shards = n->foreign.shards;
	if (why == NULL && !cluster_begin_anew(n, &next))
		why = "it cannot begin anew at present";
	if (why == NULL)
		log_warnx("the database of a cluster that is gone is taken over", F_TEXT("cluster", n->config.store.takeover),
		          F_UINT("shards", next.shards));
	else
		log_errorx("the database is not taken over", F_TEXT("cluster", n->config.store.takeover), F_TEXT("why", why));
	return why == NULL;
}
