/* Which clients' sockets can be read and written. They are in an epoll set of their own, each
 * entered once and edge-triggered: what the kernel has said of a socket is kept in its session,
 * so that no system call is needed where it is not wanted for a while, nor to see that nothing
 * more is there. (epoll(7): "a read that returns less than was asked for has emptied it".) */
#ifndef WORKER_GATEWAY_READINESS_H
#define WORKER_GATEWAY_READINESS_H

#include <stdbool.h>

struct gateway;
struct session;

/* Before the first session. Negative: errno. */
int readiness_init(struct gateway *g);
void readiness_fini(struct gateway *g);

/* Its socket is looked at from now on until it is closed. False: the kernel has no room. */
bool readiness_add(struct gateway *g, struct session *s);

#endif
