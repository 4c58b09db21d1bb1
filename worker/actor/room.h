/* Room: the bytes that all of this worker holds for classes, actors, their mail and their
 * commits, against [workers] memory. One count per process. */
#ifndef WORKER_ACTOR_ROOM_H
#define WORKER_ACTOR_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* limit: bytes; 0: no bound. What is counted already stays counted. */
void room_init(uint64_t limit);

/* n more bytes are held, or no longer. Always possible: who may be refused asks first. */
void room_take(size_t n);
void room_give(size_t n);
uint64_t room_used(void);

/* Whether n more bytes keep the bound. */
bool room_for(size_t n);

/* Whether n more bytes of mail do: an eighth is left to the turns that work it off. */
bool room_for_mail(size_t n);

/* What a block of n bytes takes of the heap, about. */
#define ROOM_OF_BLOCK(n) ((n) + 16)

#endif
