/* Owns the datagrams to the service manager. */
#include "supervisor/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define SEND_LIMIT 5 /* seconds */

int notify_open(struct notify *n)
{
	const struct timeval limit = { .tv_sec = SEND_LIMIT };
	const char *name = getenv("NOTIFY_SOCKET");
	struct notify made = { .address = { .sun_family = AF_UNIX } };
	size_t length;
	int error = 0;

	if (name == NULL || name[0] == '\0')
		return 0;
	length = strlen(name);
	if (name[0] != '/' && name[0] != '@')
		error = -EPROTONOSUPPORT;
	else if (length < 2 || length >= sizeof(made.address.sun_path))
		error = -EINVAL;
	if (error == 0) {
		memcpy(made.address.sun_path, name, length);
		if (name[0] == '@')
			made.address.sun_path[0] = '\0';
		/* A path counts with its end, an abstract name is as long as it says. */
		made.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
		made.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		made.open = made.fd >= 0;
		error = made.open ? 0 : -errno;
	}
	(void)unsetenv("NOTIFY_SOCKET");
	if (error < 0)
		return error;
	(void)setsockopt(made.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	*n = made;
	return 0;
}

void notify_close(struct notify *n)
{
	if (n->open)
		close(n->fd);
	*n = (struct notify){ 0 };
}

int notify_send(const struct notify *n, struct bytes lines, int fd)
{
	union {
		struct cmsghdr header; /* aligns it */
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { (char *)(uintptr_t)lines.data, lines.len };
	struct msghdr message = { .msg_name = (void *)(uintptr_t)&n->address, .msg_namelen = n->length,
	                          .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	if (!n->open)
		return 0;
	if (fd >= 0) {
		struct cmsghdr *at;

		message.msg_control = control.space;
		message.msg_controllen = sizeof(control.space);
		at = CMSG_FIRSTHDR(&message);
		at->cmsg_level = SOL_SOCKET;
		at->cmsg_type = SCM_RIGHTS;
		at->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(at), &fd, sizeof(int));
	}
	do
		sent = sendmsg(n->fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* The manager closes the descriptor that comes with BARRIER=1 once it gets there. */
int notify_barrier(const struct notify *n, int limit_ms)
{
	struct pollfd end;
	int fds[2], error, ready;

	if (!n->open)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	error = notify_send(n, BYTES_LITERAL("BARRIER=1"), fds[1]);
	close(fds[1]);
	if (error == 0) {
		end = (struct pollfd){ .fd = fds[0] };
		do
			ready = poll(&end, 1, limit_ms);
		while (ready < 0 && errno == EINTR);
		error = ready < 0 ? -errno : ready == 0 ? -ETIME : 0;
	}
	close(fds[0]);
	return error;
}

/* A number as the manager writes it; 0 where it is none. */
static uint64_t number_of(const char *text)
{
	uint64_t n = 0;

	if (text == NULL || text[0] == '\0')
		return 0;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || n > (UINT64_MAX - 9) / 10)
			return 0;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	return n;
}

uint64_t notify_watchdog(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t interval = number_of(getenv("WATCHDOG_USEC")) / 1000;

	if (pid != NULL && number_of(pid) != (uint64_t)getpid())
		interval = 0;
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return interval;
}
