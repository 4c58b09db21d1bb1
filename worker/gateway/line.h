/* A client's line: parsed, counted, and handed to its verb. */
#ifndef WORKER_GATEWAY_LINE_H
#define WORKER_GATEWAY_LINE_H

#include "worker/gateway/session.h"

/* A whole line within the limit. */
void line_take(struct session *s, struct bytes line);

/* The beginning of one that is over it, or that there is no room for. */
void line_too_big(struct session *s, struct bytes beginning, enum error_code code);

/* Answers a request with an error; json may be empty. */
void line_refuse(struct session *s, struct bytes id, enum error_code code, struct bytes json);

#endif
