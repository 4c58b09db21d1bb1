/* Attribution: what a child was doing when it died, in the log, in the counts, and in the
 * quarantine that keeps it from doing it again. */
#ifndef SUPERVISOR_ATTRIBUTION_H
#define SUPERVISOR_ATTRIBUTION_H

#include <sys/types.h>

#include "common/buffer.h"

struct child;
struct node;

/* Reads what the state directory has of the quarantine. 0 or -errno with a sentence. */
int attribution_load(struct node *n, struct buffer *error);
void attribution_fini(struct node *n);

/* A new actor worker: gives it a scoreboard and what is held back. false: it could not be. */
bool attribution_greet(struct node *n, struct child *c);

/* A child's process is gone, unasked or asked: logs it, counts it, reads its scoreboard,
 * and holds back what has killed too often. Before anybody takes its place. */
void attribution_on_gone(struct node *n, struct child *c);

/* Gives its scoreboard back where it has one. */
void attribution_drop(struct child *c);

/* Whether somebody has stopped the process (SIGSTOP), so that its silence is not its own. */
bool attribution_is_stopped(pid_t pid);

/* Frees everything held of an address; how much that was, or -errno where that cannot be
 * kept on the disk (it is freed all the same until the next start). */
int attribution_release(struct node *n, struct bytes address);

#endif
