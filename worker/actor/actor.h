/* An actor in this worker's memory: its address, mailbox, properties and watchers. */
#ifndef WORKER_ACTOR_ACTOR_H
#define WORKER_ACTOR_ACTOR_H

#include "worker/actor/class.h"
#include "worker/actor/message.h"

struct turn;
struct step;
struct batch;
struct alarm;
struct worker;

enum actor_state {
	ACTOR_PASSIVE, /* no properties in memory; kept only for its mail, its watchers or a commit */
	ACTOR_LOADING, /* its record is asked for */
	ACTOR_WAKING,  /* migrate, create, activate run before the first message */
	ACTOR_ACTIVE,
	ACTOR_STATE_COUNT
};

const char *actor_state_name(enum actor_state state);

struct slot {
	struct value value;
	uint64_t changed; /* number of the version that last changed it */
};

TAILQ_HEAD(turn_list, turn_private);

/* What went wrong in an actor's turns lately, for `stagectl inspect`. */
#define ACTOR_FAULTS_MAX 4

struct fault {
	uint64_t time; /* milliseconds since 1970 */
	char *method, *text;
};

struct faults {
	struct fault list[ACTOR_FAULTS_MAX];
	unsigned next;
};

TAILQ_HEAD(actor_list, actor);

/* What every message touches stands last, beside the address: few lines of the cache. */
struct actor {
	TAILQ_ENTRY(actor) loading;
	TAILQ_ENTRY(actor) unsaved_next;
	TAILQ_ENTRY(actor) leaving_next;
	struct alarm *first_alarm;
	unsigned alarms, subscriptions; /* what keeps it from idle passivation */
	int64_t written_by; /* Class.version of what wrote or last migrated its properties */
	struct faults *faults;
	uint64_t load_epoch; /* of its shard, when its record was asked for */
	uint32_t activation; /* counts; tells a later life in memory from this one */
	TAILQ_ENTRY(actor) recent; /* resident ones, least recently used first */
	struct turn_list turns;
	size_t bytes;       /* of its property values, against the quota */
	uint64_t gateways;  /* bit i: gateway i watches */
	struct batch *batch; /* the last commit under way that holds it; NULL: settled */
	struct step *step;  /* what that turn has changed so far; NULL: nothing */
	struct version version;
	uint64_t used_at;   /* milliseconds, monotonic; a little early (shelf_touch()) */
	struct slot *slots;
	struct class *class; /* NULL while passive */
	TAILQ_ENTRY(actor) ready;  /* those with mail to take, in `queue` */
	struct actor_list *queue;  /* the worker's ready, ready_bulk or slow; where is_ready */
	struct message_list mailbox;
	struct turn_private *running; /* the turn that runs or was preempted: its step is open */
	unsigned mail;
	unsigned prompt;    /* of these, how many go before other actors' bulk */
	unsigned turn_count;
	enum actor_state state;
	uint32_t shard;
	bool is_ready, is_resident, is_leaving;
	bool is_slow;       /* its last turn did not end soon: others' messages go first */
	bool created;       /* create() has run in this life */
	bool stored;        /* the store has, or is being given, a record */
	bool unsaved;       /* ASYNC: changes that no batch holds yet */
	bool condemned;     /* destroy() was called in the turn under way */
	bool watched_here;  /* actors of this worker, or actors that reach it so, watch */
	uint16_t address_length;
	char address[];
};

static inline struct bytes actor_address(const struct actor *a)
{
	return (struct bytes){ a->address, a->address_length };
}

/* Asserts that the state may follow. */
void actor_set_state(struct actor *a, enum actor_state state);

/* In the worker's table. */
struct actor *actor_find(struct worker *w, struct bytes address);
struct actor *actor_get(struct worker *w, struct bytes address, uint32_t shard);

/* Takes it out of the table and frees it when nothing needs it any more: passive,
 * no mail, no watcher, no commit under way. */
void actor_release(struct worker *w, struct actor *a);

/* Fresh properties by the class's defaults; takes a reference. */
void actor_furnish(struct actor *a, struct class *c);
void actor_strip(struct actor *a);

/* A new epoch of version numbers: random, so that no former life has had it. */
void actor_new_epoch(struct actor *a);

void actor_add_fault(struct actor *a, struct bytes method, struct bytes text);

#endif
