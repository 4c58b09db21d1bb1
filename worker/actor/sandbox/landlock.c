/* Landlock without a rule: everything it knows to forbid is forbidden. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef STAGE_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

#include "worker/actor/sandbox/part.h"

/* The kernel's struct as of ABI 6; older kernels take its beginning. (The header of the
 * machine that builds may be older than the kernel of the one that runs.) */
struct attributes {
	uint64_t files, net, scoped;
};

/* https://docs.kernel.org/userspace-api/landlock.html: rights by the ABI that brought them. */
static const struct {
	int abi;
	uint64_t files, net, scoped;
} rights[] = {
	{ 1, .files = (UINT64_C(1) << 13) - 1 }, /* execute, read, write, list, remove, make */
	{ 2, .files = UINT64_C(1) << 13 },       /* link and rename between directories */
	{ 3, .files = UINT64_C(1) << 14 },       /* truncate */
	{ 4, .net = 3 },                         /* bind and connect of TCP */
	{ 5, .files = UINT64_C(1) << 15 },       /* ioctl of devices */
	{ 6, .scoped = 3 },                      /* abstract Unix sockets and signals, outwards */
};

static int create_ruleset(const struct attributes *attributes, size_t size, uint32_t flags)
{
	return (int)syscall(SYS_landlock_create_ruleset, attributes, size, flags);
}

static struct attributes attributes_of(int abi, size_t *ret_size)
{
	struct attributes a = { 0 };

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]) && rights[i].abi <= abi; i++) {
		a.files |= rights[i].files;
		a.net |= rights[i].net;
		a.scoped |= rights[i].scoped;
	}
	*ret_size = abi >= 6 ? sizeof(a) : abi >= 4 ? offsetof(struct attributes, scoped) : sizeof(a.files);
	return a;
}

#ifdef STAGE_SANITIZED
/* A sanitizer's report needs /proc and the programs themselves, and can be written to no
 * file of its own. */
static int allow_exceptions(int ruleset)
{
	static const intptr_t out = STDERR_FILENO;
	int root = open("/", O_PATH | O_CLOEXEC), r;
	struct landlock_path_beneath_attr all = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, .parent_fd = root };

	__sanitizer_set_report_fd((void *)out);
	r = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &all, 0);
	close(root);
	return r;
}
#define NOTE " (reading allowed)"
#else
static int allow_exceptions(int ruleset)
{
	(void)ruleset;
	return 0;
}
#define NOTE ""
#endif

int part_lock_land(const struct config *config, struct buffer *detail)
{
	int abi = create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), ruleset, r = 0;
	struct attributes attributes;
	size_t size;

	(void)config;
	if (abi < 1) {
		r = abi < 0 ? -errno : -ENOSYS;
		buffer_append_text(detail, r == -EOPNOTSUPP ? "the kernel has it, but it is not enabled at boot (lsm=landlock)"
		                                            : "the kernel does not have it");
		return r;
	}
	attributes = attributes_of(abi, &size);
	ruleset = create_ruleset(&attributes, size, 0);
	if (ruleset < 0 || allow_exceptions(ruleset) < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
		r = -errno;
		buffer_printf(detail, "ABI %d refuses: %s", abi, strerror(errno));
	} else {
		buffer_printf(detail, "%d%s", abi, NOTE);
	}
	if (ruleset >= 0)
		close(ruleset);
	return r;
}
