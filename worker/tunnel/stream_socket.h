/* How the TCP sockets between nodes are set. */
#ifndef WORKER_TUNNEL_STREAM_SOCKET_H
#define WORKER_TUNNEL_STREAM_SOCKET_H

#include <stdint.h>

/* Nonblocking, no delay, keepalive; kind 0: none yet. A peer that is gone is noticed
 * within 1.5 s; only where a peer may be slow for good reasons, which TCP cannot tell from
 * being gone (data, rows), it is given longer. */
void stream_socket_set(int fd, uint32_t kind);

#endif
