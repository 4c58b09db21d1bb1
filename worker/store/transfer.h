/* Moves of whole shards between this store and another node's (proto/transfer.h). */
#ifndef WORKER_STORE_TRANSFER_H
#define WORKER_STORE_TRANSFER_H

#include "worker/child.h"
#include "worker/store/commit.h"

/* Begins one; child_transferred() follows once. */
void transfer_begin(struct child *child, struct commit *commit, const struct control_transfer *m, int take_fd);

/* Removes what this node has of the shards. */
void transfer_drop(struct commit *commit, struct bytes shards);

/* A job of SCAN, IMPORT or DROP is done; the caller frees it. */
void transfer_job_done(const struct job *job);

/* Whether some are under way. */
bool transfer_busy(void);
/* All end with an error: the store ends. */
void transfer_end_all(void);

#endif
