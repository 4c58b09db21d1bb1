/* The service manager above a node, where there is one: what it gave at the start, what
 * it is told, and the listeners that it keeps.
 *
 * Every listener that the node binds itself is also put into the manager's descriptor
 * store, as `kept-client`, `kept-admin`, `kept-socket` and `kept-cluster`. Who connects while the
 * supervisor is being restarted, after a crash or on request, waits in the backlog of that
 * listener instead of being refused. These names are others than those of socket units, because a
 * kept listener gives way where the configured address has changed, and a unit's does not.
 *
 * SIGTERM does not tell a stop from the first half of a restart, so the listeners stay in
 * the store; the manager empties it where no start follows, and who waited is then reset. */
#ifndef SUPERVISOR_MANAGER_H
#define SUPERVISOR_MANAGER_H

#include "supervisor/activation.h"
#include "supervisor/listener.h"
#include "supervisor/notify.h"
#include "supervisor/service.h"

struct node;

struct manager {
	struct notify notify;
	struct activation activation; /* what nobody has claimed yet */
	struct service service;
};

/* Takes everything that the manager put into the environment. Before any child runs.
 * hang_timeout: ms after which a worker that hangs is replaced; the log warns where the
 * manager's watchdog is too quick for it. */
void manager_init(struct manager *m, uint64_t hang_timeout);
void manager_fini(struct manager *m);

/* The node cannot start. */
void manager_fails(struct manager *m, struct bytes why);

/* The node has changed, or time has passed: service_tick() at most. */
void manager_update(struct node *n);

void manager_reload_begins(struct node *n);
/* text says why it did not take, NULL: it did. */
void manager_reload_ends(struct node *n, const char *text);

/* Puts a listener into the store under that name, which is a literal. */
void manager_keep(struct manager *m, const char *name, struct listener *l);

/* Takes out of the store what is no longer wanted, and waits until it is out, so that its
 * address can be bound again. The caller has closed its own descriptor. */
void manager_forget(struct manager *m, const char *name);

#endif
