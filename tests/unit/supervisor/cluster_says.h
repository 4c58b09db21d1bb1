/* Commands as short calls, for tests of the machine and the plan that read as stories. Each
 * says what became of it. */
#ifndef TESTS_UNIT_SUPERVISOR_CLUSTER_SAYS_H
#define TESTS_UNIT_SUPERVISOR_CLUSTER_SAYS_H

#include "supervisor/cluster/machine_command.h"

/* Members 1, 2, 3 … are called node1 … and stand at host1:7000 …, with weight 1. */
struct machine_result says_found(struct machine *m, bool shared, uint32_t shards, uint64_t first);
struct machine_result says_add(struct machine *m, uint64_t id, uint32_t weight);
struct machine_result says_renew(struct machine *m, uint64_t id, uint64_t incarnation, uint64_t renewal);
struct machine_result says_down(struct machine *m, uint64_t id, uint64_t incarnation, uint64_t renewal);
/* Down, as it is now. */
struct machine_result says_dead(struct machine *m, uint64_t id);
struct machine_result says_drain(struct machine *m, uint64_t id, bool on);
struct machine_result says_leave(struct machine *m, uint64_t id);
struct machine_result says_move(struct machine *m, uint32_t shard, uint64_t to);
/* The owner lets go of the shard as it is now. */
struct machine_result says_moved(struct machine *m, uint32_t shard);
struct machine_result says_raise(struct machine *m, uint32_t shard, uint64_t owner, uint32_t epoch, uint32_t above);
struct machine_result says_cancel(struct machine *m, uint32_t shard);
struct machine_result says_remove(struct machine *m, uint64_t id, bool lost);
struct machine_result says(struct machine *m, struct buffer *command); /* takes it */

/* A cluster of members 1 … count, all up, and of so many shards, which 1 owns. */
struct machine says_cluster(bool shared, uint32_t shards, uint32_t count);

/* Fails where the state breaks an invariant or does not survive its snapshot. */
void says_check(const struct machine *m);

#endif
