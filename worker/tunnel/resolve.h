/* Names to addresses off the loop: each look-up that may wait has a thread of its own. */
#ifndef WORKER_TUNNEL_RESOLVE_H
#define WORKER_TUNNEL_RESOLVE_H

#include <ev.h>
#include <netdb.h>
#include <stdint.h>

#include "common/bytes.h"

#define RESOLVE_MOST 32 /* look-ups at the same time, given up ones included */

/* Splits `host`, `host:port`, `[v6]`, `[v6]:port` or a bare v6; without a port it is
 * CLUSTER_PORT. False where it is no address. */
bool resolve_split(struct bytes text, char host[256], char port[8]);

struct resolve;

/* Called once from the loop, never from resolve_start(). take_found is for freeaddrinfo(),
 * NULL where error says why there is none. */
typedef void resolve_done(void *owner, struct addrinfo *take_found, const char *error);

/* Before the first look-up, from the thread that runs the loop. */
void resolve_init(struct ev_loop *loop);
/* Nobody is called any more; before the loop goes. Threads may live on. */
void resolve_fini(void);

/* NULL where RESOLVE_MOST are under way, or there is no thread to be had. */
struct resolve *resolve_start(const char *host, const char *port, resolve_done *on_done, void *owner);

/* Nobody will be called. NULL is fine. */
void resolve_cancel(struct resolve *r);

#endif
