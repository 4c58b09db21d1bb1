/* The whole of a running node as its supervisor sees it, and the order of its life:
 * tunnel, store, then actor workers, then gateways; and back, but the store last. */
#ifndef SUPERVISOR_NODE_H
#define SUPERVISOR_NODE_H

#include <ev.h>

#include "common/config.h"
#include "supervisor/alarm.h"
#include "supervisor/bundle.h"
#include "supervisor/child.h"
#include "supervisor/identity.h"
#include "supervisor/listener.h"
#include "supervisor/manager.h"
#include "supervisor/quarantine.h"
#include "supervisor/query.h"
#include "supervisor/settings.h"
#include "supervisor/shard_map.h"
#include "supervisor/takeover.h"
#include "supervisor/tunnel.h"

struct admin_server;
struct cluster;
struct handover;
struct reload;

enum node_phase { NODE_STARTING, NODE_SERVING, NODE_ADOPTING, NODE_STOPPING, NODE_STOPPED, NODE_PHASE_COUNT };

struct node {
	struct ev_loop *loop;
	struct config config;
	const char *config_file; /* as given on the command line, or NULL */
	struct settings_given given; /* on the command line */
	int state_lock, runtime_lock; /* descriptors, -1: not held */
	struct identity identity;
	struct hash_key hash;
	struct listener client;  /* handed to every gateway */
	struct listener admin_unix, admin_tcp, cluster_listener; /* the last: the tunnel's, open where there is one */
	struct manager manager;
	char admin_token[IDENTITY_TOKEN_MAX];
	char *programs[CONTROL_ROLE_COUNT];
	struct bundle bundle;
	uint32_t bundle_serial; /* last number given to a bundle */
	struct shard_map shards;
	struct foreign foreign; /* the database is another cluster's */
	struct alarms alarms;
	struct quarantine quarantine;
	uint64_t death_causes[DEATH_CAUSE_COUNT]; /* how children ended that did not drain as asked */

	struct tunnel tunnel;
	struct child *children; /* store, actor workers, gateways, tunnel */
	uint32_t child_count, actors, gateways;
	struct query_table queries;
	struct reload *reload;       /* under way, or NULL */
	struct handover *handover;   /* under way, or NULL */
	struct admin_server *admin;
	struct cluster *cluster;     /* NULL: it is in none, and cannot be */

	enum node_phase phase;
	int exit_status;
	bool hurried, retired, emptied; /* retired: no clients are accepted; emptied: ADOPTING, and all have ended */
	uint64_t started_at, ticked_at; /* CLOCK_MONOTONIC ms */
	struct ev_timer advancer; /* fed, never started: what happens next */
	struct ev_timer ticker;
	struct ev_signal terminate, interrupt, hangup;
};

/* The shard map, anew: all this node's, or (in a cluster) nobody's until the log says more. */
void node_init_shards(struct node *n);

/* Prepares directories, locks, identity, listeners and classes. Takes over config.
 * 0, or the exit status with sentences in error. */
int node_init(struct node *n, struct ev_loop *loop, struct config *take_config,
              const char *config_file, const struct settings_given *given, struct buffer *error);
void node_fini(struct node *n);

/* Runs until the node has stopped. Returns the exit status. */
int node_run(struct node *n);

/* Begins to stop with this exit status (the first one that is not 0 stays). Again:
 * hurries. */
void node_stop(struct node *n, int exit_status);

const char *node_phase_name(enum node_phase phase);

/* NULL where there is none. */
struct child *node_child(struct node *n, enum control_role role, uint32_t index);

/* Somebody has set it; it is not the default. */
bool node_configured(const struct node *n, const char *section, const char *key);

/* It serves, and every child that is not given up is ready. */
bool node_ready(const struct node *n);
/* A child is given up, and its siblings do its work. */
bool node_degraded(const struct node *n);

/* --- from the cluster --------------------------------------------------------------- */

/* Membership has changed: look what comes next. */
void node_on_cluster(struct node *n);
/* The node is to begin anew with another identity: store, actor workers and gateways end,
 * then cluster_on_emptied() is called. */
void node_adopt(struct node *n);
/* n->identity is the new one: they start again. */
void node_begin_anew(struct node *n);

/* --- from child.c ----------------------------------------------------------------- */

/* It has a process: greet it. */
void node_on_spawned(struct node *n, struct child *c);
/* It is ready. */
void node_on_serves(struct node *n, struct child *c);
/* Its process is gone; before what the policy makes of it. */
void node_on_gone(struct node *n, struct child *c);
/* The policy moved it: look what comes next. */
void node_on_moved(struct node *n, struct child *c);
/* It died too often. */
void node_on_given_up(struct node *n, struct child *c);

#endif
