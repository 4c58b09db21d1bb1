/* Each part of the sandbox alone, so that none hides behind another: entered in a child
 * process, which tells how the forbidden ends. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "worker/actor/sandbox/part.h"
#include "worker/actor/sandbox/sandbox.h"

enum { SKIPPED = 77, WRONG = 99 };

static struct config config;

/* The exit status of f in a child; signals count as WRONG. */
static int in_child(int (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(f());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : WRONG;
}

static void assert_holds(int (*f)(void))
{
	int status = in_child(f);

	if (status == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

/* Lines of what went wrong are what the child's exit status says. */
#define HOLDS(condition) do { if (!(condition)) return __LINE__ % 70 + 1; } while (0)

static int enter(int (*part)(const struct config *, struct buffer *), const char *detail)
{
	struct buffer text = { 0 };
	int r = part(&config, &text);

	if (detail && (buffer_length(&text) < strlen(detail) || memcmp(buffer_bytes(&text).data, detail, strlen(detail)) != 0))
		r = -WRONG;
	buffer_fini(&text);
	return r;
}

/* --- landlock --- */

static int connect_error(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), r = connect(fd, (struct sockaddr *)&at, sizeof(at));

	r = r < 0 ? errno : 0;
	close(fd);
	return r;
}

static char directory[] = "/tmp/land-XXXXXX";

static int locked_land(void)
{
	int r, abi;
	struct buffer detail = { 0 };

	HOLDS(connect_error() != EACCES);
	HOLDS(part_no_new_privileges(&config, &detail) == 0);
	r = part_lock_land(&config, &detail);
	buffer_append(&detail, "", 1);
	abi = atoi(buffer_bytes(&detail).data);
	buffer_fini(&detail);
	if (r < 0)
		return r == -EOPNOTSUPP || r == -ENOSYS ? SKIPPED : WRONG;
	HOLDS(rmdir(directory) < 0 && errno == EACCES);
	HOLDS(chdir(directory) == 0 && mkdir("inner", 0700) < 0 && errno == EACCES);
	HOLDS(open("file", O_CREAT | O_WRONLY, 0600) < 0 && errno == EACCES);
	HOLDS(open("/dev/null", O_WRONLY) < 0 && errno == EACCES);
	HOLDS(abi < 4 || connect_error() == EACCES);
	HOLDS(abi < 6 || (kill(getppid(), 0) < 0 && errno == EPERM));
	HOLDS(kill(getpid(), 0) == 0);
	return 0;
}

static void landlock_forbids_files_ports_and_strangers(void **state)
{
	int status;

	(void)state;
	assert_non_null(mkdtemp(directory));
	status = in_child(locked_land);
	assert_int_equal(rmdir(directory), 0);
	if (status == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

/* --- the user --- */

static int dropped_user(void)
{
	if (geteuid() != 0)
		return SKIPPED;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	HOLDS(enter(part_drop_user, "nobody") == 0);
	HOLDS(geteuid() != 0 && getuid() == geteuid() && getgroups(0, NULL) == 0);
	HOLDS(setuid(0) < 0 && setgid(0) < 0);
	HOLDS(open("/etc/shadow", O_RDONLY) < 0);
	return 0;
}

static int kept_tie_to_parent(void)
{
	int signal = 0, before = prctl(PR_GET_DUMPABLE);

	if (geteuid() != 0)
		return SKIPPED;
	HOLDS(enter(part_drop_user, NULL) == 0);
	HOLDS(prctl(PR_GET_PDEATHSIG, &signal) == 0 && signal == SIGKILL);
	HOLDS(prctl(PR_GET_DUMPABLE) == before);
	return 0;
}

static int refused_root(void)
{
	if (geteuid() != 0)
		return SKIPPED;
	config.workers.user = memory_text("root");
	HOLDS(enter(part_drop_user, "root is a privileged user") == -EINVAL);
	free(config.workers.user);
	return 0;
}

static void another_user_is_become_for_good(void **state)
{
	(void)state;
	assert_holds(dropped_user);
}

static void the_supervisors_death_and_cores_are_as_before(void **state)
{
	(void)state;
	assert_holds(kept_tie_to_parent);
}

static void root_is_no_user_to_become(void **state)
{
	(void)state;
	assert_holds(refused_root);
}

/* --- limits --- */

static rlim_t most(__rlimit_resource_t resource)
{
	struct rlimit limit;

	getrlimit(resource, &limit);
	return limit.rlim_max;
}

static int limited(void)
{
	rlim_t cores = most(RLIMIT_CORE), files = most(RLIMIT_FSIZE);

	config.workers.memory = 64 << 20;
	HOLDS(enter(part_limit_resources, NULL) == 0);
	HOLDS(most(RLIMIT_NOFILE) <= PART_DESCRIPTORS && most(RLIMIT_MEMLOCK) == 0 && most(RLIMIT_MSGQUEUE) == 0);
	HOLDS(most(RLIMIT_CORE) == cores && most(RLIMIT_FSIZE) == files);
#ifndef STAGE_SANITIZED
	HOLDS(most(RLIMIT_NPROC) == 0);
	HOLDS(most(RLIMIT_DATA) == (64 << 20) + (16 << 20) + (64 << 20));
#endif
	return 0;
}

static void limits_are_lowered_but_for_the_operators(void **state)
{
	(void)state;
	assert_holds(limited);
}

/* --- the whole --- */

static int switched_off(void)
{
	char *level = NULL;
	struct buffer why = { 0 };

	config.workers.sandbox = CONFIG_SANDBOX_OFF;
	HOLDS(sandbox_enter(&config, &level, &why) == 0 && strcmp(level, "off") == 0);
	HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	free(level);
	return 0;
}

static int switched_on(void)
{
	char *level = NULL;
	struct buffer why = { 0 };

	config.workers.sandbox = CONFIG_SANDBOX_ON;
	HOLDS(sandbox_enter(&config, &level, &why) == 0 && buffer_length(&why) == 0);
	HOLDS(strstr(level, "no-new-privileges, rlimits") != NULL);
	free(level);
#ifdef STAGE_SANITIZED
	/* There is no filter here: what is required is not there. */
	config.workers.sandbox = CONFIG_SANDBOX_REQUIRED;
	HOLDS(sandbox_enter(&config, &level, &why) == -EPERM);
	HOLDS(strstr(level, "partly: ") == level && strstr(level, "; missing: ") && strstr(level, "seccomp"));
	HOLDS(buffer_length(&why) > 0);
	free(level);
	buffer_fini(&why);
#endif
	return 0;
}

static void off_changes_nothing(void **state)
{
	(void)state;
	assert_holds(switched_off);
}

static void a_level_names_what_is_there_and_what_is_not(void **state)
{
	(void)state;
	assert_holds(switched_on);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(landlock_forbids_files_ports_and_strangers),
		cmocka_unit_test(another_user_is_become_for_good),
		cmocka_unit_test(the_supervisors_death_and_cores_are_as_before),
		cmocka_unit_test(root_is_no_user_to_become),
		cmocka_unit_test(limits_are_lowered_but_for_the_operators),
		cmocka_unit_test(off_changes_nothing),
		cmocka_unit_test(a_level_names_what_is_there_and_what_is_not),
	};
	int r;

	config_init(&config);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	config_fini(&config);
	return r;
}
