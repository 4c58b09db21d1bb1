/* Owns the numbers that this node's processes know other members by, and the links of its
 * gateways to them. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"

#define REDIAL 200       /* ms */
#define EARLY_MOST 256   /* links that wait */
#define EARLY_TIME 3000  /* ms that each does */

/* A link that came before it can be used. */
struct early_link {
	TAILQ_ENTRY(early_link) next;
	uint64_t node;
	uint32_t gateway;
	int fd;
	uint64_t until; /* ms */
};

uint32_t slot_of(const struct cluster *c, uint64_t id)
{
	for (uint32_t i = 0; id != 0 && i < CONTROL_NODES_MAX; i++)
		if (c->slots[i] != NULL && c->slots[i]->id == id)
			return i;
	return CONTROL_NODES_MAX;
}

/* --- what gateways are told ------------------------------------------------------- */

static void tell_one(const struct cluster *c, struct child *gateway, uint32_t at)
{
	const struct slot *s = c->slots[at];
	const struct machine_member *m = machine_member(&c->machine, s->id);
	struct buffer message = { 0 };

	control_encode_node(&message, &(struct control_node){
		.slot = at, .id = s->id, .member = m != NULL, .up = m != NULL && machine_alive(m),
		.name = m != NULL ? bytes_of(m->name) : (struct bytes){ 0 } });
	child_send(gateway, &message, -1);
	buffer_fini(&message);
}

static void tell_all(const struct cluster *c, uint32_t at)
{
	for (uint32_t i = 0; i < c->node->gateways; i++)
		tell_one(c, node_child(c->node, CONTROL_GATEWAY, i), at);
}

/* Gives the gateway an end of a link; fails where it has no process. */
static bool give(struct child *gateway, uint32_t index, uint32_t incarnation, bool incoming, int take_fd)
{
	struct buffer message = { 0 };

	if (gateway == NULL || !child_reachable(gateway)) {
		close(take_fd);
		return false;
	}
	control_encode_peer(&message, &(struct control_peer){ CONTROL_GATEWAY, index, incarnation, incoming });
	child_send(gateway, &message, take_fd);
	buffer_fini(&message);
	return true;
}

/* --- links that come early ---------------------------------------------------------- */

static struct child *gateway_of(const struct cluster *c, uint32_t gateway)
{
	return node_child(c->node, CONTROL_GATEWAY, gateway % c->node->gateways);
}

static bool take(struct cluster *c, uint64_t node, uint32_t gateway, int take_fd)
{
	return give(gateway_of(c, gateway), slot_of(c, node), ++c->last_link, true, take_fd);
}

/* It acts, knows who asks, and has somebody to answer. */
static bool can_take(const struct cluster *c, uint64_t node, uint32_t gateway)
{
	return c->state == CLUSTER_MEMBER && slot_of(c, node) < CONTROL_NODES_MAX &&
	       child_reachable(gateway_of(c, gateway));
}

