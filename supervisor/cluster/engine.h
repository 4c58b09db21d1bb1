/* The consensus engine: libraft (https://raft.readthedocs.io, Ongaro's Raft with pre-vote)
 * in the supervisor's loop. It replicates entries that it does not look into, and keeps them
 * in a directory. Connections to other members are made by the owner. */
#ifndef SUPERVISOR_CLUSTER_ENGINE_H
#define SUPERVISOR_CLUSTER_ENGINE_H

#include <ev.h>
#include <stdint.h>

#include "common/buffer.h"

struct engine;
struct engine_dial;

enum engine_status {
	ENGINE_DONE,
	ENGINE_NOT_LEADER, /* nothing happened */
	ENGINE_BUSY,       /* another change of the configuration is under way, or all before is not decided; nothing happened */
	ENGINE_UNKNOWN,    /* leadership was lost meanwhile: it may yet happen */
	ENGINE_FAILED,     /* nothing happened */
};

/* In the order of enum plan_role. */
enum engine_role { ENGINE_SPARE, ENGINE_STANDBY, ENGINE_VOTER };

struct engine_server {
	uint64_t id;
	enum engine_role role;
	const char *address; /* valid until the next call */
	bool heard; /* at the leader, of those that get the log: it has answered within an election's time */
};

struct engine_handlers {
	/* A committed entry, in order; at a restart those since the last snapshot again. The
	 * on_done of its proposal follows at once, before any other. */
	void (*on_apply)(void *owner, struct bytes entry);
	void (*on_snapshot)(void *owner, struct buffer *out);
	/* false where it is none. */
	bool (*on_restore)(void *owner, struct bytes snapshot);
	/* Role, leader or configuration may have changed. From the loop. */
	void (*on_change)(void *owner);
	/* A stream to a member is wanted: answer once with engine_dialed(), later, from the loop. */
	void (*dial)(void *owner, uint64_t id, const char *address, struct engine_dial *request);
	/* Its directory cannot be written: it must be closed. */
	void (*on_failed)(void *owner, const char *text);
};

struct engine_timing {
	unsigned election, heartbeat;  /* ms */
	unsigned threshold, trailing;  /* entries until a snapshot, and kept behind it */
};

extern const struct engine_timing engine_default_timing;

/* Opens the directory (made if it is missing) and starts. found: where it is pristine this
 * server is its cluster's only voter; else it waits to be added. timing may be NULL.
 * 0, or -errno with a sentence in error. */
int engine_open(struct engine **ret, struct ev_loop *loop, const char *directory, uint64_t id, const char *address,
                bool found, const struct engine_timing *timing, const struct engine_handlers *handlers, void *owner,
                struct buffer *error);
/* Closes; on_closed follows from the loop, then it is freed. Proposals end as UNKNOWN before. */
void engine_close(struct engine *e, void (*on_closed)(void *owner), void *owner);
/* Removes a closed engine's directory. */
void engine_wipe(const char *directory);

/* An authenticated stream of a member has come. */
void engine_accept(struct engine *e, uint64_t id, const char *address, int take_fd);
/* take_fd: -1 where there is no connection. */
void engine_dialed(struct engine_dial *request, int take_fd);

typedef void (*engine_done)(void *owner, enum engine_status status);

/* on_done follows once, possibly from inside the call. */
void engine_propose(struct engine *e, struct bytes entry, engine_done on_done, void *owner);
void engine_add(struct engine *e, uint64_t id, const char *address, engine_done on_done, void *owner);
void engine_assign(struct engine *e, uint64_t id, enum engine_role role, engine_done on_done, void *owner);
void engine_remove(struct engine *e, uint64_t id, engine_done on_done, void *owner);
/* Hands leadership over; DONE where the other one leads. */
void engine_transfer(struct engine *e, uint64_t id, engine_done on_done, void *owner);

bool engine_is_leader(const struct engine *e);
/* False where no leader is known. address is valid until the next call. */
bool engine_leader(const struct engine *e, uint64_t *ret_id, const char **ret_address);
/* Up to `most` servers of the present configuration; returns how many. */
uint32_t engine_configuration(const struct engine *e, struct engine_server *ret, uint32_t most);

#endif
