/* Who is served when. A session that asks a little at a time is served at once. One that is
 * greedy queues up, and this crowd shares a bounded part of each loop turn, a go for everyone
 * in turn: however many flood, whoever does not is not behind them. Greedy is who has sent
 * more than a go's worth at a time lately, who is in the middle of a line, and who has come
 * a moment ago. With time for all nobody waits. */
#ifndef WORKER_GATEWAY_CROWD_H
#define WORKER_GATEWAY_CROWD_H

#include "worker/gateway/session.h"

/* So many of a queue are written to and read at once, each into a place of its own: the
 * places begin at different sets of the processor's cache. */
#define CROWD_BATCH 64
#define CROWD_STRIDE (GATEWAY_READ + 192)

/* Its socket can be read or written. */
void crowd_take(struct session *s);

/* It has something to be heard without its socket saying so: lines kept, room again. */
void crowd_call(struct session *s);

/* It is taken for greedy, for a while. */
void crowd_admit(struct session *s);
/* It has sent a line. */
void crowd_count_line(struct session *s);
bool crowd_is_greedy(const struct session *s);

/* Its output waits for its go. False: it is no matter of the crowd's, write it now. */
bool crowd_takes_output(struct session *s);

/* The crowd's part of this loop turn. True: not everyone had a go, the loop must not sleep. */
bool crowd_serve(struct gateway *g);

#endif
