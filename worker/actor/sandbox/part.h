/* The parts of the sandbox, each one thing that the kernel takes from a process. */
#ifndef WORKER_ACTOR_SANDBOX_PART_H
#define WORKER_ACTOR_SANDBOX_PART_H

#include "common/config.h"

/* Each is 0 where it is in force, with what is to be known of it in detail (or nothing), or
 * a negative errno with the reason in detail. */

/* An unprivileged user, no capabilities. Undoes what changing the user does to the process:
 * it would outlive its supervisor and leave no core. */
int part_drop_user(const struct config *config, struct buffer *detail);

/* No program that is executed could get more than this process has. */
int part_no_new_privileges(const struct config *config, struct buffer *detail);

/* No other process, few descriptors, no locked memory; [workers] memory as the kernel's
 * own bound, with PART_MEMORY_MARGIN beyond it. Cores are the operator's choice, and
 * stderr may be a file. */
int part_limit_resources(const struct config *config, struct buffer *detail);

/* Landlock: no file, no TCP port, no process outside. Needs no new privileges. */
int part_lock_land(const struct config *config, struct buffer *detail);

/* The list of system calls. Needs no new privileges; comes last. */
int part_filter_calls(const struct config *config, struct buffer *detail);

/* Descriptors: 64 gateways' links twice, while one takes over from another, and a few. */
#define PART_DESCRIPTORS 192

/* Beyond [workers] memory, for what is not counted there: the program, links' buffers,
 * pieces between allocations. */
#define PART_MEMORY_MARGIN(memory) ((memory) / 4 + (UINT64_C(64) << 20))

#endif
