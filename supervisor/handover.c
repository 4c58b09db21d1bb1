/* Owns the handover under way, and every change of the shard map after the first. */
#include "supervisor/handover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/cluster.h"
#include "supervisor/handshake.h"

enum step {
	RELEASING, /* the worker lets its shards go, to be replaced */
	ENDING,    /* it drains and exits */
	STARTING,  /* its successor is not ready yet */
	EVENING,   /* it serves; siblings let shards go for it */
};

struct handover {
	struct node *node;
	struct handover_watcher watcher;
	struct child *child;
	enum step step;
	uint32_t left; /* RELEASING: shards not let go of */
	struct ev_timer limit;
};

static void tell(struct handover *h, const char *text)
{
	log_info("handover", F_TEXT("child", h->child->name), F_TEXT("note", text));
	if (h->watcher.on_note != NULL)
		h->watcher.on_note(h->watcher.owner, text);
}

static void free_handover(struct node *n)
{
	struct handover *h = n->handover;

	n->handover = NULL;
	ev_timer_stop(n->loop, &h->limit);
	free(h);
}

static void end(struct handover *h, enum admin_exit status, const char *code, const char *text)
{
	struct handover_watcher watcher = h->watcher;

	if (status == ADMIN_DONE)
		log_info("handover done", F_TEXT("child", h->child->name));
	else
		log_warnx("handover failed", F_TEXT("child", h->child->name), F_TEXT("text", text));
	free_handover(h->node);
	if (watcher.on_done != NULL)
		watcher.on_done(watcher.owner, status, code, text);
}

/* --- shards ----------------------------------------------------------------------- */

bool *handover_living(const struct node *n)
{
	bool *alive = memory_new(n->actors * sizeof(*alive));

	for (uint32_t i = 0; i < n->child_count; i++) {
		const struct child *c = &n->children[i];
		if (c->role == CONTROL_ACTOR)
			alive[c->index] = c->policy.state != POLICY_FAILED;
	}
	return alive;
}

static uint32_t count_leaving(const struct node *n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->actors; i++)
		count += shard_map_leaving(&n->shards, i);
	return count;
}

/* Takes what workers without a process (or all of them) still release. */
static uint32_t take_shards(struct node *n, bool from_all)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->child_count; i++) {
		const struct child *c = &n->children[i];
		if (c->role == CONTROL_ACTOR && (from_all || !child_reachable(c)))
			count += shard_map_grant_all(&n->shards, c->index);
	}
	return count;
}

/* --- the steps -------------------------------------------------------------------- */

static void arm(struct handover *h)
{
	ev_timer_stop(h->node->loop, &h->limit);
	ev_timer_set(&h->limit, HANDOVER_LIMIT / 1000., 0.);
	ev_timer_start(h->node->loop, &h->limit);
}

static void recycle(struct handover *h)
{
	char text[64];

	snprintf(text, sizeof(text), "%s is drained", h->child->name);
	tell(h, text);
	ev_timer_stop(h->node->loop, &h->limit);
	h->step = ENDING;
	child_event(h->child, POLICY_RECYCLE);
}

static void begin_release(struct handover *h)
{
	char text[96];

	h->step = RELEASING;
	h->left = shard_map_release(&h->node->shards, h->child->index);
	snprintf(text, sizeof(text), "%s lets %u shards go", h->child->name, h->left);
	tell(h, text);
	if (h->left == 0) {
		recycle(h);
		return;
	}
	handshake_shards(h->node);
	arm(h);
}

static void begin_evening(struct handover *h)
{
	bool *alive = handover_living(h->node);
	uint32_t moves = shard_map_rebalance(&h->node->shards, alive);
	char text[96];

	free(alive);
	h->step = EVENING;
	if (moves > 0) {
		snprintf(text, sizeof(text), "%s serves; %u shards move to it", h->child->name, moves);
		tell(h, text);
		take_shards(h->node, false);
		handshake_shards(h->node);
		arm(h);
	}
	if (count_leaving(h->node) == 0)
		end(h, ADMIN_DONE, NULL, NULL);
}

static void on_limit(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct handover *h = w->data;
	char text[128];

	(void)loop, (void)events;
	if (h->step == RELEASING) {
		snprintf(text, sizeof(text), "%s still has turns under way in %u shards, they are given up",
		         h->child->name, h->left);
		tell(h, text);
		recycle(h);
	} else if (h->step == EVENING) {
		snprintf(text, sizeof(text), "%u shards still have turns under way, they are given up",
		         count_leaving(h->node));
		tell(h, text);
		take_shards(h->node, true);
		handshake_shards(h->node);
		end(h, ADMIN_DONE, NULL, NULL);
	}
}

