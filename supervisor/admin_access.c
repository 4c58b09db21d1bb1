/* Owns the decision who may use the admin listener. */
#include "supervisor/admin_access.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/memory.h"
#include "supervisor/admin_dispatch.h"

#define GROUPS_MAX 65536 /* the kernel's own bound */

enum admin_access admin_access_rule(uid_t uid, const gid_t *groups, size_t count, uid_t own_uid, gid_t own_gid)
{
	if (uid == 0 || uid == own_uid)
		return ADMIN_ADMIN;
	for (size_t i = 0; i < count; i++) {
		if (groups[i] == own_gid)
			return ADMIN_OPERATE;
	}
	return ADMIN_NOBODY;
}

enum admin_access admin_access_of(int fd, char who[64])
{
	struct ucred peer;
	socklen_t size = sizeof(peer), groups_size = GROUPS_MAX * sizeof(gid_t);
	enum admin_access access;
	gid_t *groups;
	size_t count = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		snprintf(who, 64, "unknown");
		return ADMIN_NOBODY;
	}
	snprintf(who, 64, "uid %u, pid %d, Unix socket", peer.uid, (int)peer.pid);
	groups = memory_new(groups_size + sizeof(gid_t));
	groups[count++] = peer.gid;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &groups_size) == 0)
		count += groups_size / sizeof(gid_t);
	access = admin_access_rule(peer.uid, groups, count, geteuid(), getegid());
	free(groups);
	return access;
}

bool admin_token_equal(struct bytes given, const char *token)
{
	size_t n = strlen(token);
	volatile unsigned char different = given.len != n;

	for (size_t i = 0; i < n; i++)
		different |= (unsigned char)(token[i] ^ (i < given.len ? given.data[i] : 0));
	return n > 0 && !different;
}

/* The first `auth` of a TCP peer is the connection's (admin_connection.c). Here the peer
 * is known already, and what always sends its token first works on either listener. */
void admin_auth(struct admin_run *run)
{
	admin_run_ok(run, NULL);
}
