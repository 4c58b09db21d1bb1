/* Owns this instance's way into a cluster: it asks the addresses it was given, one after
 * another, is sent on to the leader, and begins anew as a member. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"
#include "supervisor/store_state.h"

#define REDIRECTS 8     /* from one who is not the leader to the next */
#define AGAIN 300       /* ms until somebody who cannot say yet is asked again */
#define PATIENCE 15000  /* ms in all for those who cannot say yet */

enum step {
	ASKING,   /* whether the own store is empty */
	DIALING,
	TALKING,  /* the answer is awaited */
	PAUSING,  /* asked again soon */
	ENTERING, /* it is accepted; the first renewal is awaited */
};

static void dial(struct cluster *c, struct bytes address);

static const char *address(const struct cluster *c)
{
	return c->operation.addresses[c->operation.at];
}

/* Remembers why it failed: what says most to whoever asked. */
static void failed(struct cluster *c, enum admin_exit exit, const char *code, const char *text)
{
	struct operation *o = &c->operation;

	if (o->code != NULL && o->exit != ADMIN_UNREACHABLE)
		return;
	o->exit = exit;
	o->code = code;
	snprintf(o->text, sizeof(o->text), "%s", text);
}

static void next_address(struct cluster *c)
{
	struct operation *o = &c->operation;
	char text[sizeof(o->text)];

	o->redirects = 0;
	if (++o->at < o->count) {
		dial(c, bytes_of(address(c)));
		return;
	}
	memcpy(text, o->text, sizeof(text));
	operation_end(c, o->exit, o->code, text);
}

/* --- the answer ------------------------------------------------------------------- */

static const struct {
	enum control_dial_code code;
	enum admin_exit exit;
	const char *word;
} dial_failures[] = {
	{ CONTROL_DIAL_UNREACHABLE, ADMIN_UNREACHABLE, "unreachable" },
	{ CONTROL_DIAL_DENIED, ADMIN_DENIED, "denied" },
	{ CONTROL_DIAL_VERSION, ADMIN_VERSION, "version" },
	{ CONTROL_DIAL_REFUSED, ADMIN_DATA, "refused" },
};

static void pause_a_little(struct cluster *c, const char *text)
{
	failed(c, ADMIN_TEMPORARY, "not-now", text);
	c->operation.step = PAUSING;
	c->operation.told_at = clock_now_ms() + AGAIN;
}

static void on_welcome(struct cluster *c, const struct talk_welcome *m)
{
	char reason[64], text[256];

	switch (m->code) {
	case TALK_DONE:
		operation_answer(c, address(c), "this node is let in");
		c->operation.step = ENTERING;
		cluster_adopt(c, m);
		break;
	case TALK_NOT_LEADER:
		if (++c->operation.redirects > REDIRECTS) {
			pause_a_little(c, "the cluster's nodes do not agree who leads");
			break;
		}
		operation_note(c, "%s sends to the leader, %.*s", address(c), (int)m->leader.len, m->leader.data);
		dial(c, m->leader);
		break;
	case TALK_REFUSED:
		snprintf(text, sizeof(text), "%.*s", (int)m->text.len, m->text.data);
		snprintf(reason, sizeof(reason), "%.*s", (int)m->reason.len, m->reason.data);
		operation_answer(c, address(c), "%s", text);
		operation_end(c, ADMIN_DATA, reason, text);
		break;
	default:
		snprintf(text, sizeof(text), "%.*s", (int)m->text.len, m->text.data);
		pause_a_little(c, text);
	}
}

static void on_frame(struct dialogue *d, struct bytes body)
{
	struct cluster *c = d->cluster;
	struct talk_welcome m;

	if (!talk_decode_welcome(body, &m)) {
		link_close(&d->link);
		return;
	}
	c->operation.dialogue = NULL;
	on_welcome(c, &m);
	dialogue_end(d);
}

static void on_ended(struct dialogue *d)
{
	struct cluster *c = d->cluster;

	c->operation.dialogue = NULL;
	pause_a_little(c, "the connection broke before there was an answer");
}

/* It is what it wants to become, or may not become it; false: it asks. */
static bool settled(struct cluster *c, const struct cluster_hello *hello)
{
	bool same = is_of_this_cluster(c, hello);

	if (same && c->state == CLUSTER_MEMBER) {
		operation_answer(c, address(c), "this node is a member of its cluster already");
		operation_end(c, ADMIN_DONE, NULL, NULL);
		return true;
	}
	if (!same && c->machine.member_count > 1) {
		operation_answer(c, address(c), "belongs to another cluster");
		operation_end(c, ADMIN_DATA, "member-elsewhere",
		              "this node is a member of another cluster; `stagectl leave` there comes first");
		return true;
	}
	return false;
}

