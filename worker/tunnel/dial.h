/* A dial: a name looked up, its addresses tried one after the other, the peer greeted. */
#ifndef WORKER_TUNNEL_DIAL_H
#define WORKER_TUNNEL_DIAL_H

#include "worker/tunnel/greeting.h"

#define DIAL_LIMIT 5.0 /* seconds in all */

struct dial;

/* Called once from the loop, never from dial_start(); the dial is gone afterwards. text
 * is whole, with the address in it. take_stream: with CONTROL_DIAL_OK, else NULL. */
typedef void dial_done(void *owner, uint64_t tag, const struct greeting_result *result, const char *text,
                       struct tls_stream *take_stream);

/* m is borrowed for the call. */
void dial_start(struct ev_loop *loop, const struct greeting_self *self, const struct control_dial *m,
                dial_done *on_done, void *owner);

/* Ends all without a call. */
void dial_cancel_all(void);
uint32_t dial_count(void);

#endif