static void drop_early(struct cluster *c, struct early_link *e)
{
	TAILQ_REMOVE(&c->early, e, next);
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

/* This node is back before others have missed it: what they ask waits in the stream, where its
 * end would tell them that nobody knows what became of it. */
static void keep_early(struct cluster *c, uint64_t node, uint32_t gateway, int take_fd)
{
	struct early_link *e, *next;
	uint32_t count = 0;

	for (e = TAILQ_FIRST(&c->early); e != NULL; e = next) {
		next = TAILQ_NEXT(e, next);
		if (e->node == node && e->gateway == gateway)
			drop_early(c, e); /* it would not dial again had it not been lost */
		else
			count++;
	}
	if (count >= EARLY_MOST) {
		close(take_fd);
		return;
	}
	e = memory_new(sizeof(*e));
	*e = (struct early_link){ .node = node, .gateway = gateway, .fd = take_fd, .until = clock_now_ms() + EARLY_TIME };
	TAILQ_INSERT_TAIL(&c->early, e, next);
}

static void run_early(struct cluster *c, uint64_t now)
{
	struct early_link *e, *next;

	for (e = TAILQ_FIRST(&c->early); e != NULL; e = next) {
		next = TAILQ_NEXT(e, next);
		if (can_take(c, e->node, e->gateway)) {
			take(c, e->node, e->gateway, e->fd);
			e->fd = -1;
		} else if (now < e->until) {
			continue;
		}
		drop_early(c, e);
	}
}

/* --- members come and go ---------------------------------------------------------- */

static void cancel(struct cluster *c, struct node_link *l)
{
	tunnel_cancel(c->node, l->dial);
	*l = (struct node_link){ .cluster = c };
}

static void free_slot(struct cluster *c, uint32_t at)
{
	for (uint32_t i = 0; i < CLUSTER_GATEWAYS_MAX; i++)
		cancel(c, &c->slots[at]->links[i]);
	free(c->slots[at]);
	c->slots[at] = NULL;
}

static void add_slot(struct cluster *c, uint64_t id)
{
	uint32_t at = 0;

	while (at < CONTROL_NODES_MAX && c->slots[at] != NULL)
		at++;
	if (at == CONTROL_NODES_MAX)
		return; /* the leader lets no more in than there are slots */
	c->slots[at] = memory_new(sizeof(*c->slots[at]));
	c->slots[at]->id = id;
	tell_all(c, at);
}

void slots_update(struct cluster *c)
{
	for (uint32_t i = 0; i < CONTROL_NODES_MAX; i++) {
		const struct machine_member *m = c->slots[i] != NULL ? machine_member(&c->machine, c->slots[i]->id) : NULL;

		if (c->slots[i] == NULL)
			continue;
		if (m == NULL || machine_alive(m) != c->slots[i]->told_up)
			tell_all(c, i);
		if (m == NULL)
			free_slot(c, i);
		else
			c->slots[i]->told_up = machine_alive(m);
	}
	for (uint32_t i = 0; i < c->machine.member_count; i++) {
		uint64_t id = c->machine.members[i].id;

		if (id != cluster_self_id(c) && slot_of(c, id) == CONTROL_NODES_MAX)
			add_slot(c, id);
	}
}

void slots_greet(struct cluster *c, struct child *gateway)
{
	for (uint32_t i = 0; i < CONTROL_NODES_MAX; i++) {
		if (c->slots[i] == NULL)
			continue;
		cancel(c, &c->slots[i]->links[gateway->index]);
		tell_one(c, gateway, i);
	}
	cluster_soon(c);
}

void slots_fini(struct cluster *c)
{
	while (!TAILQ_EMPTY(&c->early))
		drop_early(c, TAILQ_FIRST(&c->early));
	for (uint32_t i = 0; i < CONTROL_NODES_MAX; i++)
		if (c->slots[i] != NULL)
			free_slot(c, i);
}

/* --- links ------------------------------------------------------------------------ */

static void on_dialed(void *owner, const struct control_dialed *result, int take_fd)
{
	struct node_link *l = owner;
	struct cluster *c = l->cluster;
	struct slot *s = c->slots[l->slot];

	l->dial = 0;
	l->retry_at = clock_now_ms() + REDIAL;
	if (result->code != CONTROL_DIAL_OK) {
		log_debug("another node cannot be reached", F_UINT("node", s->id), F_BYTES("text", result->text));
		return;
	}
	if (result->hello.node != s->id) { /* somebody else has its address by now */
		close(take_fd);
		return;
	}
	l->incarnation = ++c->last_link;
	l->up = give(node_child(c->node, CONTROL_GATEWAY, l->gateway), CONTROL_NODE(l->slot), l->incarnation, false, take_fd);
}

static void dial(struct cluster *c, uint32_t slot, uint32_t gateway)
{
	struct slot *s = c->slots[slot];
	const struct machine_member *m = machine_member(&c->machine, s->id);
	struct node_link *l = &s->links[gateway];
	struct buffer argument = { 0 };

	buffer_printf(&argument, "%u", gateway);
	l->cluster = c;
	l->slot = slot;
	l->gateway = gateway;
	l->dial = tunnel_dial(c->node, CLUSTER_DATA, bytes_of(m->address), buffer_bytes(&argument), on_dialed, l);
	buffer_fini(&argument);
}

void slots_run(struct cluster *c, uint64_t now)
{
	run_early(c, now);
	for (uint32_t i = 0; i < CONTROL_NODES_MAX; i++) {
		struct slot *s = c->slots[i];

		for (uint32_t g = 0; s != NULL && g < c->node->gateways && g < CLUSTER_GATEWAYS_MAX; g++) {
			const struct child *gateway = node_child(c->node, CONTROL_GATEWAY, g);

			if (!s->links[g].up && s->links[g].dial == 0 && now >= s->links[g].retry_at &&
			    gateway->policy.state == POLICY_READY && machine_member(&c->machine, s->id) != NULL)
				dial(c, i, g);
		}
	}
}

void cluster_on_peer_lost(struct node *n, const struct child *gateway, uint32_t index, uint32_t incarnation)
{
	struct cluster *c = n->cluster;
	struct node_link *l;

	if (c == NULL || !CONTROL_IS_NODE(index) || c->slots[index - CONTROL_WORKERS_MAX] == NULL)
		return;
	l = &c->slots[index - CONTROL_WORKERS_MAX]->links[gateway->index];
	if (l->incarnation != incarnation || !l->up)
		return;
	l->up = false;
	cluster_soon(c);
}

void slots_arrived(struct cluster *c, const struct cluster_hello *hello, int take_fd)
{
	uint32_t gateway = 0;

	for (size_t i = 0; i < hello->argument.len && i < 3; i++)
		gateway = gateway * 10 + (unsigned char)(hello->argument.data[i] - '0') % 10;
	if (can_take(c, hello->node, gateway))
		take(c, hello->node, gateway, take_fd);
	else
		keep_early(c, hello->node, gateway, take_fd);
}
