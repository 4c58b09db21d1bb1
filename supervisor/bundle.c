/* Owns the reading of class files, within limits, into the bundle handed to workers. */
#include "supervisor/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/memory.h"
#include "proto/msgpack.h"

const struct bundle_limits bundle_limits = {
	.files = 4096, .file_bytes = 1u << 20, .total_bytes = 32u << 20, .depth = 16,
};

struct walk {
	const struct bundle_limits *limits;
	int root;          /* the class directory */
	struct buffer map; /* the pairs so far */
	uint32_t files;
	size_t bytes;
	struct buffer *error;
	bool failed, full;
};

__attribute__((format(printf, 3, 4)))
static void problem(struct walk *w, const char *path, const char *format, ...)
{
	va_list args;
	char text[256];

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buffer_printf(w->error, "%s: %s\n", path, text);
	w->failed = true;
}

static int read_source(int fd, size_t most, struct buffer *out)
{
	for (;;) {
		ssize_t n = read(fd, buffer_reserve(out, 65536), 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		buffer_commit(out, (size_t)n);
		if (buffer_length(out) > most)
			return -EFBIG;
	}
}

/* Links are followed as long as they stay below the class directory: what else this process
 * may read is nobody's class, and an error would show it. An old kernel follows none. */
static int open_below(const struct walk *w, int directory, const char *name, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH };
	int fd = (int)syscall(SYS_openat2, w->root, path, &how, sizeof(how));

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	return fd;
}

static void add_file(struct walk *w, int directory, const char *name, const char *path)
{
	struct buffer source = { 0 };
	struct stat st;
	int fd, error;

	if (w->files == w->limits->files) {
		problem(w, path, "more than %u class files", w->limits->files);
		w->full = true;
		return;
	}
	fd = open_below(w, directory, name, path);
	if (fd < 0) {
		problem(w, path, "%s", errno == EXDEV ? "a link that leads out of the class directory" : strerror(errno));
		return;
	}
	error = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? read_source(fd, w->limits->file_bytes, &source) : -EINVAL;
	close(fd);
	w->bytes += buffer_length(&source);
	if (error == -EFBIG) {
		problem(w, path, "longer than %zu bytes", w->limits->file_bytes);
	} else if (error < 0) {
		problem(w, path, "%s", error == -EINVAL ? "not a file" : strerror(-error));
	} else if (w->bytes > w->limits->total_bytes) {
		problem(w, path, "the class files together are longer than %zu bytes", w->limits->total_bytes);
		w->full = true;
	} else {
		msgpack_write_str(&w->map, bytes_of(path));
		msgpack_write_bin(&w->map, buffer_bytes(&source));
		w->files++;
	}
	buffer_fini(&source);
}

static bool is_class_file(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, ".lua") == 0;
}

/* Hidden names (an editor's backups, version control) are nobody's classes. */
static int wanted(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void walk_directory(struct walk *w, int parent, const char *name, const char *path, uint32_t depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth > 0 ? O_NOFOLLOW : 0));
	struct dirent **entries = NULL;
	int n = fd < 0 ? -1 : scandirat(fd, ".", &entries, wanted, alphasort);

	if (depth == 0)
		w->root = fd;
	if (n < 0)
		problem(w, depth > 0 ? path : name, "%s", strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *entry = entries[i]->d_name;
		struct stat st;
		char *below;

		if (asprintf(&below, "%s%s%s", path, path[0] != '\0' ? "/" : "", entry) < 0)
			abort();
		if (w->full || fstatat(fd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
			; /* gone since it was listed, or nothing more is taken */
		else if (S_ISDIR(st.st_mode) && depth == w->limits->depth)
			problem(w, below, "directories are deeper than %u", w->limits->depth);
		else if (S_ISDIR(st.st_mode))
			walk_directory(w, fd, entry, below, depth + 1);
		else if (is_class_file(entry))
			add_file(w, fd, entry, below);
		free(below);
		free(entries[i]);
	}
	free(entries);
	if (fd >= 0)
		close(fd);
}

static int seal(const struct walk *w, int *ret_fd)
{
	struct buffer head = { 0 };
	int fd = memfd_create("stage-classes", MFD_CLOEXEC | MFD_ALLOW_SEALING), error = 0;
	struct bytes parts[2];

	if (fd < 0)
		return -errno;
	msgpack_write_map(&head, w->files);
	parts[0] = buffer_bytes(&head);
	parts[1] = buffer_bytes(&w->map);
	for (int i = 0; i < 2 && error == 0; i++) {
		for (size_t at = 0; at < parts[i].len && error == 0;) {
			ssize_t n = write(fd, parts[i].data + at, parts[i].len - at);
			if (n < 0 && errno != EINTR)
				error = -errno;
			at += n > 0 ? (size_t)n : 0;
		}
	}
	if (error == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		error = -errno;
	buffer_fini(&head);
	if (error < 0)
		close(fd);
	else
		*ret_fd = fd;
	return error;
}

int bundle_read(const char *path, const struct bundle_limits *limits, uint32_t serial,
                struct bundle *ret, struct buffer *error)
{
	struct walk w = { .limits = limits, .error = error };
	struct stat st;
	int result, fd = -1;

	if (stat(path, &st) < 0) {
		result = -errno;
		buffer_printf(error, "%s: %s\n", path, strerror(-result));
		return result;
	}
	walk_directory(&w, AT_FDCWD, path, "", 0);
	result = w.failed ? -EINVAL : seal(&w, &fd);
	if (result == 0)
		*ret = (struct bundle){ .fd = fd, .serial = serial, .files = w.files };
	else if (!w.failed)
		buffer_printf(error, "%s: %s\n", path, strerror(-result));
	buffer_fini(&w.map);
	return result;
}

int bundle_empty(uint32_t serial, struct bundle *ret)
{
	struct walk w = { 0 };
	int fd, result = seal(&w, &fd);

	if (result == 0)
		*ret = (struct bundle){ .fd = fd, .serial = serial };
	return result;
}

void bundle_fini(struct bundle *b)
{
	if (b->serial != 0)
		close(b->fd);
	*b = (struct bundle){ 0 };
}

int bundle_open(const struct bundle *b)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", b->fd);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* no /proc here: the offset is then shared, and still 0 for who uses pread or mmap */
		fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}
