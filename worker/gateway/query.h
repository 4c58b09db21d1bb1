/* Answers to an admin's questions: status, sessions. */
#ifndef WORKER_GATEWAY_QUERY_H
#define WORKER_GATEWAY_QUERY_H

#include "proto/control.h"

void query_answer(const struct control_query *q);

#endif
