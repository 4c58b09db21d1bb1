/* Answers to an admin's questions: status, actors, inspect. */
#ifndef WORKER_ACTOR_QUERY_H
#define WORKER_ACTOR_QUERY_H

#include "proto/control.h"
#include "worker/actor/worker.h"

/* Appends the rows of one answer as CONTROL_ROWS messages through send. */
void query_answer(struct worker *w, const struct control_query *q,
                  void (*send)(struct worker *w, const struct control_rows *rows));

/* The problems of a bundle, as rows {file, line, message}; empty: none. */
void query_problems(struct worker *w, uint32_t query, const struct host_problems *problems,
                    void (*send)(struct worker *w, const struct control_rows *rows));

#endif
