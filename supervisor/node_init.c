/* Owns what a node takes hold of before its first child runs, and its release. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "proto/admin.h"
#include "supervisor/admin_server.h"
#include "supervisor/attribution.h"
#include "supervisor/cluster/cluster.h"
#include "supervisor/directory.h"
#include "supervisor/handover.h"
#include "supervisor/node.h"
#include "supervisor/node_listeners.h"
#include "supervisor/reload.h"
#include "supervisor/spawn.h"

#define EPOCHS_PER_START 4096 /* restarts of one worker before epochs of two starts could meet */

bool node_configured(const struct node *n, const char *section, const char *key)
{
	const struct config_row *row = config_find(bytes_of(section), bytes_of(key));

	return row != NULL && n->config.origin[row - config_rows] != CONFIG_DEFAULT;
}

static int init_directories(struct node *n, struct buffer *error)
{
	const char *state = n->config.node.state, *runtime = n->config.node.runtime;
	int result;

	if (directory_prepare(state, "state", error) < 0 || directory_prepare(runtime, "runtime", error) < 0)
		return ADMIN_CONFIGURATION;
	result = directory_lock(state, "stage.lock", "state", &n->state_lock, error);
	if (result == 0)
		result = directory_lock(runtime, "admin.lock", "runtime", &n->runtime_lock, error);
	if (result < 0)
		return result == -EWOULDBLOCK ? ADMIN_UNREACHABLE : ADMIN_CONFIGURATION;
	result = identity_load(state, (uint32_t)n->config.cluster.shards,
	                       node_configured(n, "cluster", "shards"), &n->identity, error);
	hash_key_init(&n->hash, n->identity.key);
	if (result == 0)
		result = attribution_load(n, error);
	return result < 0 ? ADMIN_CONFIGURATION : 0;
}

/* A node without classes is of little use but no mistake, unless somebody named them. */
static int init_classes(struct node *n, struct buffer *error)
{
	const char *path = n->config.actors.path;
	int result = -ENOENT;

	n->bundle_serial = 1;
	if (path != NULL && path[0] != '\0')
		result = bundle_read(path, &bundle_limits, n->bundle_serial, &n->bundle, error);
	if (result == -ENOENT && !node_configured(n, "actors", "path")) {
		buffer_clear(error);
		log_warnx("there are no actor classes", F_TEXT("path", path != NULL ? path : ""));
		result = bundle_empty(n->bundle_serial, &n->bundle);
	}
	return result < 0 ? ADMIN_CONFIGURATION : 0;
}

static int init_programs(struct node *n, struct buffer *error)
{
	for (enum control_role role = CONTROL_GATEWAY; role < CONTROL_ROLE_COUNT; role++) {
		if (role == CONTROL_TUNNEL && !tunnel_configured(n))
			continue;
		n->programs[role] = spawn_find(role, error);
		if (n->programs[role] == NULL)
			return ADMIN_INTERNAL;
	}
	return 0;
}

static uint32_t auto_count(uint64_t set, unsigned share)
{
	cpu_set_t set_of_cpus;
	unsigned cpus = 1;

	if (set > 0)
		return (uint32_t)set;
	if (sched_getaffinity(0, sizeof(set_of_cpus), &set_of_cpus) == 0)
		cpus = (unsigned)CPU_COUNT(&set_of_cpus);
	return cpus / share > 0 ? cpus / share : 1;
}

void node_init_shards(struct node *n)
{
	uint32_t first = n->identity.starts * EPOCHS_PER_START + 1;

	shard_map_fini(&n->shards);
	if (n->cluster != NULL)
		shard_map_init_free(&n->shards, n->identity.shards, n->actors, first);
	else
		shard_map_init(&n->shards, n->identity.shards, n->actors, first);
}

static void init_children(struct node *n)
{
	struct child *c;

	n->gateways = auto_count(n->config.workers.gateways, 4);
	n->actors = auto_count(n->config.workers.actors, 2);
	node_init_shards(n);
	n->child_count = 1 + n->actors + n->gateways + tunnel_configured(n);
	n->children = memory_new(n->child_count * sizeof(*n->children));
	c = n->children;
	child_init(c++, n, CONTROL_STORE, 0);
	for (uint32_t i = 0; i < n->actors; i++)
		child_init(c++, n, CONTROL_ACTOR, i);
	for (uint32_t i = 0; i < n->gateways; i++)
		child_init(c++, n, CONTROL_GATEWAY, i);
	if (tunnel_configured(n))
		child_init(c++, n, CONTROL_TUNNEL, 0);
}

int node_init(struct node *n, struct ev_loop *loop, struct config *take_config,
              const char *config_file, const struct settings_given *given, struct buffer *error)
{
	int status;

	*n = (struct node){ .loop = loop, .config = *take_config, .config_file = config_file, .given = *given,
	                    .state_lock = -1, .runtime_lock = -1, .started_at = clock_now_ms() };
	*take_config = (struct config){ 0 };
	manager_init(&n->manager, n->config.workers.hang_timeout);
	status = init_programs(n, error);
	if (status == 0)
		status = init_directories(n, error);
	if (status == 0)
		status = init_classes(n, error);
	if (status == 0)
		status = node_listeners_init(n, error);
	if (status != 0) {
		manager_fails(&n->manager, buffer_bytes(error));
		return status;
	}
	query_table_init(&n->queries, loop);
	tunnel_init(n);
	status = cluster_init(n, error);
	if (status != 0)
		return status;
	init_children(n);
	n->admin = admin_server_new(n);
	return 0;
}

static void close_lock(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void node_fini(struct node *n)
{
	admin_server_free(n->admin);
	reload_free(n);
	handover_stop(n);
	cluster_fini(n);
	for (uint32_t i = 0; i < n->child_count; i++)
		child_fini(&n->children[i]);
	free(n->children);
	tunnel_fini(n);
	query_table_fini(&n->queries);
	attribution_fini(n);
	shard_map_fini(&n->shards);
	bundle_fini(&n->bundle);
	for (int role = 0; role < CONTROL_ROLE_COUNT; role++)
		free(n->programs[role]);
	listener_fini(&n->admin_tcp);
	listener_fini(&n->admin_unix);
	listener_fini(&n->client);
	listener_fini(&n->cluster_listener);
	explicit_bzero(n->admin_token, sizeof(n->admin_token));
	manager_fini(&n->manager);
	close_lock(&n->runtime_lock);
	close_lock(&n->state_lock);
	config_fini(&n->config);
}
