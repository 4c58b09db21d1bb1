/* Owns the life of this node's membership: when the engine opens, what an entry of the log
 * means for this node, when it is a member, how it begins anew in another cluster. */
#include "supervisor/cluster/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"
#include "supervisor/handshake.h"

#define TICK 0.05         /* seconds */
#define RENEWAL_PATIENCE 1000 /* ms */

/* --- small questions -------------------------------------------------------------- */

uint64_t cluster_self_id(const struct cluster *c)
{
	return c->node->identity.node;
}

const struct machine_member *cluster_self(const struct cluster *c)
{
	return machine_member(&c->machine, cluster_self_id(c));
}

bool cluster_leads(const struct cluster *c)
{
	return c->engine != NULL && engine_is_leader(c->engine);
}

bool cluster_admits(const struct node *n)
{
	return n->cluster == NULL || (n->cluster->state == CLUSTER_MEMBER && !n->cluster->closing);
}

/* --- the engine ------------------------------------------------------------------- */

char *cluster_directory(const struct cluster *c)
{
	struct buffer path = { 0 };
	char *text;

	buffer_printf(&path, "%s/raft-", c->node->config.node.state);
	buffer_append_hex(&path, c->node->identity.cluster, CLUSTER_ID_SIZE);
	buffer_append(&path, "", 1);
	text = memory_text(path.data);
	buffer_fini(&path);
	return text;
}

static void become_member(struct cluster *c)
{
	c->state = CLUSTER_MEMBER;
	c->moved = true;
	log_info("member of the cluster", F_UINT("members", c->machine.member_count), F_UINT("shards", c->machine.shard_count));
	join_member(c);
	node_on_cluster(c->node);
}

/* A renewal of this start that is new: everything that came before it in the log is known
 * here. */
static void look_at_own_renewal(struct cluster *c)
{
	const struct machine_member *self = cluster_self(c);

	if (self == NULL || !machine_alive(self) || self->incarnation != c->incarnation ||
	    self->renewal <= c->renewal_seen)
		return;
	c->renewal_seen = self->renewal;
	c->renewed_at = clock_boot_ns();
	lease_applied(&c->lease, self->incarnation, self->renewal);
	if (c->state == CLUSTER_WAITING && !c->closing)
		become_member(c);
}

static void on_log(struct cluster *c)
{
	const struct machine_member *self = cluster_self(c);

	look_at_own_renewal(c);
	if (self != NULL && self->state == MACHINE_DOWN)
		lease_reset(&c->lease);
	if (c->state == CLUSTER_MEMBER && self == NULL && c->operation.kind != OPERATION_LEAVE) {
		log_errorx("this node has been removed from its cluster");
		cluster_left(c);
	}
	c->moved = true;
	cluster_soon(c);
}

static void on_apply(void *owner, struct bytes entry)
{
	struct cluster *c = owner;

	proposal_apply(c, entry);
	leader_applied(c, &c->result);
	on_log(c);
}

static void on_snapshot(void *owner, struct buffer *out)
{
	struct cluster *c = owner;

	machine_snapshot(&c->machine, out);
}

static bool on_restore(void *owner, struct bytes snapshot)
{
	struct cluster *c = owner;

	if (!machine_restore(&c->machine, snapshot))
		return false;
	on_log(c);
	return true;
}

static void on_change(void *owner)
{
	struct cluster *c = owner;

	proposal_again(c);
	c->moved = true;
	cluster_soon(c);
}

static void on_engine_dialed(void *owner, const struct control_dialed *result, int take_fd)
{
	engine_dialed(owner, result->code == CONTROL_DIAL_OK ? take_fd : -1);
}

static void on_dial(void *owner, uint64_t id, const char *address, struct engine_dial *request)
{
	struct cluster *c = owner;
	const struct machine_member *m = machine_member(&c->machine, id);

	if (m != NULL)
		address = m->address; /* it may have moved since it was added */
	tunnel_dial(c->node, CLUSTER_ENGINE, bytes_of(address), (struct bytes){ 0 }, on_engine_dialed, request);
}

static void on_failed(void *owner, const char *text)
{
	struct cluster *c = owner;

	log_errorx("the cluster's log cannot be kept: stage gives up", F_TEXT("text", text));
	node_stop(c->node, 74);
}

static const struct engine_handlers engine_handlers = {
	.on_apply = on_apply, .on_snapshot = on_snapshot, .on_restore = on_restore,
	.on_change = on_change, .dial = on_dial, .on_failed = on_failed,
};

