/* Resource limits: what the kernel gives this process at most. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "worker/actor/sandbox/part.h"

static int lower(int resource, rlim_t most, const char *name, struct buffer *detail)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_max < most)
		most = limit.rlim_max;
	limit = (struct rlimit){ most, most };
	if (setrlimit((__rlimit_resource_t)resource, &limit) == 0)
		return 0;
	buffer_printf(detail, "%s: %s", name, strerror(errno));
	return -errno;
}

static const struct {
	int resource;
	rlim_t most;
	const char *name;
} rows[] = {
#ifndef STAGE_SANITIZED /* whose leak check starts a thread */
	{ RLIMIT_NPROC, 0, "NPROC" },
#endif
	{ RLIMIT_NOFILE, PART_DESCRIPTORS, "NOFILE" },
	{ RLIMIT_MEMLOCK, 0, "MEMLOCK" },
	{ RLIMIT_MSGQUEUE, 0, "MSGQUEUE" },
	{ RLIMIT_NICE, 0, "NICE" },
	{ RLIMIT_RTPRIO, 0, "RTPRIO" },
};

int part_limit_resources(const struct config *config, struct buffer *detail)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		r = lower(rows[i].resource, rows[i].most, rows[i].name, detail);
#ifdef STAGE_SANITIZED
	(void)config;
	if (r == 0)
		buffer_append_text(detail, "(no NPROC and DATA in a sanitizer's build)");
#else
	if (r == 0 && config->workers.memory > 0)
		r = lower(RLIMIT_DATA, config->workers.memory + PART_MEMORY_MARGIN(config->workers.memory), "DATA", detail);
#endif
	return r;
}
