/* A preloaded library of the tests: what an attacker would do who has taken an actor worker
 * over. math.tan(ATTEMPT + i) of an actor tries row i, and is the errno it ended with. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPT 1e9

static double (*real_tan)(double);

/* --- what fails, each 0 or negative with errno --- */

static int give_back(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static int read_file(void)
{
	return give_back(open("/etc/passwd", O_RDONLY));
}

static int write_file(void)
{
	return give_back(open("escaped", O_WRONLY | O_CREAT, 0600));
}

static int list_directory(void)
{
	return give_back(open("/", O_RDONLY | O_DIRECTORY));
}

static int look_at_file(void)
{
	struct stat st;

	return stat("/etc/passwd", &st);
}

static int make_directory(void)
{
	return mkdir("escaped-directory", 0700);
}

static int rename_file(void)
{
	return rename("victim", "stolen");
}

static int internet_socket(void)
{
	return give_back(socket(AF_INET, SOCK_STREAM, 0));
}

static int unix_socket(void)
{
	return give_back(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int memory_file(void)
{
	return give_back(memfd_create("escaped", 0));
}

static int start_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

static int signal_parent(void)
{
	return kill(getppid(), 0);
}

static int signal_parents_thread(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int signals_by_descriptor(void)
{
	return fcntl(STDERR_FILENO, F_SETOWN, getppid());
}

static int map_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? -1 : munmap(at, 4096);
}

static int make_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r = mprotect(at, 4096, PROT_READ | PROT_EXEC), error = errno;

	munmap(at, 4096);
	errno = error;
	return r;
}

static int new_timer(void)
{
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0 ? -1 : timer_delete(timer);
}

static int look_at_limits(void)
{
	struct rlimit limit;

	return prlimit(0, RLIMIT_NOFILE, NULL, &limit);
}

/* Fails where [workers] memory is set: far beyond what Lua would be refused. */
static int bounded_gigabyte(void)
{
	void *at = mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? -1 : munmap(at, 1 << 30);
}

/* --- what ends the process --- */

static int fatal_execve(void)
{
	char name[] = "true", *const arguments[] = { name, NULL };

	return execve("/bin/true", arguments, NULL);
}

static int fatal_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int fatal_read_memory(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)real_tan, 1 };

	return (int)process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static int fatal_bpf(void)
{
	union bpf_attr attributes = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
}

/* sandbox.py reads the names from here. */
static const struct {
	const char *name;
	int (*attempt)(void);
} rows[] = {
	{ "read_file", read_file },
	{ "write_file", write_file },
	{ "list_directory", list_directory },
	{ "look_at_file", look_at_file },
	{ "make_directory", make_directory },
	{ "rename_file", rename_file },
	{ "internet_socket", internet_socket },
	{ "unix_socket", unix_socket },
	{ "memory_file", memory_file },
	{ "start_process", start_process },
	{ "signal_parent", signal_parent },
	{ "signal_parents_thread", signal_parents_thread },
	{ "signals_by_descriptor", signals_by_descriptor },
	{ "map_code", map_code },
	{ "make_code", make_code },
	{ "new_timer", new_timer },
	{ "look_at_limits", look_at_limits },
	{ "bounded_gigabyte", bounded_gigabyte },
	{ "fatal_execve", fatal_execve },
	{ "fatal_ptrace", fatal_ptrace },
	{ "fatal_read_memory", fatal_read_memory },
	{ "fatal_bpf", fatal_bpf },
};

__attribute__((constructor)) static void find_real(void)
{
	real_tan = (double (*)(double))dlsym(RTLD_NEXT, "tan");
}

double tan(double x);

double tan(double x)
{
	size_t i;

	if (x < ATTEMPT || x >= ATTEMPT + (double)(sizeof(rows) / sizeof(rows[0])))
		return real_tan ? real_tan(x) : x;
	i = (size_t)(x - ATTEMPT);
	errno = 0;
	return rows[i].attempt() < 0 ? errno : 0;
}
