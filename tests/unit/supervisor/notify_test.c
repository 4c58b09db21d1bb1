/* The protocol of the service manager, with the test as the manager: datagrams with and
 * without descriptors, the barrier, and descriptors handed over by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/supervisor/scratch.h"
#include "supervisor/activation.h"
#include "supervisor/listener.h"
#include "supervisor/notify.h"

/* Binds the manager's end; a name with @ in front is abstract. */
static int manage(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

/* One datagram, and the descriptor that came with it or -1. */
static const char *hear(int manager, int *ret_fd)
{
	static char text[512];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { text, sizeof(text) - 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(manager, &message, MSG_CMSG_CLOEXEC);

	assert_true(n >= 0);
	text[n] = '\0';
	*ret_fd = -1;
	if (CMSG_FIRSTHDR(&message) != NULL)
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return text;
}

static void speaks_to(const char *name)
{
	struct notify n = { 0 };
	int manager = manage(name), fd;

	assert_int_equal(notify_open(&n), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_true(n.open);
	assert_int_equal(notify_send(&n, BYTES_LITERAL("READY=1\n"), -1), 0);
	assert_string_equal(hear(manager, &fd), "READY=1\n");
	assert_int_equal(fd, -1);
	notify_close(&n);
	close(manager);
}

static void a_manager_is_found_by_path_and_by_abstract_name(void **state)
{
	char name[64];

	speaks_to(scratch_path(*state, "notify"));
	snprintf(name, sizeof(name), "@stage-notify-test-%d", (int)getpid());
	speaks_to(name);
}

static void without_a_manager_all_is_well_and_nothing_happens(void **state)
{
	struct notify n = { 0 };

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(&n), 0);
	assert_false(n.open);
	assert_int_equal(notify_send(&n, BYTES_LITERAL("READY=1"), -1), 0);
	assert_int_equal(notify_barrier(&n, 1000), 0);
	notify_close(&n);
}

static void an_address_that_is_none_is_an_error(void **state)
{
	struct notify n = { 0 };
	char name[200];

	(void)state;
	setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
	assert_int_equal(notify_open(&n), -EPROTONOSUPPORT);
	assert_null(getenv("NOTIFY_SOCKET"));
	memset(name, '/', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(&n), -EINVAL);
	setenv("NOTIFY_SOCKET", "@", 1);
	assert_int_equal(notify_open(&n), -EINVAL);
	assert_false(n.open);
}

static void a_manager_that_is_gone_is_an_error(void **state)
{
	struct notify n = { 0 };
	int manager = manage(scratch_path(*state, "gone"));

	assert_int_equal(notify_open(&n), 0);
	close(manager);
	assert_int_equal(notify_send(&n, BYTES_LITERAL("READY=1"), -1), -ECONNREFUSED);
	notify_close(&n);
}

static void a_descriptor_travels_with_its_lines(void **state)
{
	struct notify n = { 0 };
	int manager = manage(scratch_path(*state, "store")), fds[2], fd;
	struct stat sent, came;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(notify_send(&n, BYTES_LITERAL("FDSTORE=1\nFDNAME=x\n"), fds[0]), 0);
	assert_string_equal(hear(manager, &fd), "FDSTORE=1\nFDNAME=x\n");
	assert_int_equal(fstat(fds[0], &sent), 0);
	assert_int_equal(fstat(fd, &came), 0);
	assert_int_equal(sent.st_ino, came.st_ino);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	notify_close(&n);
	close(manager);
}

static void a_barrier_waits_for_the_manager(void **state)
{
	struct notify n = { 0 };
	int manager = manage(scratch_path(*state, "barrier")), fd;
	pid_t pid;

	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(notify_barrier(&n, 10), -ETIME); /* nobody reads */
	assert_string_equal(hear(manager, &fd), "BARRIER=1");
	close(fd);
	pid = fork();
	if (pid == 0) {
		fcntl(manager, F_SETFL, 0); /* waits for it, then its end closes the descriptor */
		hear(manager, &fd);
		_exit(0);
	}
	assert_int_equal(notify_barrier(&n, 30000), 0);
	notify_close(&n);
	close(manager);
}

static void the_watchdog_counts_for_this_process_alone(void **state)
{
	char pid[32];

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_USEC", "30000000", 1);
	unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_watchdog(), 30000);
	assert_null(getenv("WATCHDOG_USEC"));
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog(), 30000);
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog(), 0);
	assert_null(getenv("WATCHDOG_PID"));
	setenv("WATCHDOG_USEC", "3e7", 1);
	assert_int_equal(notify_watchdog(), 0);
}

/* --- activation ------------------------------------------------------------------- */

static void announce(int pid, const char *count, const char *names)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", pid);
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", count, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
	else
		unsetenv("LISTEN_FDNAMES");
}

/* Runs in a process of its own, where the numbers from 3 on are free to be taken. */
static void in_a_process(void (*act)(const char *home), const char *home)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		act(home);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In that process: an assertion that fails is its exit code. */
#define MUST(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); _exit(1); } } while (0)

static void hand_over(const char *home)
{
	struct listener tcp = { 0 }, local = { 0 };
	struct buffer error = { 0 };
	int fds[2], high[3];

	MUST(listener_tcp(&tcp, "127.0.0.1:0", "client", &error) == 0);
	MUST(listener_unix(&local, home, "admin.sock", &error) == 0);
	MUST(pipe(fds) == 0);
	high[0] = fcntl(local.fd, F_DUPFD, 100); /* all out of the way first */
	high[1] = fcntl(tcp.fd, F_DUPFD, 100);
	high[2] = fcntl(fds[0], F_DUPFD, 100);
	for (int i = 0; i < 3; i++)
		MUST(dup2(high[i], ACTIVATION_FIRST + i) == ACTIVATION_FIRST + i);
}

