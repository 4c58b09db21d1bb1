/* A gateway's way to its end: clients finish what they have in flight, then other nodes hear
 * what of their requests was not looked at (IPC_BYE) and get the answers to the rest. */
#ifndef WORKER_GATEWAY_DRAIN_H
#define WORKER_GATEWAY_DRAIN_H

void drain_begin(void);

/* Goes on with it; before the loop sleeps. The process exits
 * when nothing is left to do; how long it may take is the supervisor's to say. */
void drain_run(void);

#endif
