/* How shards change hands: away from workers that die or stay down, and gracefully, one
 * handover at a time, where a worker is replaced or brought back on request. */
#ifndef SUPERVISOR_HANDOVER_H
#define SUPERVISOR_HANDOVER_H

#include "proto/admin.h"
#include "supervisor/node.h"

#define HANDOVER_LIMIT 10000 /* ms that a worker has to let its shards go */

/* Who is told how it goes; the handover goes on without them. */
struct handover_watcher {
	void *owner;
	void (*on_note)(void *owner, const char *text);
	/* Once, last. code and text are NULL where it is done. */
	void (*on_done)(void *owner, enum admin_exit exit, const char *code, const char *text);
};

/* Replaces a living actor worker by a new process, without an error for anybody: it lets
 * its shards go, is drained, and its successor gets them back. Brings one back that is
 * down, and evens the shards out. -EBUSY while a handover is under way or the node does
 * not serve; -ENOENT: no such worker. 0: on_done follows, never from inside this call. */
int handover_restart(struct node *n, uint32_t worker, const struct handover_watcher *watcher);

/* The watcher is gone. */
void handover_detach(struct node *n, const void *owner);

/* An actor worker's process is gone: its shards are fenced. */
void handover_on_gone(struct node *n, const struct child *c);
/* It stays down: its siblings get its shards. */
void handover_on_down(struct node *n, const struct child *c);
/* It is ready. */
void handover_on_serves(struct node *n, const struct child *c);
/* It has let shards go. */
void handover_on_released(struct node *n, const struct child *c, const struct control_released *m);

/* The store's database knows later epochs of shards than this node, which has no cluster: where they
 * are its own its state directory is an older copy, and they go above. What another one has is left. */
void handover_on_outdone(struct node *n, struct bytes cells);

/* Which actor workers may own shards: all that are not given up. One bool each; the caller's. */
bool *handover_living(const struct node *n);

/* The node stops: whoever waits is told. Also frees it. */
void handover_stop(struct node *n);

#endif
