/* Owns the reading of processes, their children and their processor time from /proc. */
#include "tests/bench/cpu.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"

struct entry {
	pid_t pid, parent;
	char name[32];
	uint64_t nanoseconds;
};

/* /proc/PID/stat: false where the process has gone. Its times are the scheduler's sums
 * of all threads, ended ones too, rounded down to clock ticks. */
static bool read_stat(pid_t pid, struct entry *ret)
{
	char path[64], text[1024], *open, *close;
	unsigned long user, kernel;
	FILE *file;
	size_t n;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (open == NULL || close == NULL)
		return false;
	if (sscanf(close + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &parent, &user,
		   &kernel) != 3)
		return false;
	*close = '\0';
	snprintf(ret->name, sizeof(ret->name), "%s", open + 1);
	ret->pid = pid;
	ret->parent = parent;
	ret->nanoseconds = (user + kernel) * (uint64_t)(1000000000 / sysconf(_SC_CLK_TCK));
	return true;
}

/* The exact time of the threads that live now; 0 where the kernel does not tell. */
static uint64_t read_threads(pid_t pid)
{
	char path[300];
	unsigned long long sum = 0, one;
	struct dirent *thread;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	if (threads == NULL)
		return 0;
	while ((thread = readdir(threads)) != NULL) {
		FILE *file;

		if (thread->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.32s/schedstat", (int)pid,
			 thread->d_name);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fscanf(file, "%llu", &one) == 1)
			sum += one;
		fclose(file);
	}
	closedir(threads);
	return sum;
}

/* All processes of the machine; the caller frees. */
static int read_all(struct entry **ret, size_t *ret_count)
{
	DIR *proc = opendir("/proc");
	struct entry *all = NULL;
	size_t count = 0, room = 0;
	struct dirent *d;

	if (proc == NULL)
		return -errno;
	while ((d = readdir(proc)) != NULL) {
		long pid = strtol(d->d_name, NULL, 10);

		if (pid <= 0)
			continue;
		if (count == room) {
			room = room ? 2 * room : 256;
			all = memory_grow(all, room, sizeof(*all));
		}
		if (read_stat((pid_t)pid, &all[count]))
			count++;
	}
	closedir(proc);
	*ret = all;
	*ret_count = count;
	return 0;
}

static const struct cpu_process *find(const struct cpu_sample *sample, pid_t pid)
{
	for (unsigned i = 0; i < sample->count; i++)
		if (sample->processes[i].pid == pid)
			return &sample->processes[i];
	return NULL;
}

static int add(struct cpu_sample *sample, const struct entry *e)
{
	struct cpu_process *p = &sample->processes[sample->count];
	uint64_t exact = read_threads(e->pid);

	if (sample->count == CPU_PROCESSES_MAX)
		return -E2BIG;
	p->pid = e->pid;
	memcpy(p->name, e->name, sizeof(p->name));
	/* The larger one: the exact sum lacks the threads that have ended. */
	p->nanoseconds = exact > e->nanoseconds ? exact : e->nanoseconds;
	sample->count++;
	return 0;
}

static bool is_root(const pid_t *roots, unsigned count, pid_t pid)
{
	for (unsigned i = 0; i < count; i++)
		if (roots[i] == pid)
			return true;
	return false;
}

int cpu_take(const pid_t *roots, unsigned root_count, struct cpu_sample *ret)
{
	struct cpu_sample sample = { .count = 0 };
	struct entry *all = NULL;
	size_t count = 0;
	unsigned before;
	int error = read_all(&all, &count);

	if (error < 0)
		return error;
	/* Until a pass finds no further child: parents need not come before children. */
	do {
		before = sample.count;
		for (size_t i = 0; i < count && error == 0; i++) {
			if (find(&sample, all[i].pid) != NULL)
				continue;
			if (is_root(roots, root_count, all[i].pid) ||
			    find(&sample, all[i].parent) != NULL)
				error = add(&sample, &all[i]);
		}
	} while (error == 0 && sample.count > before);
	free(all);
	for (unsigned i = 0; i < root_count && error == 0; i++)
		if (find(&sample, roots[i]) == NULL)
			error = -ESRCH;
	if (error == 0)
		*ret = sample;
	return error;
}

void cpu_difference(const struct cpu_sample *before, const struct cpu_sample *after,
		    struct cpu_sample *ret)
{
	struct cpu_sample spent = *after;

	for (unsigned i = 0; i < spent.count; i++) {
		const struct cpu_process *p = find(before, spent.processes[i].pid);

		if (p != NULL && p->nanoseconds <= spent.processes[i].nanoseconds)
			spent.processes[i].nanoseconds -= p->nanoseconds;
	}
	for (unsigned i = 0; i < before->count; i++)
		if (find(after, before->processes[i].pid) == NULL)
			spent.gone++;
	*ret = spent;
}

uint64_t cpu_total(const struct cpu_sample *sample)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < sample->count; i++)
		sum += sample->processes[i].nanoseconds;
	return sum;
}
