/* What every child of the supervisor does alike: its channel, its settings, the shard
 * map, its answers (proto/control.h). */
#ifndef WORKER_CHILD_H
#define WORKER_CHILD_H

#include "common/channel.h"
#include "common/config.h"
#include "common/hash.h"
#include "proto/control_cluster.h"
#include "proto/control_tunnel.h"

struct child;

/* Any handler may be NULL: the message is then not for this role, and logged. Received
 * descriptors are the handler's. */
struct child_handlers {
	/* Settings, log and keys are in place; the first of all. */
	void (*on_hello)(struct child *child, const struct control_hello *m);
	/* child->shards is the new map. former is borrowed for the call, NULL at the first. */
	void (*on_shards)(struct child *child, const struct control_shard *former);
	void (*on_peer)(struct child *child, const struct control_peer *m, int take_fd);
	void (*on_listener)(struct child *child, int take_fd);
	void (*on_classes)(struct child *child, const struct control_classes *m, int take_fd);
	void (*on_scoreboard)(struct child *child, int take_fd);
	void (*on_quarantine)(struct child *child, const struct control_quarantine *m);
	void (*on_query)(struct child *child, const struct control_query *m);
	void (*on_drain)(struct child *child);
	void (*on_retire)(struct child *child);
	void (*on_node)(struct child *child, const struct control_node *m);
	void (*on_lease)(struct child *child, int take_fd);
	void (*on_transfer)(struct child *child, const struct control_transfer *m, int take_fd);
	void (*on_drop)(struct child *child, struct bytes shards);
	void (*on_identity)(struct child *child, const struct control_identity *m);
	void (*on_dial)(struct child *child, const struct control_dial *m);
};

struct child {
	struct ev_loop *loop;
	struct channel channel;
	const struct child_handlers *handlers;
	void *owner;
	enum control_role role;
	uint32_t index, incarnation, gateways, actors;
	struct config config;      /* the supervisor's effective settings */
	struct hash_key hash_key;
	struct control_shard *shards;
	uint32_t shard_count;
	uint64_t map_serial; /* of shards */
	int exit_status;
};

/* Takes the channel at CONTROL_FD. Signals of the terminal are the supervisor's affair;
 * the child ends with its supervisor. Returns a negative errno where it was not started
 * by one. */
int child_init(struct child *child, enum control_role role, const struct child_handlers *handlers, void *owner);
void child_fini(struct child *child);

/* Runs the loop until child_exit(). Returns the exit status. */
int child_run(struct child *child);
void child_exit(struct child *child, int status);

void child_ready(struct child *child);
/* Says why it cannot serve, and ends with that status (sysexits). */
void child_fail(struct child *child, int status, const char *text);
void child_rows(struct child *child, const struct control_rows *rows);
/* Of shards that the map `serial` has taken away nothing is left here. */
void child_released(struct child *child, uint64_t serial, const uint16_t *shards, uint32_t count);
void child_alarm(struct child *child, bool raised, const char *name, const char *text);
/* A link to another node, by its PEER, has ended. */
void child_peer_lost(struct child *child, uint32_t index, uint32_t incarnation);
void child_transferred(struct child *child, const struct control_transferred *m);
void child_foreign(struct child *child, const struct control_foreign *m);
/* cells: at most CONTROL_OUTDONE_MOST, by control_outdone_add(). */
void child_outdone(struct child *child, struct bytes cells);
/* take_fd is consumed, -1: none. */
void child_dialed(struct child *child, const struct control_dialed *m, int take_fd);
void child_arrived(struct child *child, const struct control_arrived *m, int take_fd);

#endif
