/* The verbs addressed to the connection itself, `@`. */
#ifndef WORKER_GATEWAY_CONNECTION_H
#define WORKER_GATEWAY_CONNECTION_H

#include "worker/gateway/session.h"

void connection_hello(struct session *s, const struct client_request *q);
void connection_auth(struct session *s, const struct client_request *q);
void connection_ping(struct session *s, const struct client_request *q);
void connection_sync(struct session *s, const struct client_request *q);
void connection_unwatch(struct session *s, const struct client_request *q);
void connection_cancel(struct session *s, const struct client_request *q);
void connection_bye(struct session *s, const struct client_request *q);

#endif
