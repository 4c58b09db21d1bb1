/* Who gets the shards that nobody owns: for machine_apply() alone. */
#ifndef SUPERVISOR_CLUSTER_MACHINE_ASSIGN_H
#define SUPERVISOR_CLUSTER_MACHINE_ASSIGN_H

#include "supervisor/cluster/machine.h"

/* The shard goes to `owner` in the next epoch; a move of it is over. */
void machine_grant(struct machine_shard *shard, uint64_t owner);

/* The member is dead for good or its store is everybody's: what moves from it to a member
 * that is up goes there at once, the rest is nobody's until machine_assign(). */
void machine_take(struct machine *m, uint64_t id);

/* Gives each shard that nobody owns, in its next epoch, to the member that is up and lacks
 * most. Nothing changes where nobody is up. */
void machine_assign(struct machine *m);

#endif
