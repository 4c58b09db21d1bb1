/* Giving up the superuser, capabilities, and ways to get either back. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/actor/sandbox/part.h"

#define FALLBACK "nobody"

static int fail(struct buffer *detail, int error, const char *what)
{
	buffer_printf(detail, "%s: %s", what, strerror(error));
	return -error;
}

/* NULL where neither the user of the settings nor FALLBACK could do. */
static const struct passwd *find_user(const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL) {
		log_info("the actor workers' user does not exist; another is taken", F_TEXT("user", name),
		         F_TEXT("instead", FALLBACK));
		user = getpwnam(FALLBACK);
	}
	return user;
}

static int become(const struct passwd *user, struct buffer *detail)
{
	uid_t real, effective, saved;
	gid_t group, effective_group, saved_group;

	if (user->pw_uid == 0 || user->pw_gid == 0) {
		buffer_printf(detail, "%s is a privileged user", user->pw_name);
		return -EINVAL;
	}
	if (setgroups(0, NULL) < 0)
		return fail(detail, errno, "its groups cannot be given up");
	if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0)
		return fail(detail, errno, "its group cannot be changed");
	if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return fail(detail, errno, "its user cannot be changed");
	if (getresuid(&real, &effective, &saved) < 0 || getresgid(&group, &effective_group, &saved_group) < 0 ||
	    real != user->pw_uid || effective != real || saved != real ||
	    group != user->pw_gid || effective_group != group || saved_group != group || setuid(0) == 0) {
		buffer_append_text(detail, "it could become root again");
		return -EPERM;
	}
	buffer_append_text(detail, user->pw_name);
	return 0;
}

/* Those an ordinary user may have been given, too. */
static int drop_capabilities(struct buffer *detail)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* an old kernel has none */
	if (syscall(SYS_capset, &header, none) < 0)
		return fail(detail, errno, "its capabilities cannot be given up");
	return 0;
}

int part_drop_user(const struct config *config, struct buffer *detail)
{
	const struct passwd *user = NULL;
	pid_t parent = getppid();
	int dumpable = prctl(PR_GET_DUMPABLE), r = 0;

	if (geteuid() == 0) {
		user = find_user(config->workers.user);
		if (user == NULL) {
			buffer_printf(detail, "neither %s nor %s exists", config->workers.user, FALLBACK);
			return -ENOENT;
		}
		r = become(user, detail);
		/* The kernel has cleared both with the user. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			raise(SIGKILL);
		prctl(PR_SET_DUMPABLE, dumpable == 1);
	}
	return r < 0 ? r : drop_capabilities(detail);
}

int part_no_new_privileges(const struct config *config, struct buffer *detail)
{
	(void)config;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(detail, errno, "prctl");
	return 0;
}
