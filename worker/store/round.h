/* What the commit thread does with the jobs that it has taken. */
#ifndef WORKER_STORE_ROUND_H
#define WORKER_STORE_ROUND_H

#include "worker/store/commit.h"

/* jobs: one with a round of its own, or none. May take as long as the database is away. */
void round_run(struct commit *c, struct job *jobs);

/* A scan, an import, a removal of whole shards, or whether there is anything at all. */
void round_whole(struct commit *c, struct job *job);

/* Around each call of the engine; a flush that failed ends the process. */
void round_begin_call(struct commit *c);
enum engine_result round_end_call(struct commit *c, enum engine_result result, const struct buffer *error);
void round_refuse(struct job *job, enum error_code code, struct bytes reason);

/* Where there has been nothing to do for a while: whether the database is still there. */
void round_look(struct commit *c);

#endif
