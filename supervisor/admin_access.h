/* Who a peer of the admin listener is and what it may do. */
#ifndef SUPERVISOR_ADMIN_ACCESS_H
#define SUPERVISOR_ADMIN_ACCESS_H

#include <sys/types.h>

#include "proto/admin.h"

/* The rule itself: root and the server's own uid are admin, members of its group
 * operate, others nothing. */
enum admin_access admin_access_rule(uid_t uid, const gid_t *groups, size_t count, uid_t own_uid, gid_t own_gid);

/* Asks the kernel about the peer of a Unix socket; who gets words for the audit log. */
enum admin_access admin_access_of(int fd, char who[64]);

/* Takes the same time wherever the two differ. */
bool admin_token_equal(struct bytes given, const char *token);

#endif
