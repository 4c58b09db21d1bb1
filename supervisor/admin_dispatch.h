/* The word of an admin command -> its handler. */
#ifndef SUPERVISOR_ADMIN_DISPATCH_H
#define SUPERVISOR_ADMIN_DISPATCH_H

#include "supervisor/admin_run.h"

/* NULL where this version has none. */
admin_handler admin_dispatch_find(struct bytes word);

void admin_status(struct admin_run *run);   /* admin_status.c */
void admin_check_node(struct admin_run *run); /* admin_health.c */
void admin_workers(struct admin_run *run);  /* admin_workers.c */
void admin_actors(struct admin_run *run);   /* admin_actors.c */
void admin_sessions(struct admin_run *run); /* admin_actors.c */
void admin_inspect(struct admin_run *run);  /* admin_inspect.c */
void admin_restart(struct admin_run *run); /* admin_restart.c */
void admin_reload(struct admin_run *run);   /* admin_reload.c */
void admin_help(struct admin_run *run);     /* admin_help.c */
void admin_config(struct admin_run *run);   /* admin_config.c */
void admin_shards(struct admin_run *run);   /* admin_shards.c */
void admin_quarantine(struct admin_run *run); /* admin_quarantine.c */
void admin_release(struct admin_run *run);
void admin_join(struct admin_run *run);     /* admin_join.c */
void admin_leave(struct admin_run *run);
void admin_remove(struct admin_run *run);
void admin_drain(struct admin_run *run);
void admin_resume(struct admin_run *run);
void admin_op(struct admin_run *run);
void admin_members(struct admin_run *run);  /* admin_members.c */
void admin_check_quorum(struct admin_run *run);
void admin_auth(struct admin_run *run);     /* admin_access.c */

#endif
