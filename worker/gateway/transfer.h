/* Bytes to and from many sockets, by one system call where the kernel has io_uring: that takes
 * a fifth off what a send costs. One by one where it has not, or has had it forbidden
 * (kernel.io_uring_disabled, a container's filter). */
#ifndef WORKER_GATEWAY_TRANSFER_H
#define WORKER_GATEWAY_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TRANSFER_MOST 256

struct transfer {
	void *owner;    /* the caller's */
	int fd;
	bool receives;  /* into data; else it sends from there */
	char *data;
	size_t size;    /* more than 0 */
	ssize_t result; /* as of send(2) and recv(2), -errno for an error; nothing ever waits */
};

/* Before it, and where it is false, everything goes one by one. */
bool transfer_init(void);
void transfer_fini(void);

/* In their order; count <= TRANSFER_MOST. All have their results when it returns. */
void transfer_many(struct transfer *list, unsigned count);

#endif
