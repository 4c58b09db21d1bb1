/* What the files of supervisor/cluster/ share: the cluster as a whole, and what each file
 * does for the others. Nobody else includes this. */
#ifndef SUPERVISOR_CLUSTER_PARTS_H
#define SUPERVISOR_CLUSTER_PARTS_H

#include <sys/queue.h>

#include "common/link.h"
#include "proto/cluster.h"
#include "proto/control_cluster.h"
#include "proto/talk.h"
#include "supervisor/cluster/cluster.h"
#include "supervisor/cluster/engine.h"
#include "supervisor/cluster/forming.h"
#include "supervisor/cluster/lease.h"
#include "supervisor/cluster/machine_command.h"
#include "supervisor/cluster/plan.h"
#include "supervisor/tunnel.h"

#define CLUSTER_GATEWAYS_MAX 64
#define CLUSTER_LEASE_MS 3000 /* a member that is silent for so long and a tenth more is down */

/* --- proposals: commands of this node on their way into the log (proposal.c) -------- */

enum proposal_outcome { PROPOSAL_DONE, PROPOSAL_REFUSED, PROPOSAL_UNKNOWN };
/* reason: of a refusal, else NULL. */
typedef void (*proposal_done)(struct cluster *c, void *owner, enum proposal_outcome outcome, const char *reason);

struct proposal {
	TAILQ_ENTRY(proposal) next;
	uint64_t rid;
	struct buffer entry;  /* as it goes into the log */
	uint64_t sent_at;     /* ms; 0: not sent, or to be sent again */
	uint64_t until;       /* ms */
	bool once;            /* never sent again: a later one says more */
	void *owner;
	proposal_done on_done;
};

TAILQ_HEAD(proposal_list, proposal);

/* Consumes command. on_done (may be NULL) follows once, never from inside this call. */
void proposal_new(struct cluster *c, struct buffer *take_command, uint64_t patience_ms, bool once,
                  proposal_done on_done, void *owner);
/* Nobody waits for it any more; it goes on. */
void proposal_forget(struct cluster *c, const void *owner);
/* Sends what is to be sent, gives up what is too old. */
void proposal_run(struct cluster *c, uint64_t now);
/* The link to the leader is gone, or there is another leader: all are sent again. */
void proposal_again(struct cluster *c);
/* An entry of the log: applies it, and ends the proposal that it was. */
void proposal_apply(struct cluster *c, struct bytes entry);
void proposal_end_all(struct cluster *c);

/* --- dialogues with other supervisors (dialogue.c) ---------------------------------- */

struct dialogue {
	TAILQ_ENTRY(dialogue) next;
	struct cluster *cluster;
	struct link link;
	uint64_t node;      /* of the peer's hello */
	char *name, *address;
	bool kin;           /* of this very cluster, as it says; whether a member, the machine knows */
	bool incoming, ended;
	void (*on_frame)(struct dialogue *d, struct bytes body); /* of one that was dialled */
	void (*on_ended)(struct dialogue *d);
	void *owner;
};

TAILQ_HEAD(dialogue_list, dialogue);

bool is_of_this_cluster(const struct cluster *c, const struct cluster_hello *hello);
/* Over a connection of kind CLUSTER_JOIN. NULL where it cannot be used. */
struct dialogue *dialogue_new(struct cluster *c, const struct cluster_hello *hello, int take_fd, bool incoming);
/* Ends it soon; its handlers are not called any more. */
void dialogue_end(struct dialogue *d);
void dialogue_end_all(struct cluster *c);
/* The one to the leader, dialled where it is not there; NULL meanwhile. */
struct dialogue *dialogue_with_leader(struct cluster *c);

/* --- connections of other nodes (arrival.c) ------------------------------------------ */

void arrivals_begin(struct cluster *c);

/* --- admission: instances that ask to join (admission.c) ---------------------------- */

#define ADMISSION_REMOVED "removed" /* reason: it was a member, and never will be one again */

bool admission_ask(struct dialogue *d, struct bytes body);
void admission_forget(struct dialogue *d);

/* --- links between gateways (slot.c) ------------------------------------------------ */

struct node_link {
	struct cluster *cluster;
	uint32_t slot, gateway;
	bool up;
	uint64_t retry_at;    /* ms */
	uint32_t incarnation; /* of the link */
	uint64_t dial;
};

/* Another member under the number that this node's processes know it by. */
struct slot {
	uint64_t id; /* 0: free */
	bool told_up;
	struct node_link links[CLUSTER_GATEWAYS_MAX];
};

struct early_link;
TAILQ_HEAD(early_list, early_link);

/* The slot of a member; CONTROL_NODES_MAX where it has none. */
uint32_t slot_of(const struct cluster *c, uint64_t id);
/* Members have come, gone, died or returned. */
void slots_update(struct cluster *c);
/* Dials what is to be dialled. */
void slots_run(struct cluster *c, uint64_t now);
void slots_greet(struct cluster *c, struct child *gateway);
void slots_arrived(struct cluster *c, const struct cluster_hello *hello, int take_fd);
void slots_fini(struct cluster *c);

/* --- shards of this node (share.c) and their moves (move.c) -------------------------- */

struct move;
struct arrival;
TAILQ_HEAD(move_list, move);
TAILQ_HEAD(arrival_list, arrival);

/* Makes the node's shard map what the machine and the lease say. */
void share_update(struct cluster *c);
/* This node's lease is over, or back. */
void share_lease(struct cluster *c, uint64_t now_ns);
bool share_acts(const struct cluster *c, uint64_t now_ns);