static void take_by_name(const char *home)
{
	struct activation a;
	struct listener l = { 0 };
	struct buffer error = { 0 };
	char path[300];

	hand_over(home);
	announce(getpid(), "3", "admin:admin:web");
	activation_take(&a);
	MUST(getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL && getenv("LISTEN_FDNAMES") == NULL);
	MUST(a.count == 3 && fcntl(3, F_GETFD) == FD_CLOEXEC && fcntl(5, F_GETFD) == FD_CLOEXEC);
	MUST(activation_claim(&a, "client", ACTIVATION_ANY) == -1);
	MUST(activation_claim(&a, "admin", ACTIVATION_TCP) == 4);
	MUST(activation_claim(&a, "admin", ACTIVATION_TCP) == -1);
	MUST(activation_claim(&a, "admin", ACTIVATION_UNIX) == 3);
	MUST(listener_adopt(&l, 3, "admin", &error) == 0);
	snprintf(path, sizeof(path), "%s/admin.sock", home);
	MUST(strcmp(l.address, path) == 0);
	l.lent = true;
	listener_fini(&l);
	MUST(access(path, F_OK) == 0); /* its name is the unit's */
	MUST(listener_adopt(&l, activation_claim(&a, "web", ACTIVATION_ANY), "web", &error) == -EINVAL);
	MUST(buffer_length(&error) > 0 && fcntl(5, F_GETFD) < 0);
	activation_fini(&a);
}

static void take_without_names(const char *home)
{
	struct activation a;

	hand_over(home);
	announce(getpid(), "3", NULL);
	activation_take(&a);
	MUST(a.count == 3 && strcmp(a.entries[2].name, "unknown") == 0);
	activation_fini(&a);
	MUST(fcntl(3, F_GETFD) < 0 && fcntl(4, F_GETFD) < 0 && fcntl(5, F_GETFD) < 0);
}

static void take_for_another(const char *home)
{
	struct activation a;

	hand_over(home);
	announce(getppid(), "3", "client:admin:web");
	activation_take(&a);
	MUST(a.count == 0 && fcntl(3, F_GETFD) >= 0 && getenv("LISTEN_FDS") == NULL);
	announce(getpid(), "-3", NULL);
	activation_take(&a);
	MUST(a.count == 0);
	announce(getpid(), "99999999999", "client"); /* what is not open is not taken */
	activation_take(&a);
	MUST(a.count < ACTIVATION_MOST && strcmp(a.entries[0].name, "client") == 0);
	activation_fini(&a);
}

static void descriptors_are_taken_by_name_and_family(void **state)
{
	in_a_process(take_by_name, *state);
}

static void descriptors_without_names_are_called_unknown(void **state)
{
	in_a_process(take_without_names, *state);
}

static void descriptors_of_another_process_are_left_alone(void **state)
{
	in_a_process(take_for_another, *state);
}

static void a_listener_knows_whether_it_is_what_is_configured(void **state)
{
	struct listener tcp = { 0 }, any = { 0 }, local = { 0 };
	struct buffer error = { 0 };
	char same[320];

	assert_int_equal(listener_tcp(&tcp, "127.0.0.1:0", "client", &error), 0);
	assert_int_equal(listener_tcp(&any, "*:0", "client", &error), 0);
	assert_int_equal(listener_unix(&local, *state, "x.sock", &error), 0);
	assert_true(listener_is_tcp(tcp.fd, tcp.address));
	assert_true(listener_is_tcp(tcp.fd, "127.0.0.1:0"));
	assert_false(listener_is_tcp(tcp.fd, "127.0.0.1:1"));
	assert_false(listener_is_tcp(tcp.fd, "127.0.0.2:0"));
	assert_false(listener_is_tcp(tcp.fd, "[::1]:0"));
	assert_false(listener_is_tcp(tcp.fd, "*:0"));
	assert_true(listener_is_tcp(any.fd, any.address));
	assert_false(listener_is_tcp(any.fd, "127.0.0.1:0"));
	assert_false(listener_is_tcp(local.fd, "127.0.0.1:0"));
	assert_true(listener_is_unix(local.fd, *state, "x.sock"));
	assert_false(listener_is_unix(local.fd, *state, "y.sock"));
	assert_false(listener_is_unix(tcp.fd, *state, "x.sock"));
	unlink(scratch_path(*state, "x.sock"));
	assert_false(listener_is_unix(local.fd, *state, "x.sock"));
	snprintf(same, sizeof(same), "%s", tcp.address);
	assert_int_equal(listener_adopt(&tcp, tcp.fd, "client", &error), 0);
	assert_string_equal(tcp.address, same);
	listener_fini(&tcp);
	listener_fini(&any);
	listener_fini(&local);
	buffer_fini(&error);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(a_manager_is_found_by_path_and_by_abstract_name),
		cmocka_unit_test(without_a_manager_all_is_well_and_nothing_happens),
		cmocka_unit_test(an_address_that_is_none_is_an_error),
		IN_SCRATCH(a_manager_that_is_gone_is_an_error),
		IN_SCRATCH(a_descriptor_travels_with_its_lines),
		IN_SCRATCH(a_barrier_waits_for_the_manager),
		cmocka_unit_test(the_watchdog_counts_for_this_process_alone),
		IN_SCRATCH(descriptors_are_taken_by_name_and_family),
		IN_SCRATCH(descriptors_without_names_are_called_unknown),
		IN_SCRATCH(descriptors_of_another_process_are_left_alone),
		IN_SCRATCH(a_listener_knows_whether_it_is_what_is_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
