/* Owns fork and exec: what a child inherits and what it must not. */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/memory.h"

static const struct {
	const char *program, *build_path;
} programs[CONTROL_ROLE_COUNT] = {
	[CONTROL_GATEWAY] = { "stage-gateway", "../worker/gateway/stage-gateway" },
	[CONTROL_ACTOR] = { "stage-actor", "../worker/actor/stage-actor" },
	[CONTROL_STORE] = { "stage-store", "../worker/store/stage-store" },
	[CONTROL_TUNNEL] = { "stage-tunnel", "../worker/tunnel/stage-tunnel" },
};

const char *spawn_program_name(enum control_role role)
{
	return programs[role].program;
}

static char *join(const char *directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		abort();
	return path;
}

/* The directory of this very program, or NULL. */
static char *own_directory(void)
{
	char path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	return memory_text(path);
}

char *spawn_find(enum control_role role, struct buffer *error)
{
	const char *given = getenv("STAGE_LIBEXECDIR");
	char *own, *path = NULL;

	if (given != NULL && given[0] != '\0') {
		path = join(given, programs[role].program);
	} else if ((own = own_directory()) != NULL) {
		path = join(own, programs[role].build_path);
		free(own);
		if (access(path, X_OK) < 0) {
			free(path);
			path = NULL;
		}
	}
	if (path == NULL)
		path = join(STAGE_LIBEXECDIR, programs[role].program);
	if (access(path, X_OK) == 0)
		return path;
	buffer_printf(error, "the program %s cannot be executed: %s\n", path, strerror(errno));
	free(path);
	return NULL;
}

/* Between fork and exec: async-signal-safe calls only. */
static _Noreturn void become(const char *program, char *const arguments[], int fd, pid_t parent)
{
	static const int quiet[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t none;
	int null;

	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
		signal(quiet[i], SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(70);
	if (fd == CONTROL_FD) { /* dup2 would leave close-on-exec set */
		if (fcntl(fd, F_SETFD, 0) < 0)
			_exit(71);
	} else if (dup2(fd, CONTROL_FD) < 0) {
		_exit(71);
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	close_range(CONTROL_FD + 1, ~0u, 0);
	execv(program, arguments);
	_exit(127);
}

int spawn_start(const char *program, const char *title, int fd, pid_t *ret_pid)
{
	char *arguments[] = { memory_text(title), NULL };
	pid_t parent = getpid(), pid = fork();
	int error = pid < 0 ? -errno : 0;

	if (pid == 0)
		become(program, arguments, fd, parent);
	free(arguments[0]);
	if (pid > 0)
		*ret_pid = pid;
	return error;
}
