/* Where a node's listeners come from: a socket unit, the service manager's descriptor
 * store, or binding what the configuration says. */
#ifndef SUPERVISOR_NODE_LISTENERS_H
#define SUPERVISOR_NODE_LISTENERS_H

#include "supervisor/node.h"

/* Makes client, admin_unix, admin_tcp with its token, and cluster where there is a secret.
 * A descriptor that was handed over as `client`, `admin` or `cluster` replaces what is configured; what nobody has a use for is
 * closed. 0, or the exit status with sentences in error. */
int node_listeners_init(struct node *n, struct buffer *error);

#endif