static void on_dialed(void *owner, const struct control_dialed *result, int take_fd)
{
	struct cluster *c = owner;
	struct operation *o = &c->operation;
	char why[256];

	o->dial = 0;
	if (result->code != CONTROL_DIAL_OK) {
		snprintf(why, sizeof(why), "%.*s", (int)result->text.len, result->text.data);
		operation_answer(c, address(c), "%s", why);
		for (size_t i = 0; i < sizeof(dial_failures) / sizeof(dial_failures[0]); i++)
			if (dial_failures[i].code == result->code)
				failed(c, dial_failures[i].exit, dial_failures[i].word, why);
		next_address(c);
		return;
	}
	o->dialogue = dialogue_new(c, &result->hello, take_fd, false);
	if (o->dialogue == NULL) {
		failed(c, ADMIN_INTERNAL, "internal", "the connection cannot be used");
		next_address(c);
		return;
	}
	if (settled(c, &result->hello))
		return;
	o->step = TALKING;
	o->dialogue->on_frame = on_frame;
	o->dialogue->on_ended = on_ended;
	talk_encode_join(link_begin(&o->dialogue->link), &(struct talk_join){
		(uint32_t)c->node->config.cluster.weight, cluster_oldest(), cluster_version(), c->shared });
	link_end(&o->dialogue->link);
}

static void dial(struct cluster *c, struct bytes to)
{
	c->operation.step = DIALING;
	c->operation.dial = tunnel_dial(c->node, CLUSTER_JOIN, to, (struct bytes){ 0 }, on_dialed, c);
}

/* --- its course ------------------------------------------------------------------- */

void join_run(struct cluster *c, uint64_t now)
{
	struct operation *o = &c->operation;
	char text[sizeof(o->text)];

	if (o->kind != OPERATION_JOIN || o->step != PAUSING || now < o->told_at)
		return;
	if (now < o->until) {
		o->redirects = 0;
		dial(c, bytes_of(address(c)));
		return;
	}
	memcpy(text, o->text, sizeof(text));
	operation_answer(c, address(c), "%s", text);
	operation_end(c, o->exit, o->code, text);
}

void join_member(struct cluster *c)
{
	if (c->operation.kind != OPERATION_JOIN || c->operation.step != ENTERING)
		return;
	operation_note(c, "it is a member of a cluster of %u", c->machine.member_count);
	if (!c->shared)
		operation_note(c, "each node has a store of its own: while a node is down its actors are unreachable, "
		                  "and they are lost with its disk; [store] engine = postgresql survives that");
	operation_end(c, ADMIN_DONE, NULL, NULL);
}

static void on_empty(void *owner, bool known, bool empty)
{
	struct cluster *c = owner;

	if (c->operation.kind != OPERATION_JOIN || c->operation.step != ASKING)
		return;
	if (!known)
		operation_end(c, ADMIN_TEMPORARY, "not-ready", "the store does not answer");
	else if (!empty)
		operation_end(c, ADMIN_DATA, "not-empty",
		              "this node's store has actors of its own; an instance joins with an empty state directory");
	else
		dial(c, bytes_of(address(c)));
}

int cluster_join(struct node *n, const struct bytes *addresses, size_t count, const struct cluster_watcher *w)
{
	struct cluster *c = n->cluster;
	struct operation *o;

	if (c == NULL)
		return -ENOTSUP;
	if (c->operation.kind != OPERATION_NONE || n->phase == NODE_STOPPING || c->closing)
		return -EBUSY;
	operation_begin(c, OPERATION_JOIN, w);
	o = &c->operation;
	o->count = count;
	o->until = clock_now_ms() + PATIENCE;
	o->addresses = memory_new(count * sizeof(*o->addresses));
	for (size_t i = 0; i < count; i++) {
		o->addresses[i] = memory_new(addresses[i].len + 1);
		memcpy(o->addresses[i], addresses[i].data, addresses[i].len);
	}
	o->step = ASKING;
	/* A store that all share holds the cluster's actors; where there are other members
	 * the answer is theirs to give. */
	if (c->shared || c->machine.member_count > 1 || c->state != CLUSTER_MEMBER)
		dial(c, bytes_of(address(c)));
	else
		store_is_empty(n, on_empty, c);
	return 0;
}
