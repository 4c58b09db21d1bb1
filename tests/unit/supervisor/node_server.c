/* Owns the running of whole nodes in tests. */
#include "tests/unit/supervisor/node_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/supervisor/scratch.h"

#define PATIENCE 30000 /* ms */

static pid_t spawn(const char *program, const char *const arguments[], int out, int err)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing running */
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execv(program, (char *const *)arguments);
	_exit(127);
}

void node_start(struct node_server *s, const char *home, const char *settings, const char *faults)
{
	char ini[2048], file[256];
	const char *arguments[] = { "stage", "-c", file, NULL };
	int pipe_fds[2];

	snprintf(ini, sizeof(ini),
	         "[node]\nname = test\nlog_level = debug\nstate = %s/state\nruntime = %s/run\n"
	         "[client]\nlisten = 127.0.0.1:0\n[actors]\npath = %s/actors\n%s",
	         home, home, home, settings);
	scratch_write(home, "stage.ini", ini);
	scratch_write(home, "actors/good.lua", "a class");
	snprintf(file, sizeof(file), "%s/stage.ini", home);
	if (faults != NULL)
		setenv("FAKE_CHILD", faults, 1);
	else
		unsetenv("FAKE_CHILD");
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	*s = (struct node_server){ .home = home, .log = pipe_fds[0] };
	s->pid = spawn(getenv("TEST_STAGE"), arguments, pipe_fds[1], pipe_fds[1]);
	close(pipe_fds[1]);
	assert_true(s->pid > 0);
}

/* Reads more of the log. false at its end. */
static bool read_log(struct node_server *s)
{
	struct pollfd at = { .fd = s->log, .events = POLLIN };
	ssize_t n;

	if (poll(&at, 1, PATIENCE) <= 0)
		fail_msg("the log has been silent for too long:\n%s", s->said.data != NULL ? buffer_bytes(&s->said).data : "");
	n = read(s->log, buffer_reserve(&s->said, 4097), 4096);
	if (n <= 0)
		return false;
	buffer_commit(&s->said, (size_t)n);
	*buffer_reserve(&s->said, 1) = '\0';
	return true;
}

void node_await(struct node_server *s, const char *text)
{
	for (;;) {
		const char *all = s->said.data != NULL ? buffer_bytes(&s->said).data : "";
		const char *at = strstr(all + s->heard, text);

		if (at != NULL) {
			s->heard = (size_t)(at - all) + strlen(text);
			return;
		}
		if (!read_log(s))
			fail_msg("the log ended before it said '%s':\n%s", text, all);
	}
}

int node_wait(struct node_server *s)
{
	int status;

	while (read_log(s))
		; /* its end is also that of all children: they share it */
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	close(s->log);
	if (strstr(s->said.data != NULL ? buffer_bytes(&s->said).data : "", "Sanitizer") != NULL)
		fail_msg("a sanitizer complained:\n%s", buffer_bytes(&s->said).data);
	buffer_fini(&s->said);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int node_end(struct node_server *s)
{
	kill(s->pid, SIGTERM);
	return node_wait(s);
}

const char *node_ask(const struct node_server *s, const char *lines)
{
	static char answer[65536];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/admin.sock", s->home);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, lines, strlen(lines), MSG_NOSIGNAL), strlen(lines));
	shutdown(fd, SHUT_WR);
	for (;;) {
		struct pollfd at = { .fd = fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&at, 1, PATIENCE), 1);
		n = recv(fd, answer + length, sizeof(answer) - 1 - length, 0);
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	close(fd);
	answer[length] = '\0';
	return answer;
}

void node_ask_until(const struct node_server *s, const char *lines, const char *text)
{
	uint64_t deadline = clock_now_ms() + PATIENCE;

	while (strstr(node_ask(s, lines), text) == NULL) {
		if (clock_now_ms() > deadline)
			fail_msg("'%s' never answered '%s', but:\n%s", lines, text, node_ask(s, lines));
	}
}

pid_t node_child_pid(const struct node_server *s, const char *role, unsigned index)
{
	char key[64];
	const char *at;
	int pid = 0;

	snprintf(key, sizeof(key), "{\"role\":\"%s\",\"index\":%u,\"pid\":", role, index);
	at = strstr(node_ask(s, "workers fmt=json\n"), key);
	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(key), "%d", &pid), 1);
	return pid;
}

int node_stagectl(const struct node_server *s, const char *const arguments[], char output[8192])
{
	char file[256];
	const char *all[16] = { "stagectl", "-c", file };
	size_t count = 3, length = 0;
	int pipe_fds[2], status;
	ssize_t n;
	pid_t pid;

	snprintf(file, sizeof(file), "%s/stage.ini", s->home);
	while (*arguments != NULL)
		all[count++] = *arguments++;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = spawn(getenv("TEST_STAGECTL"), all, pipe_fds[1], pipe_fds[1]);
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], output + length, 8191 - length)) > 0)
		length += (size_t)n;
	output[length] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
