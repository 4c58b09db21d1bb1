/* Owns what the service manager has handed over at the start. */
#include "supervisor/activation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/memory.h"

/* -1 where it is no number. */
static long number_of(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long n;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return -1;
	n = strtol(text, &end, 10);
	return *end == '\0' ? n : -1;
}

/* Copies the part before the next colon; the rest, or NULL at the end. */
static const char *next_name(const char *names, char out[64])
{
	size_t length = names != NULL ? strcspn(names, ":") : 0;

	if (length == 0)
		snprintf(out, 64, "unknown");
	else
		snprintf(out, 64, "%.*s", (int)(length < 64 ? length : 63), names);
	return names != NULL && names[length] == ':' ? names + length + 1 : NULL;
}

void activation_take(struct activation *a)
{
	long count = number_of("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");

	*a = (struct activation){ 0 };
	if (number_of("LISTEN_PID") == (long)getpid() && count > 0) {
		if (count > ACTIVATION_MOST)
			count = ACTIVATION_MOST;
		a->entries = memory_new((size_t)count * sizeof(*a->entries));
		for (int fd = ACTIVATION_FIRST; fd < ACTIVATION_FIRST + count; fd++) {
			struct activation_entry *e = &a->entries[a->count];

			names = next_name(names, e->name);
			if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
				continue; /* it is not open, whatever the environment says */
			e->fd = fd;
			a->count++;
		}
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}

void activation_fini(struct activation *a)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->entries[i].fd >= 0)
			close(a->entries[i].fd);
	}
	free(a->entries);
	*a = (struct activation){ 0 };
}

static bool fits(int fd, enum activation_family family)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);

	if (family == ACTIVATION_ANY)
		return true;
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return false;
	return (address.ss_family == AF_UNIX) == (family == ACTIVATION_UNIX);
}

int activation_claim(struct activation *a, const char *name, enum activation_family family)
{
	for (uint32_t i = 0; i < a->count; i++) {
		struct activation_entry *e = &a->entries[i];
		int fd = e->fd;

		if (fd < 0 || strcmp(e->name, name) != 0 || !fits(fd, family))
			continue;
		e->fd = -1;
		return fd;
	}
	return -1;
}
