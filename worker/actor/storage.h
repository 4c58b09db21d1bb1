/* The worker's side of the store: loads of records, and one batch of changed actors
 * per loop turn, whose outputs wait until it is on stable storage. */
#ifndef WORKER_ACTOR_STORAGE_H
#define WORKER_ACTOR_STORAGE_H

#include <sys/queue.h>

#include "common/link.h"
#include "common/map.h"
#include "worker/actor/actor.h"

#define STORAGE_BATCHES_MAX 64 /* commits under way; beyond it turns wait */

#define STORAGE_BATCH_BYTES (8u << 20) /* about; what comes then begins another */

struct batch {
	TAILQ_ENTRY(batch) next;
	uint64_t seq;          /* on the present link */
	struct actor **actors; /* each once */
	size_t count, capacity;
	size_t bytes;          /* of the actors' properties */
	size_t room;           /* bytes of entries and frames that are counted (room.h) */
	struct buffer entries; /* encoded, kept until they are acknowledged */
	struct buffer frames;  /* outputs that wait (outbox.h) */
	bool again;            /* a former store may have committed it */
};

TAILQ_HEAD(batch_list, batch);

struct storage {
	struct worker *worker;
	struct link *link;          /* NULL: the store is away; everything waits */
	struct batch *open;         /* what this loop turn has changed */
	struct batch_list under_way; /* sent, or to be sent when the store is back */
	size_t count;
	uint64_t next_seq;
	struct actor_list loading;
	struct map loads;           /* rid (4 bytes) -> struct actor */
	uint32_t next_rid;
	struct actor_list unsaved;
};

void storage_init(struct storage *s, struct worker *w);
void storage_fini(struct storage *s);

/* A new link to the store: batches and loads not answered are sent again, in order
 * (a batch holds whole records, so a second commit of one changes nothing). */
int storage_connect(struct storage *s, int take_fd);

/* Asks for a's record; wake_loaded() follows. */
void storage_load(struct storage *s, struct actor *a);

/* a has changed (or was destroyed) and is in the open batch from now on. */
void storage_add(struct storage *s, struct actor *a);

/* Sends the open batch. */
void storage_flush(struct storage *s);

/* Too many commits under way: turns wait. */
bool storage_full(const struct storage *s);

/* Puts what ASYNC actors changed into the open batch. */
void storage_save_later_ones(struct storage *s);

/* Nothing unsaved and no commit under way. */
bool storage_idle(const struct storage *s);

#endif
