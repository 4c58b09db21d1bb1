/* This node as a member of its cluster: it owns the engine, this node's copy of the
 * replicated machine, its lease, and what follows from both for the node: which shards its
 * workers have, which links its gateways have, what its store sends and receives.
 *
 * A node without `[cluster] secret_file` has none of this: node->cluster is NULL. */
#ifndef SUPERVISOR_CLUSTER_CLUSTER_H
#define SUPERVISOR_CLUSTER_CLUSTER_H

#include "proto/admin.h"
#include "proto/control_cluster.h"
#include "supervisor/cluster/machine.h"
#include "supervisor/node.h"

struct cluster;

enum cluster_state {
	CLUSTER_WAITING, /* for the engine, or for somebody to let it join: no member's work is done */
	CLUSTER_MEMBER,  /* this start's first renewal is in the log: what is known of the map holds */
	CLUSTER_LEFT,    /* it has left; the node stops */
	CLUSTER_CLOSED,
	CLUSTER_STATE_COUNT
};

/* --- its life --------------------------------------------------------------------- */

/* Before any child runs. 0 (also where the node has no secret), or the exit status with
 * sentences in error. */
int cluster_init(struct node *n, struct buffer *error);
void cluster_fini(struct node *n);

/* The tunnel is ready: opens the engine, founds or joins. Again after each of its restarts. */
void cluster_on_tunnel(struct node *n);

/* Store, actor workers and gateways may start: the node is a member, or has no cluster. */
bool cluster_admits(const struct node *n);

/* It is of no cluster, and has left none since its state directory was made. */
bool cluster_has_none(const struct node *n);

/* It founded its cluster, and is its only member: it may become a node of another. */
bool cluster_is_alone(const struct node *n);

/* A node that is alone, or has no cluster, is to be another one: its children end, and its log, and it
 * founds its cluster as `next` says. False where that cannot be at present. */
bool cluster_begin_anew(struct node *n, const struct identity *next);

/* All children of a former identity have ended (node_adopt()). */
void cluster_on_emptied(struct node *n);

/* The node stops: operations end, the engine closes. cluster_closed() when it is done. */
void cluster_stop(struct node *n);
bool cluster_closed(const struct node *n);

/* --- what children report --------------------------------------------------------- */

/* What a fresh child of the role must know; after its HELLO. */
bool cluster_greet(struct node *n, struct child *c);
void cluster_on_gone(struct node *n, const struct child *c);
void cluster_on_serves(struct node *n, const struct child *c);
/* Workers have let go of shards that leave this node, or have lost them. */
void cluster_on_freed(struct node *n);
void cluster_on_transferred(struct node *n, const struct control_transferred *m);
/* What the store's database has in later epochs (struct control_outdone). False where the node has
 * no cluster. */
bool cluster_on_outdone(struct node *n, struct bytes cells);
void cluster_on_peer_lost(struct node *n, const struct child *c, uint32_t index, uint32_t incarnation);

/* --- facts ------------------------------------------------------------------------ */

struct cluster_facts {
	enum cluster_state state;
	const struct machine *machine;
	uint64_t self, leader; /* 0: unknown */
	const char *address;   /* where other nodes reach this one */
	bool leads;
	bool quorum;           /* a renewal of this node went through the log within the lease's time */
	uint64_t lease_left;   /* ms; 0: over */
	const char *note;      /* what it waits for, or NULL */
};

/* False where the node has no cluster. */
bool cluster_facts(const struct node *n, struct cluster_facts *ret);
/* `voter`, `standby`, `spare`, `leader`; `` where the engine does not know the member. */
const char *cluster_role(const struct node *n, uint64_t id);

/* --- operations ------------------------------------------------------------------- */

/* Who is told how an operation goes; it goes on without them. */
struct cluster_watcher {
	void *owner;
	void (*on_answer)(void *owner, const char *address, const char *text); /* of each address tried */
	void (*on_note)(void *owner, const char *text); /* progress */
	/* Once, last. code and text are NULL where it is done. */
	void (*on_done)(void *owner, enum admin_exit exit, const char *code, const char *text);
};

/* Each begins an operation whose on_done follows, never from inside the call. -EBUSY while
 * another is under way or the node does not serve; -ENOTSUP where the node has no cluster. */
int cluster_join(struct node *n, const struct bytes *addresses, size_t count, const struct cluster_watcher *w);
int cluster_leave(struct node *n, const struct cluster_watcher *w);
/* on: moves every shard away; not: takes its part again. Ends when no shard is left (deadline:
 * or after so many ms, then the moves go on; 0: none), or at once. -ENOENT as for leaving. */
int cluster_drain(struct node *n, bool on, uint64_t deadline, const struct cluster_watcher *w);
/* Forgets another member, by its name, that is down and will not come back; lose: although its
 * disk holds actors, which begin anew elsewhere. -ENOENT: there is no such member, -EINVAL: it
 * is this node, -ENOTEMPTY: its disk holds actors. */
int cluster_remove(struct node *n, struct bytes name, bool lose, const struct cluster_watcher *w);
/* The number of the operation begun last; 0: none yet. */
uint64_t cluster_operation(const struct node *n);
/* Also tells this watcher; where it is over, from inside this call. -ENOENT: not known. */
int cluster_attach(struct node *n, uint64_t operation, const struct cluster_watcher *w);
/* The watcher is gone. */
void cluster_detach(struct node *n, const void *owner);

#endif
