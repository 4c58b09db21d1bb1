/* The calls that can be made to fail, or to end the process before or after: each asks its
 * rows, and is otherwise the C library's. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fault/inject.h"

/* glibc's own names: looking malloc up with dlsym() would itself allocate. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

bool inject_memory_ended;

static struct {
	ssize_t (*write)(int, const void *, size_t);
	ssize_t (*pwrite)(int, const void *, size_t, off_t);
	ssize_t (*send)(int, const void *, size_t, int);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	ssize_t (*recv)(int, void *, size_t, int);
	int (*fsync)(int);
	int (*fdatasync)(int);
} real;

static void *find(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void find_all(void)
{
	real.write = find("write");
	real.pwrite = find("pwrite");
	real.send = find("send");
	real.sendmsg = find("sendmsg");
	real.recv = find("recv");
	real.fsync = find("fsync");
	real.fdatasync = find("fdatasync");
}

/* --- bytes --- */

ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t n;

	if (inject_before("write", data, size))
		return -1;
	if (real.write == NULL) /* another library's constructor came before ours */
		find_all();
	n = real.write(fd, data, size);
	return n > 0 && inject_after("write", data, size) ? -1 : n;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	ssize_t n;

	if (inject_before("pwrite", data, size))
		return -1;
	n = real.pwrite(fd, data, size, at);
	return n > 0 && inject_after("pwrite", data, size) ? -1 : n;
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	ssize_t n;

	if (inject_before("send", data, size))
		return -1;
	n = real.send(fd, data, size, flags);
	return n > 0 && inject_after("send", data, size) ? -1 : n;
}

/* Control messages of one part (common/channel.c). */
ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	const struct iovec *part = m->msg_iov;
	ssize_t n;

	if (inject_before("sendmsg", part->iov_base, part->iov_len))
		return -1;
	n = real.sendmsg(fd, m, flags);
	return n > 0 && inject_after("sendmsg", part->iov_base, part->iov_len) ? -1 : n;
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
	ssize_t n;

	if (inject_before("recv", NULL, 0))
		return -1;
	n = real.recv(fd, data, size, flags);
	return n > 0 && inject_after("recv", data, (size_t)n) ? -1 : n;
}

/* --- the disk --- */

int fsync(int fd)
{
	int r = inject_before("fsync", NULL, 0) ? -1 : real.fsync(fd);

	return r == 0 && inject_after("fsync", NULL, 0) ? -1 : r;
}

int fdatasync(int fd)
{
	int r = inject_before("fdatasync", NULL, 0) ? -1 : real.fdatasync(fd);

	return r == 0 && inject_after("fdatasync", NULL, 0) ? -1 : r;
}

/* --- memory: one name for all, `malloc` --- */

static bool refused(size_t size)
{
	if (inject_memory_ended)
		errno = ENOMEM;
	return inject_memory_ended || inject_before("malloc", NULL, size);
}

void *malloc(size_t size)
{
	return refused(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return refused(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return size > 0 && refused(size) ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}