int handover_restart(struct node *n, uint32_t worker, const struct handover_watcher *watcher)
{
	struct child *c = node_child(n, CONTROL_ACTOR, worker);
	struct handover *h;

	if (c == NULL)
		return -ENOENT;
	if (n->handover != NULL || n->phase != NODE_SERVING)
		return -EBUSY;
	h = memory_new(sizeof(*h));
	*h = (struct handover){ .node = n, .watcher = *watcher, .child = c, .step = STARTING };
	ev_init(&h->limit, on_limit);
	h->limit.data = h;
	n->handover = h;
	if (c->policy.state == POLICY_READY && child_reachable(c)) {
		begin_release(h);
		return 0;
	}
	tell(h, c->policy.state == POLICY_FAILED ? "it is down and is started again" : "it is being started already");
	child_event(c, POLICY_REVIVE); /* changes nothing where a start is under way */
	return 0;
}

void handover_detach(struct node *n, const void *owner)
{
	if (n->handover != NULL && n->handover->watcher.owner == owner)
		n->handover->watcher = (struct handover_watcher){ 0 };
}

/* --- what happens to workers ------------------------------------------------------ */

void handover_on_gone(struct node *n, const struct child *c)
{
	struct handover *h = n->handover;
	char text[96];

	if (shard_map_bump(&n->shards, c->index) > 0)
		handshake_shards(n);
	cluster_on_freed(n);
	if (h == NULL)
		return;
	if (h->child != c) {
		if (h->step == EVENING && count_leaving(n) == 0)
			end(h, ADMIN_DONE, NULL, NULL);
	} else if (h->step == RELEASING || h->step == ENDING) {
		ev_timer_stop(n->loop, &h->limit);
		h->step = STARTING;
		tell(h, "it has ended, its successor is started");
	} else {
		snprintf(text, sizeof(text), "%s has died again; the log says how", c->name);
		end(h, ADMIN_NEGATIVE, "died", text);
	}
}

void handover_on_down(struct node *n, const struct child *c)
{
	bool *alive = handover_living(n);
	uint32_t moved = shard_map_evict(&n->shards, c->index, alive);

	free(alive);
	if (moved > 0) {
		log_info("shards go to siblings", F_TEXT("child", c->name), F_UINT("shards", moved));
		handshake_shards(n);
	}
	if (n->handover != NULL && n->handover->child == c)
		end(n->handover, ADMIN_NEGATIVE, "died", "it has died too often and stays down");
}

void handover_on_serves(struct node *n, const struct child *c)
{
	if (n->handover != NULL && n->handover->child == c && n->handover->step == STARTING)
		begin_evening(n->handover);
}

void handover_on_released(struct node *n, const struct child *c, const struct control_released *m)
{
	struct handover *h = n->handover;
	uint32_t count = control_released_count(m), granted = 0;
	bool replaced = h != NULL && h->step == RELEASING && h->child == c;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t shard = control_released_at(m, i);

		if (shard_map_leaves_node(&n->shards, shard) || !replaced)
			granted += shard_map_grant(&n->shards, c->index, shard);
		if (replaced)
			h->left -= h->left > 0;
	}
	if (granted > 0) {
		handshake_shards(n);
		cluster_on_freed(n);
	}
	if (replaced && h->left == 0)
		recycle(h);
	else if (h != NULL && h->step == EVENING && count_leaving(n) == 0)
		end(h, ADMIN_DONE, NULL, NULL);
}

void handover_stop(struct node *n)
{
	if (n->handover != NULL)
		end(n->handover, ADMIN_TEMPORARY, "stopping", "the node stops");
}

/* --- what the database knows better -------------------------------------------------- */

void handover_on_outdone(struct node *n, struct bytes cells)
{
	uint32_t raised = 0;

	for (uint32_t i = 0; i < control_outdone_count(cells); i++) {
		struct control_outdone one = control_outdone_at(cells, i);

		if (one.own)
			raised += shard_map_raise(&n->shards, one.shard, one.epoch, one.above);
	}
	if (raised == 0)
		return;
	log_warnx("the database knew later epochs than this node: its shards are above them now", F_UINT("shards", raised));
	handshake_shards(n);
}