void cluster_open_engine(struct cluster *c, bool found)
{
	struct buffer error = { 0 };
	char *path = cluster_directory(c);

	if (engine_open(&c->engine, c->node->loop, path, cluster_self_id(c), c->address, found, NULL,
	                &engine_handlers, c, &error) < 0) {
		log_errorx("the cluster's log cannot be opened: stage gives up", F_BYTES("text", buffer_bytes(&error)));
		node_stop(c->node, 74);
	}
	buffer_fini(&error);
	free(path);
	tunnel_tell_identity(c->node);
}

/* --- to found or to join ---------------------------------------------------------- */

static bool has_log(const struct cluster *c)
{
	char *path = cluster_directory(c);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

bool cluster_has_none(const struct node *n)
{
	return n->cluster != NULL && n->cluster->engine == NULL && !n->identity.joined && !n->identity.left &&
	       !has_log(n->cluster);
}

void cluster_on_tunnel(struct node *n)
{
	struct cluster *c = n->cluster;

	if (c == NULL || c->engine != NULL || c->closing || n->phase == NODE_STOPPING)
		return;
	if (n->identity.joined || has_log(c))
		cluster_open_engine(c, false);
	else if (!forming_waits(c))
		cluster_open_engine(c, true);
	else
		log_info(forming_founds(c) ? "this node asks its peers whether they have a cluster"
		                           : "this node waits until one of its peers lets it join",
		         F_TEXT("peers", n->config.cluster.peers));
	cluster_soon(c);
}

static struct machine_node self_now(const struct cluster *c)
{
	return (struct machine_node){
		.id = cluster_self_id(c), .name = bytes_of(c->node->config.node.name), .address = bytes_of(c->address),
		.weight = (uint32_t)c->node->config.cluster.weight, .oldest = cluster_oldest(), .newest = cluster_version(),
	};
}

/* The first entry of a new cluster: all that this instance was before is its beginning. */
static void found(struct cluster *c)
{
	const struct machine_node self = self_now(c);
	struct machine_found m = { .shard_count = c->node->identity.shards, .shared = c->shared };
	struct buffer command = { 0 };

	memcpy(m.cluster, c->node->identity.cluster, sizeof(m.cluster));
	memcpy(m.hash_key, c->node->identity.key, sizeof(m.hash_key));
	machine_encode_found(&command, &m, &self);
	proposal_new(c, &command, RENEWAL_PATIENCE, true, NULL, NULL);
}

/* It may have another address, name, weight or version than before it was restarted. */
static void say_what_it_is(struct cluster *c)
{
	const struct machine_member *m = cluster_self(c);
	const struct machine_node now = self_now(c);
	struct buffer command = { 0 };

	if (c->state != CLUSTER_MEMBER || (bytes_equal(bytes_of(m->name), now.name) &&
	    bytes_equal(bytes_of(m->address), now.address) && m->weight == now.weight && m->oldest == now.oldest &&
	    m->newest == now.newest))
		return;
	machine_encode_update(&command, &now, c->incarnation);
	proposal_new(c, &command, RENEWAL_PATIENCE, true, NULL, NULL);
}

/* --- the lease -------------------------------------------------------------------- */

static void renew(struct cluster *c, uint64_t now_ns)
{
	struct buffer command = { 0 };

	if (c->engine == NULL || c->closing || c->parting || cluster_self(c) == NULL ||
	    now_ns < lease_next_renewal(&c->lease, now_ns))
		return;
	machine_encode_renew(&command, cluster_self_id(c), c->incarnation, lease_sent(&c->lease, now_ns));
	proposal_new(c, &command, RENEWAL_PATIENCE, true, NULL, NULL);
	say_what_it_is(c);
}

/* --- from the loop ---------------------------------------------------------------- */

static void look(struct cluster *c)
{
	uint64_t now = clock_now_ms(), now_ns = clock_boot_ns();

	share_lease(c, now_ns);
	if (c->moved && c->machine.member_count > 0) {
		c->moved = false;
		slots_update(c);
		move_update(c);
		share_update(c);
	}
	leader_run(c, now_ns);
	proposal_run(c, now);
	slots_run(c, now);
	move_receive(c, now);
	move_run(c, now);
	join_run(c, now);
	leave_run(c, now);
	outcast_run(c, now);
}

static void on_soon(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop, (void)events;
	look(w->data);
}

void cluster_soon(struct cluster *c)
{
	ev_feed_event(c->node->loop, &c->soon, EV_CUSTOM);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct cluster *c = w->data;

	(void)loop, (void)events;
	if (cluster_leads(c) && c->machine.member_count == 0 && TAILQ_EMPTY(&c->proposals))
		found(c);
	renew(c, clock_boot_ns());
	forming_run(c, clock_now_ms());
	look(c);
}

/* --- its life --------------------------------------------------------------------- */

static char *own_address(const struct node *n)
{
	struct buffer out = { 0 };
	char *text;

	tunnel_own_address(n, &out);
	buffer_append(&out, "", 1);
	text = memory_text(out.data);
	buffer_fini(&out);
	return text;
}

static int make_page(struct cluster *c)
{
	c->page_fd = memfd_create("stage-lease", MFD_CLOEXEC);
	if (c->page_fd < 0 || ftruncate(c->page_fd, sizeof(*c->page)) < 0)
		return -errno;
	c->page = mmap(NULL, sizeof(*c->page), PROT_READ | PROT_WRITE, MAP_SHARED, c->page_fd, 0);
	if (c->page == MAP_FAILED) {
		c->page = NULL;
		return -errno;
	}
	return 0;
}

int cluster_init(struct node *n, struct buffer *error)
{
	struct cluster *c;

	if (n->config.cluster.secret_file[0] == '\0')
		return 0;
	c = memory_new(sizeof(*c));
	c->node = n;
	c->page_fd = -1;
	c->shared = n->config.store.engine == CONFIG_ENGINE_POSTGRESQL;
	c->incarnation = n->identity.starts;
	c->last_rid = (uint64_t)n->identity.starts << 32;
	TAILQ_INIT(&c->proposals);
	TAILQ_INIT(&c->dialogues);
	TAILQ_INIT(&c->early);
	TAILQ_INIT(&c->moves);
	TAILQ_INIT(&c->arrivals);
	lease_init(&c->lease, CLUSTER_LEASE_MS, c->incarnation);
	leader_reset(c);
	n->cluster = c;
	c->address = own_address(n);
	if (make_page(c) < 0) {
		buffer_append_text(error, "no memory can be shared with actor workers\n");
		return ADMIN_INTERNAL;
	}
	arrivals_begin(c);
	ev_timer_init(&c->ticker, on_tick, TICK, TICK);
	c->ticker.data = c;
	ev_timer_start(n->loop, &c->ticker);
	ev_init(&c->soon, on_soon);
	c->soon.data = c;
	return 0;
}

bool cluster_greet(struct node *n, struct child *child)
{
	struct buffer message = { 0 };
	int fd;

	if (n->cluster == NULL)
		return true;
	if (child->role == CONTROL_GATEWAY)
		slots_greet(n->cluster, child);
	if (child->role != CONTROL_ACTOR)
		return true;
	fd = fcntl(n->cluster->page_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return false;
	control_encode_plain(&message, CONTROL_LEASE);
	child_send(child, &message, fd);
	buffer_fini(&message);
	return true;
}

void cluster_on_gone(struct node *n, const struct child *child)
{
	if (n->cluster == NULL)
		return;
	if (child->role == CONTROL_STORE)
		move_store_gone(n->cluster);
	cluster_soon(n->cluster);
}

void cluster_on_serves(struct node *n, const struct child *child)
{
	if (n->cluster == NULL)
		return;
	if (child->role == CONTROL_STORE)
		move_store_serves(n->cluster);
	cluster_soon(n->cluster);
}

void cluster_on_freed(struct node *n)
{
	if (n->cluster != NULL)
		cluster_soon(n->cluster);
}

void cluster_on_transferred(struct node *n, const struct control_transferred *m)
{
	if (n->cluster != NULL)
		move_transferred(n->cluster, m);
}

/* --- the end ----------------------------------------------------------------------- */

void cluster_fini(struct node *n)
{
	struct cluster *c = n->cluster;

	if (c == NULL)
		return;
	ev_timer_stop(n->loop, &c->ticker);
	ev_clear_pending(n->loop, &c->soon);
	cluster_forget(c);
	forming_end(c);
	dialogue_end_all(c);
	machine_fini(&c->machine);
	if (c->page != NULL)
		munmap(c->page, sizeof(*c->page));
	if (c->page_fd >= 0)
		close(c->page_fd);
	free(c->address);
	free(c);
	n->cluster = NULL;
}
