/* The store's answer to the question `status`. */
#ifndef WORKER_STORE_STATUS_H
#define WORKER_STORE_STATUS_H

#include "worker/child.h"
#include "worker/store/commit.h"

/* job: EMPTY, done (an engine that cannot say is not empty); its number is the query's. */
void status_answer(struct child *child, struct commit *commit, struct job *take_job);

#endif
