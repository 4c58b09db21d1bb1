/* Activation and its end: how an actor comes into memory, and how it leaves it. */
#ifndef WORKER_ACTOR_WAKE_H
#define WORKER_ACTOR_WAKE_H

#include "worker/actor/run.h"

/* A passive actor has mail: its class is found, its record asked for. Where it cannot be
 * brought in, the mail is answered. */
void wake_begin(struct worker *w, struct actor *a);

/* Its record has come, or the reason why not. */
void wake_loaded(struct worker *w, struct actor *a, const struct ipc_loaded *m);

/* The phases before its first message: migrate, create, activate (run.h). */
void wake_enter(struct worker *w, struct turn_private *t);
void wake_done(struct worker *w, struct turn_private *t);
/* One of them failed: the actor stays out, its mail gets the reply. The turn is ended. */
void wake_failed(struct worker *w, struct turn_private *t, const struct ipc_reply *reply);

/* Out of memory at once: its last commit failed, or its shard is another's now. Turns
 * are given up and answered with code; the mail stays for the next activation. */
void wake_drop(struct worker *w, struct actor *a, enum error_code code, struct bytes text);

/* stage.destroy(): the actor and its record are gone, its watchers are told. */
void wake_destroy(struct worker *w, struct actor *a);

/* A settled actor goes to sleep, with its state in the store. */
void wake_passivate(struct worker *w, struct actor *a);

/* A reload has replaced the actor's class: its properties move to the successor by
 * their names. Only while it has no turn. May begin `migrate`. */
void wake_reclass(struct worker *w, struct actor *a);

#endif
