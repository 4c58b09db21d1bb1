/* Owns the state and runtime directories on disk: making, locking, atomic files. */
#include "supervisor/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

#define DIRECTORY_MODE 0750
#define PARENT_MODE 0755

/* mkdir -p; the last one gets its mode whatever the umask. */
static int make_path(const char *path)
{
	char *copy = memory_text(path);
	int error = 0;

	for (char *at = copy + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, PARENT_MODE) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			error = -errno;
		*at = '/';
		if (error < 0)
			break;
	}
	if (error == 0 && mkdir(copy, DIRECTORY_MODE) == 0)
		(void)chmod(copy, DIRECTORY_MODE);
	else if (error == 0 && errno != EEXIST)
		error = -errno;
	free(copy);
	return error;
}

int directory_prepare(const char *path, const char *purpose, struct buffer *error)
{
	struct stat st;
	int result;

	if (path[0] == '\0') {
		buffer_printf(error, "the %s directory has no name\n", purpose);
		return -EINVAL;
	}
	result = make_path(path);
	if (result == 0 && stat(path, &st) < 0)
		result = -errno;
	else if (result == 0 && !S_ISDIR(st.st_mode))
		result = -ENOTDIR;
	else if (result == 0 && st.st_uid != geteuid() && st.st_uid != 0)
		result = -EPERM; /* somebody made it before us, below /tmp perhaps */
	else if (result == 0 && access(path, R_OK | W_OK | X_OK) < 0)
		result = -errno;
	if (result < 0)
		buffer_printf(error, "the %s directory %s cannot be used: %s\n", purpose, path, strerror(-result));
	return result;
}

int directory_lock(const char *path, const char *name, const char *purpose,
                   int *ret_fd, struct buffer *error)
{
	char *file, pid[32];
	int fd, result = 0;
	ssize_t n;

	if (asprintf(&file, "%s/%s", path, name) < 0)
		abort();
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		result = -errno;
		buffer_printf(error, "%s cannot be opened: %s\n", file, strerror(-result));
		goto out;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		result = -errno;
		n = pread(fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		buffer_printf(error, "the %s directory %s belongs to a running server%s%s\n", purpose, path,
		              pid[0] != '\0' ? ", pid " : "", pid);
		close(fd);
		goto out;
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		result = -errno;
		buffer_printf(error, "%s cannot be written: %s\n", file, strerror(-result));
		close(fd);
		goto out;
	}
	*ret_fd = fd;
out:
	free(file);
	return result;
}

int directory_read(const char *file, size_t most, struct buffer *out)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), error = 0;
	size_t total = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, buffer_reserve(out, 4096), 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			error = n < 0 ? -errno : 0;
			break;
		}
		buffer_commit(out, (size_t)n);
		total += (size_t)n;
		if (total > most) {
			error = -EFBIG;
			break;
		}
	}
	close(fd);
	return error;
}

static int write_all(int fd, struct bytes data)
{
	for (size_t at = 0; at < data.len;) {
		ssize_t n = write(fd, data.data + at, data.len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* The rename is durable once the directory is. */
static int sync_parent(const char *file)
{
	char *copy = memory_text(file), *slash = strrchr(copy, '/');
	int fd, error = 0;

	if (slash != NULL)
		slash[slash == copy] = '\0';
	fd = open(slash != NULL ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	free(copy);
	return error;
}

int directory_write(const char *file, mode_t mode, struct bytes data)
{
	char *next;
	int fd, error;

	if (asprintf(&next, "%s.new", file) < 0)
		abort();
	(void)unlink(next);
	fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) {
		error = -errno;
		goto out;
	}
	error = write_all(fd, data);
	if (close(fd) < 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(next, file) < 0)
		error = -errno;
	if (error < 0)
		(void)unlink(next);
	else
		error = sync_parent(file);
out:
	free(next);
	return error;
}
