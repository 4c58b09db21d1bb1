/* What the leader of a cluster should propose next. Pure: state and facts in, at most a
 * few steps out; asked again after each change. */
#ifndef SUPERVISOR_CLUSTER_PLAN_H
#define SUPERVISOR_CLUSTER_PLAN_H

#include "supervisor/cluster/machine.h"

struct plan_move {
	uint64_t from, to;
	uint32_t shard;
};

/* The next moves towards shares even by weight, the fewest that lead there: at most `limit`
 * shards in flight, those that move already counted. Room for `limit` moves; returns how
 * many. Moves with the same `from` and `to` stand together, so that each such run can be
 * proposed and can travel as one. */
uint32_t plan_moves(const struct machine *m, uint32_t limit, struct plan_move *ret);

/* Up to `most` shards whose move cannot end: `to` is not up, or the owner is not alive. */
uint32_t plan_cancels(const struct machine *m, uint32_t *ret, uint32_t most);

/* A member that is leaving and has nothing left to give away, to be removed; or
 * MACHINE_NOBODY. The last member is never one. */
uint64_t plan_removal(const struct machine *m);

/* --- the consensus engine's own configuration --- */

enum plan_role {
	PLAN_SPARE,   /* known to the engine, gets no log */
	PLAN_STANDBY, /* gets the log, has no vote */
	PLAN_VOTER,
};

struct plan_server {
	uint64_t id;
	enum plan_role role;
	bool alive; /* the engine hears from it */
};

enum plan_action {
	PLAN_NOTHING,
	PLAN_ADD,      /* to the engine, as a spare */
	PLAN_ASSIGN,   /* the role */
	PLAN_REMOVE,   /* from the engine */
	PLAN_TRANSFER, /* leadership to it: this node is leaving or no member any more */
};

struct plan_change {
	enum plan_action action;
	uint64_t id;
	enum plan_role role; /* of PLAN_ASSIGN */
};

const char *plan_role_name(enum plan_role role);     /* `voter` … */
const char *plan_action_name(enum plan_action action);

/* How many voters a cluster of so many members that stay should have: 1, 3 or 5.
 *
 * The engine changes one vote at a time, so that from one to three there are two for as long as
 * the second change takes, and the end of either stops the cluster. It cannot be avoided, only
 * kept short: the first change waits until all that are missing stand by, get the log and answer;
 * the second follows upon it, and where it cannot be made the first is taken back. */
uint32_t plan_voters(uint32_t members);

/* The one next change, to be carried out and seen in `servers` before the next is asked
 * for. `leader` is this node. Never one that leaves fewer living voters than a quorum. */
struct plan_change plan_roles(const struct machine *m, const struct plan_server *servers, uint32_t count,
                              uint64_t leader);

#endif
