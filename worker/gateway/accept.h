/* Accepting connections, up to the limits, and refusing politely beyond them. */
#ifndef WORKER_GATEWAY_ACCEPT_H
#define WORKER_GATEWAY_ACCEPT_H

/* Takes the listening socket; replaces a former one. */
void accept_begin(int take_fd);
void accept_stop(void);

#endif
