/* The list of peers, as it is configured and compared. Pure. */
#ifndef SUPERVISOR_CLUSTER_PEERS_H
#define SUPERVISOR_CLUSTER_PEERS_H

#include <stdbool.h>

#include "common/bytes.h"

#define CLUSTER_PEERS_MAX 64

/* Cuts a comma-separated list into at most `most` addresses, which point into it. Blanks
 * and empty ones are left out. */
size_t peers_split(const char *list, struct bytes *ret, size_t most);

/* The same without this address. */
size_t peers_others(const char *list, const char *address, struct bytes *ret, size_t most);

/* Whether the first of the list is this address; one without a port has the cluster port. */
bool peers_begin_with(const char *list, const char *address);

/* Whether this node and so many of the others are more than half of the list. */
bool peers_are_most(size_t some, size_t others);

#endif
