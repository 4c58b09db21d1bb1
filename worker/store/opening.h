/* The start of a store: the engine that the settings name is opened, and again where its
 * database is not there yet. */
#ifndef WORKER_STORE_OPENING_H
#define WORKER_STORE_OPENING_H

#include "worker/child.h"
#include "worker/store/commit.h"

struct opening {
	struct child *child;
	struct commit *commit;
	struct ev_async *done_signal;
	void (*on_open)(void);
	unsigned char cluster[ENGINE_CLUSTER_SIZE], key[HASH_KEY_SIZE];
	struct ev_timer timer;
	ev_tstamp until; /* when patience ends; 0: not begun */
	bool away;       /* an alarm is raised */
};

/* done_signal is the commit thread's. */
void opening_init(struct opening *o, struct child *child, struct commit *commit, struct ev_async *done_signal,
                  void (*on_open)(void));

/* The child's settings and shards are known. on_open() follows, once; or the child ends: with
 * EX_UNAVAILABLE where the database stayed away, EX_CONFIG where it may not be used like
 * this, EX_NOPERM where it is another cluster's (the supervisor has heard whose), EX_IOERR for
 * anything else. Called again it does nothing. cluster and key: of their sizes. */
void opening_begin(struct opening *o, const unsigned char *cluster, const unsigned char *key);

#endif
