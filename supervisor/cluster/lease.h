/* The two ends of a lease. Pure. All times are nanoseconds of CLOCK_BOOTTIME, on the clock
 * of the node that calls. */
#ifndef SUPERVISOR_CLUSTER_LEASE_H
#define SUPERVISOR_CLUSTER_LEASE_H

#include "supervisor/cluster/machine.h"

#define LEASE_OUTSTANDING 5 /* renewals sent and not applied; at TTL/5, older ones are worth nothing */

/* --- the holder: may this node act for what it owns? --- */

struct lease {
	uint64_t ttl, incarnation;
	uint64_t renewal; /* the last one sent */
	uint64_t sent;    /* when */
	uint64_t until;   /* 0: not held */
	bool begun;
	struct {
		uint64_t renewal, sent;
	} outstanding[LEASE_OUTSTANDING]; /* a ring by renewal; 0: none */
};

void lease_init(struct lease *l, uint64_t ttl_ms, uint64_t incarnation);

/* A renewal is about to be proposed: its number. `now` must not be later than the proposal. */
uint64_t lease_sent(struct lease *l, uint64_t now);

/* This node's own machine has applied this node's renewal (MACHINE_DONE), or was restored to
 * a state that says so of a member that is alive. True where the lease now ends later. Other
 * incarnations and renewals unknown here are ignored. */
bool lease_applied(struct lease *l, uint64_t incarnation, uint64_t renewal);

bool lease_valid(const struct lease *l, uint64_t now);
uint64_t lease_until(const struct lease *l);

/* A renewal of this process has been applied here at least once: this machine knows all
 * that its former self did. Before that a node acts for nothing, not even for shards that
 * lie in a store of its own (where no lease bounds it afterwards). */
bool lease_begun(const struct lease *l);

/* When the next renewal is due: TTL/5 after the last, at once (<= now) after none. */
uint64_t lease_next_renewal(const struct lease *l, uint64_t now);

/* This node's machine says that it is down: nothing is held until a renewal is applied. */
void lease_reset(struct lease *l);

/* --- the leader: who has been silent for too long? --- */

struct watchdog_member {
	uint64_t id, incarnation, renewal; /* as last heard */
	uint64_t heard;
};

/* Zeroed memory, after watchdog_init(), watches nobody. Nothing to free. */
struct watchdog {
	uint64_t patience; /* 1.1 x TTL */
	uint32_t count;
	struct watchdog_member members[MACHINE_MEMBERS_MAX]; /* those alive, in order of id */
};

void watchdog_init(struct watchdog *w, uint64_t ttl_ms);

/* This node became leader: every member that is alive counts as heard now. */
void watchdog_lead(struct watchdog *w, const struct machine *m, uint64_t now);

/* After commands were applied: those whose renewal is another one count as heard now. */
void watchdog_follow(struct watchdog *w, const struct machine *m, uint64_t now);

/* One member's renewal was applied: the same for it alone, without looking at all. A member
 * that is not watched yet needs watchdog_follow(). */
void watchdog_heard(struct watchdog *w, uint64_t id, uint64_t incarnation, uint64_t renewal, uint64_t now);

/* This process stood still from then until now, with the whole machine perhaps: that time is
 * nobody's silence. Those who were heard in it already keep that. */
void watchdog_stood_still(struct watchdog *w, uint64_t from, uint64_t now);

/* This node became leader of members that it has listened to: what had no leader could not be
 * renewed, so each has at least so long from now on. */
void watchdog_spare(struct watchdog *w, uint64_t now, uint64_t least_ms);

/* Up to `most` members to be declared down by machine_encode_down(), and how many. Those
 * stay due until watchdog_follow() sees them down or renewed. */
uint32_t watchdog_due(const struct watchdog *w, uint64_t now, struct watchdog_member *ret, uint32_t most);

/* When the next one will be due; UINT64_MAX where nobody is watched. */
uint64_t watchdog_next(const struct watchdog *w);

#endif
