/* Classes in force. */
#include "worker/actor/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/memory.h"
#include "proto/msgpack.h"

static void retire(struct class **classes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		classes[i]->retired = true;
		class_unref(classes[i]);
	}
	free(classes);
}

void catalog_fini(struct catalog *c)
{
	retire(c->classes, c->count);
	*c = (struct catalog){ 0 };
}

/* Patterns sort by their segments from the left, a literal before a parameter, so that
 * the first match is the most literal one. */
static int compare(const void *left, const void *right)
{
	const char *a = (*(struct class *const *)left)->pattern;
	const char *b = (*(struct class *const *)right)->pattern;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	if ((*a == '{') != (*b == '{'))
		return *a == '{' ? 1 : -1;
	return (unsigned char)*a - (unsigned char)*b;
}

static int read_bundle(struct bytes content, struct host_bundle *ret)
{
	struct msgpack_reader r = msgpack_read(content);
	uint32_t n = msgpack_read_map(&r);
	struct host_file *files = memory_new(sizeof(*files) * (n + 1));

	for (uint32_t i = 0; i < n && !r.bad; i++) {
		files[i].path = msgpack_read_str(&r);
		files[i].source = msgpack_read_str(&r);
	}
	if (r.bad) {
		free(files);
		return -EBADMSG;
	}
	*ret = (struct host_bundle){ files, n };
	return 0;
}

static int compile(struct catalog *c, const struct host_ops *ops, struct bytes content, uint32_t serial,
                   bool check, struct host_problems *problems)
{
	struct host_bundle bundle;
	struct class **classes = NULL;
	size_t count = 0;
	int r = read_bundle(content, &bundle);

	if (r < 0)
		return r;
	r = ops->load(&bundle, &classes, &count, problems);
	free((void *)bundle.files);
	if (r < 0)
		return r;
	if (check) {
		retire(classes, count);
		return 0;
	}
	if (count > 0)
		qsort(classes, count, sizeof(*classes), compare);
	retire(c->classes, c->count);
	*c = (struct catalog){ classes, count, serial };
	return 0;
}

int catalog_load(struct catalog *c, const struct host_ops *ops, int fd, uint32_t serial, bool check,
                 struct host_problems *problems)
{
	off_t size = lseek(fd, 0, SEEK_END); /* fstat is not among the sandbox's calls */
	void *content;
	int r;

	if (size < 0)
		return -errno;
	if (size == 0)
		return -EBADMSG;
	content = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (content == MAP_FAILED)
		return -errno;
	r = compile(c, ops, (struct bytes){ content, (size_t)size }, serial, check, problems);
	munmap(content, (size_t)size);
	return r;
}

struct class *catalog_match(const struct catalog *c, struct bytes address)
{
	struct bytes names[CLASS_PARAMETERS_MAX], values[CLASS_PARAMETERS_MAX];
	size_t count;

	for (size_t i = 0; i < c->count; i++)
		if (class_match(c->classes[i], address, &count, names, values))
			return c->classes[i];
	return NULL;
}
