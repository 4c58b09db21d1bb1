/* Addresses of nodes, as they are configured and compared. Pure but for the question which
 * addresses this machine has. */
#ifndef SUPERVISOR_CLUSTER_ADDRESS_H
#define SUPERVISOR_CLUSTER_ADDRESS_H

#include "common/config.h"

#define CLUSTER_PEERS_MAX 64

/* Cuts a comma-separated list into at most `most` addresses, which point into it. Blanks
 * and empty ones are left out. */
size_t peers_split(const char *list, struct bytes *ret, size_t most);

/* Whether the first of the list is this address; one without a port has the cluster port. */
bool peers_begin_with(const char *list, const char *address);

/* Where others reach this node: [cluster] advertise, else the address it listens on, and
 * where that is every address the first of the machine's that is not loopback. The port is
 * the listener's where none is said. The caller's to free; NULL with a sentence in error. */
char *advertised_address(const struct config *config, const char *listener, struct buffer *error);

#endif
