/* get, set and call: from a client's line to a frame for the actor. */
#ifndef WORKER_GATEWAY_REQUEST_H
#define WORKER_GATEWAY_REQUEST_H

#include "worker/gateway/session.h"

void request_get(struct session *s, const struct client_request *q);
void request_set(struct session *s, const struct client_request *q);
void request_call(struct session *s, const struct client_request *q);

/* What all requests to actors share: options this version lacks are refused (false), the
 * deadline is reckoned, the members are written. */
bool request_begin(struct session *s, const struct client_request *q, struct ipc_request *ret);

/* A request's deadline is over: it is answered, or its owner is given a little longer. */
void request_on_deadline(struct timer *timer);

/* Sends it for the session; watch is taken (NULL but for watch). */
void request_send(struct session *s, const struct client_request *q, const struct ipc_request *request,
                  struct watch *take_watch);

#endif