/* Takes up the moves that the machine has begun, drops those it has ended. */
void move_update(struct cluster *c);
void move_run(struct cluster *c, uint64_t now);
bool move_has(const struct cluster *c, uint32_t shard);
void move_transferred(struct cluster *c, const struct control_transferred *m);
void move_store_gone(struct cluster *c);
void move_store_serves(struct cluster *c);
/* Takes in what other nodes send, after what the log says has been looked at. */
void move_receive(struct cluster *c, uint64_t now);
void move_arrived(struct cluster *c, const struct cluster_hello *hello, int take_fd);
void move_end_all(struct cluster *c);

/* --- the leader's work (leader.c) ----------------------------------------------------- */

void leader_run(struct cluster *c, uint64_t now_ns);
/* An entry of the log has been applied. */
void leader_applied(struct cluster *c, const struct machine_result *result);
void leader_reset(struct cluster *c);

/* --- operations (join.c, leave.c) ----------------------------------------------------- */

#define OPERATION_WATCHERS 16 /* of one operation */
#define OPERATION_OUTCOMES 16 /* remembered */

struct operation {
	enum { OPERATION_NONE, OPERATION_JOIN, OPERATION_LEAVE, OPERATION_DRAIN, OPERATION_REMOVE } kind;
	uint64_t number;
	struct cluster_watcher watchers[OPERATION_WATCHERS]; /* owner NULL: none */
	char **addresses;  /* JOIN */
	size_t count, at;
	unsigned redirects;
	enum admin_exit exit; /* JOIN: of the best failure so far */
	const char *code;
	char text[256];
	uint64_t until, told_at; /* ms */
	uint32_t told;           /* shards left, as told last */
	bool unasked;            /* begun by the node itself: for `peers` */
	struct dialogue *dialogue;
	uint64_t dial;
	unsigned step;
};

/* How an operation ended. */
struct outcome {
	uint64_t number;
	enum admin_exit exit;
	char code[32], text[256];
};

void operation_begin(struct cluster *c, int kind, const struct cluster_watcher *w);
void operation_answer(struct cluster *c, const char *address, const char *format, ...) __attribute__((format(printf, 3, 4)));
void operation_note(struct cluster *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void operation_end(struct cluster *c, enum admin_exit exit, const char *code, const char *text);
void join_run(struct cluster *c, uint64_t now);
void join_member(struct cluster *c);
void leave_run(struct cluster *c, uint64_t now);
void outcast_run(struct cluster *c, uint64_t now); /* asks whether it is a member still */

/* --- the whole ------------------------------------------------------------------------ */

struct cluster {
	struct node *node;
	enum cluster_state state;
	bool shared;              /* one store for all nodes */
	bool parting;             /* the others are told that this node stops */
	bool closing;             /* the engine is being closed */
	struct identity next_identity; /* what it begins anew as */
	char *address;            /* where others reach this node */
	uint64_t incarnation;     /* of this start */
	struct machine machine;
	struct engine *engine;    /* NULL: not open */
	struct lease lease;
	uint64_t renewal_seen;    /* the last one of this start that was applied */
	uint64_t renewed_at;      /* ns, when one of this start was applied last */
	struct control_lease *page; /* read by actor workers */
	int page_fd;
	struct watchdog watchdog;
	bool led;                 /* it was the leader when last looked */
	uint64_t looked_at;       /* ns, when that was */
	bool acted;               /* share_acts(), as looked at last */
	bool moved;               /* the machine has changed since the last look */
	uint64_t removed_at;      /* ms, when a member was removed last */
	unsigned declaring;       /* members down: entries under way */
	bool role_changing;       /* the engine's configuration */
	uint64_t planned_at, roles_at; /* ms, when shares and roles are looked at next */
	bool planning;            /* moves are proposed and not applied yet */
	struct proposal_list proposals;
	uint64_t last_rid;
	struct machine_result result; /* of the entry applied last */
	struct dialogue_list dialogues;
	struct dialogue *leader;  /* to it */
	uint64_t leader_dial;
	uint64_t leader_id, leader_retry_at;
	struct slot *slots[CONTROL_NODES_MAX];
	uint32_t last_link;
	struct early_list early;
	struct move_list moves;
	struct arrival_list arrivals;
	uint64_t last_transfer;
	struct operation operation;
	uint64_t last_operation;
	struct outcome outcomes[OPERATION_OUTCOMES]; /* by number */
	struct forming forming;
	uint64_t outcast_at, outcast_dial; /* ms, when the next member is asked; the dial */
	uint32_t outcast_turn;
	struct ev_timer ticker;
	struct ev_timer soon;     /* fed: look at what has changed */
};

/* Looks at what has changed, from the loop. */
void cluster_soon(struct cluster *c);
const struct machine_member *cluster_self(const struct cluster *c);
uint64_t cluster_self_id(const struct cluster *c);
bool cluster_leads(const struct cluster *c);
/* The engine closes, its directory goes, and the node begins anew as `identity` says. */
void cluster_adopt(struct cluster *c, const struct talk_welcome *welcome);
/* It is no member any more. */
void cluster_left(struct cluster *c);
/* Everything that hangs on the present membership. */
void cluster_forget(struct cluster *c);
/* found: where there is no log yet, it begins a cluster of this node alone. */
void cluster_open_engine(struct cluster *c, bool found);
/* Of its log; the caller's to free. */
char *cluster_directory(const struct cluster *c);

#endif
