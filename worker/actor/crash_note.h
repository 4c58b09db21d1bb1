/* A last note of a dying worker: which signal struck, and whether its own code caused it. */
#ifndef WORKER_ACTOR_CRASH_NOTE_H
#define WORKER_ACTOR_CRASH_NOTE_H

#include "proto/scoreboard.h"

/* Handles the signals of faults and aborts, on a stack of their own: noted on the board,
 * then they end the process as ever. Under a sanitizer nothing is done: it has handlers
 * of its own. 0 or -errno. */
int crash_note_init(struct scoreboard *board);

#endif
