/* Owns the question of a member that has found no leader for a while: whether it is a member
 * still. Who was removed while it was away is in nobody's configuration any more, and would
 * hear of nothing for ever. */
#include "common/clock.h"
#include "common/log.h"
#include "supervisor/cluster/parts.h"

#define SILENCE 3000   /* ms without a leader until it asks */
#define ASK_EVERY 2000 /* ms, one member after another */

static void on_answer(struct dialogue *d, struct bytes body)
{
	struct cluster *c = d->cluster;
	struct talk_welcome m;

	if (talk_decode_welcome(body, &m) && m.code == TALK_REFUSED && bytes_equal(m.reason, bytes_of(ADMISSION_REMOVED))) {
		log_errorx("this node has been removed from its cluster", F_TEXT("says", d->name));
		cluster_left(c);
	}
	dialogue_end(d);
}

static void on_dialed(void *owner, const struct control_dialed *result, int take_fd)
{
	struct cluster *c = owner;
	struct dialogue *d;

	c->outcast_dial = 0;
	if (result->code != CONTROL_DIAL_OK)
		return;
	d = dialogue_new(c, &result->hello, take_fd, false);
	if (d == NULL)
		return;
	if (!is_of_this_cluster(c, &result->hello)) { /* it knows nothing of this one by now */
		dialogue_end(d);
		return;
	}
	d->on_frame = on_answer;
	talk_encode_join(link_begin(&d->link), &(struct talk_join){
		(uint32_t)c->node->config.cluster.weight, cluster_oldest(), cluster_version(), c->shared });
	link_end(&d->link);
}

static bool has_leader(const struct cluster *c)
{
	const char *address;
	uint64_t id;

	return engine_leader(c->engine, &id, &address);
}

void outcast_run(struct cluster *c, uint64_t now)
{
	struct engine_server servers[MACHINE_MEMBERS_MAX];
	uint32_t count;

	if (c->engine == NULL || c->closing || c->parting || c->operation.kind != OPERATION_NONE || has_leader(c)) {
		c->outcast_at = now + SILENCE;
		return;
	}
	if (now < c->outcast_at || c->outcast_dial != 0)
		return;
	c->outcast_at = now + ASK_EVERY;
	count = engine_configuration(c->engine, servers, MACHINE_MEMBERS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const struct engine_server *s = &servers[c->outcast_turn++ % count];

		if (s->id == cluster_self_id(c))
			continue;
		c->outcast_dial = tunnel_dial(c->node, CLUSTER_JOIN, bytes_of(s->address), (struct bytes){ 0 }, on_dialed, c);
		return;
	}
}
