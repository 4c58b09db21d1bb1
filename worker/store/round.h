/* What the commit thread does with the jobs that it has taken. */
#ifndef WORKER_STORE_ROUND_H
#define WORKER_STORE_ROUND_H

#include "worker/store/commit.h"

/* jobs: a claim alone, or none. May take as long as the database is away. */
void round_run(struct commit *c, struct job *jobs);

/* Where there has been nothing to do for a while: whether the database is still there. */
void round_look(struct commit *c);

#endif
