/* The processor time of the server's processes, read from /proc. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdint.h>
#include <sys/types.h>

#define CPU_PROCESSES_MAX 128

struct cpu_process {
	pid_t pid;
	char name[32];
	uint64_t nanoseconds; /* of all its threads, user and system */
};

struct cpu_sample {
	struct cpu_process processes[CPU_PROCESSES_MAX];
	unsigned count;
	unsigned gone; /* of a difference: processes that ended in between, their time unknown */
};

/* The processes named and all their descendants, as they are now. 0, -ESRCH where one
 * that was named is not there, -E2BIG where there are too many, -errno. */
int cpu_take(const pid_t *roots, unsigned root_count, struct cpu_sample *ret);

/* What each process spent in between. */
void cpu_difference(const struct cpu_sample *before, const struct cpu_sample *after,
		    struct cpu_sample *ret);

uint64_t cpu_total(const struct cpu_sample *sample);

#endif
