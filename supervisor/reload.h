/* Reload: configuration and class files are read again, checked by all actor workers,
 * then used by all of them; what is wrong is reported and changes nothing. */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include "proto/admin.h"
#include "supervisor/node.h"

/* Who is told how it goes; the reload goes on without them. */
struct reload_watcher {
	void *owner;
	/* One problem: a msgpack map of file, line and message. */
	void (*on_problem)(void *owner, struct bytes row);
	void (*on_note)(void *owner, const char *text);
	/* Once, last. code and text are NULL where it is done. */
	void (*on_done)(void *owner, enum admin_exit exit, const char *code, const char *text);
};

/* watcher NULL: the log alone. -EBUSY while one is under way or the node does not
 * serve. 0: on_done follows, never from inside this call. */
int reload_start(struct node *n, const struct reload_watcher *watcher);

/* The watcher is gone. */
void reload_detach(struct node *n, const void *owner);

/* With the node. */
void reload_free(struct node *n);

#endif
