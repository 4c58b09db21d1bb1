/* Owns what an instance does about its list of peers: whether it founds a cluster, and that it
 * asks to join theirs until it is in. */
#include "supervisor/cluster/forming.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/cluster/parts.h"

#define ASK_EVERY 1000 /* ms between two tries */
#define ASK_FIRST 300  /* ms between two rounds of questions while nobody has a cluster yet */

static size_t others(const struct cluster *c, struct bytes ret[CLUSTER_PEERS_MAX])
{
	return peers_others(c->node->config.cluster.peers, c->address, ret, CLUSTER_PEERS_MAX);
}

bool forming_waits(const struct cluster *c)
{
	struct bytes addresses[CLUSTER_PEERS_MAX];

	return others(c, addresses) > 0;
}

/* Where it has left a cluster the others have one already. */
bool forming_founds(const struct cluster *c)
{
	return forming_waits(c) && !c->node->identity.left && peers_begin_with(c->node->config.cluster.peers, c->address);
}

static void ask_to_join(struct cluster *c)
{
	struct bytes addresses[CLUSTER_PEERS_MAX];
	size_t count = others(c, addresses);

	(void)cluster_join(c->node, addresses, count, &(struct cluster_watcher){ 0 });
}

/* --- whether to found --------------------------------------------------------------- */

static bool has_no_cluster(const struct cluster *c)
{
	return c->engine == NULL && !c->closing && !c->node->identity.joined && c->operation.kind == OPERATION_NONE;
}

static void conclude(struct cluster *c)
{
	struct forming *f = &c->forming;

	if (!has_no_cluster(c))
		return;
	if (f->with > 0) {
		f->at = clock_now_ms() + ASK_EVERY;
		ask_to_join(c);
	} else if (peers_are_most(f->without, f->asked)) {
		log_info("this node founds the cluster of its peers", F_UINT("peers", f->asked), F_UINT("without", f->without));
		cluster_open_engine(c, true);
	} else if (!f->told) {
		f->told = true;
		log_warnx("this node founds no cluster: too few of its peers say that they have none",
		          F_UINT("peers", f->asked), F_UINT("without", f->without));
	}
}

/* The peer's hello says all. */
static void on_answered(void *owner, const struct control_dialed *result, int take_fd)
{
	struct forming_question *q = owner;
	struct forming *f = &q->cluster->forming;

	q->dial = 0;
	f->open--;
	if (result->code == CONTROL_DIAL_OK && result->hello.cluster.len == 0)
		f->without++;
	else if (result->code == CONTROL_DIAL_OK)
		f->with++;
	if (take_fd >= 0)
		close(take_fd);
	if (f->open == 0)
		conclude(q->cluster);
}

static void ask_all(struct cluster *c)
{
	struct forming *f = &c->forming;
	struct bytes addresses[CLUSTER_PEERS_MAX];

	f->with = f->without = 0;
	f->asked = f->open = (uint32_t)others(c, addresses);
	for (uint32_t i = 0; i < f->asked; i++) {
		struct forming_question *q = &f->questions[i];

		q->cluster = c;
		q->dial = tunnel_dial(c->node, CLUSTER_JOIN, addresses[i], (struct bytes){ 0 }, on_answered, q);
	}
}

/* --- its course --------------------------------------------------------------------- */

/* An instance that is alone, or no member yet, asks until it is in. */
static bool may_join(const struct cluster *c)
{
	return forming_waits(c) && !forming_founds(c) && c->operation.kind == OPERATION_NONE && !c->closing &&
	       c->machine.member_count <= 1 && !c->node->identity.joined &&
	       (c->state != CLUSTER_MEMBER || c->node->phase == NODE_SERVING);
}

void forming_run(struct cluster *c, uint64_t now)
{
	struct forming *f = &c->forming;

	if (now < f->at || f->open > 0 || node_child(c->node, CONTROL_TUNNEL, 0)->policy.state != POLICY_READY)
		return;
	if (forming_founds(c) && has_no_cluster(c)) {
		f->at = now + ASK_FIRST;
		ask_all(c);
	} else if (may_join(c)) {
		f->at = now + ASK_EVERY;
		ask_to_join(c);
	}
}

void forming_end(struct cluster *c)
{
	for (uint32_t i = 0; i < c->forming.asked; i++)
		tunnel_cancel(c->node, c->forming.questions[i].dial);
}
