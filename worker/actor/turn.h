/* A turn: one message being run by its actor, and the services that the code it runs
 * may use. What a turn assigns, sends and starts between two waits is one step: it
 * takes effect when the step is committed, and never happened when it is rolled back. */
#ifndef WORKER_ACTOR_TURN_H
#define WORKER_ACTOR_TURN_H

#include "common/log.h"
#include "proto/error.h"
#include "worker/actor/class.h"

struct actor;
struct message;

struct turn {
	struct actor *actor;
	struct class *class;     /* referenced; the code this turn began with */
	struct message *message; /* owned; NULL for create, activate and migrate on their own */
	void *host_state;        /* the host's run, NULL where none */
	uint64_t ran_ns;         /* time its code has run, all slices */
	/* the rest is turn.c's, step.c's and call.c's */
	struct turn_private *private;
};

/* --- services for hosts; valid only inside start() and resume() of this turn --- */

struct bytes turn_address(const struct turn *t);
/* The sending actor's address; empty where a client sent it. */
struct bytes turn_caller(const struct turn *t);

/* Borrowed until the property is next set. index < class->property_count. */
const struct value *turn_property(const struct turn *t, unsigned index);

/* Assigns. *take is consumed, even on failure. A number is brought to the property's
 * kind where that loses nothing, else -EDOM; -EDQUOT: the actor's bytes are over its quota;
 * -ENOMEM. An equal value changes nothing. */
int turn_assign(struct turn *t, unsigned index, struct value *take);

/* Each begins a wait: on ERROR_NONE the host returns HOST_WAITING, and the answer
 * comes by resume(). Otherwise the code says why there is no wait (bad-arg, deadlock
 * …), *ret_why a sentence. The step so far is committed at the wait. */
enum error_code turn_wait_call(struct turn *t, struct bytes address, struct bytes method,
                               struct bytes arguments, const char **ret_why);
enum error_code turn_wait_get(struct turn *t, struct bytes address, struct bytes property,
                              const char **ret_why);
enum error_code turn_wait_sleep(struct turn *t, uint64_t ms, const char **ret_why);

/* Outputs of the step. arguments: msgpack array. */
enum error_code turn_tell(struct turn *t, struct bytes address, struct bytes method,
                          struct bytes arguments, const char **ret_why);
/* method is called with (value, address, property): first with the present value, then
 * at each change; until this activation ends. */
enum error_code turn_watch(struct turn *t, struct bytes address, struct bytes property,
                           struct bytes method, const char **ret_why);
/* After ms, once or each ms (at least 1), until this activation ends. *ret_id > 0. */
enum error_code turn_timer(struct turn *t, uint64_t ms, bool every, struct bytes method,
                           struct bytes arguments, uint32_t *ret_id, const char **ret_why);
/* Ends a timer; false where there is none of that number. */
bool turn_timer_cancel(struct turn *t, uint32_t id);
/* Forgets the actor and its state when the turn ends. */
void turn_destroy(struct turn *t);

/* A line of the log with the actor's address and class; fields: msgpack map or empty. */
void turn_log(struct turn *t, enum log_level level, struct bytes text, struct bytes fields);

#endif
