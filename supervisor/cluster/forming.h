/* How an instance that is no member of a cluster comes to one by its list of peers: it joins
 * theirs, or, where its own address comes first, founds one.
 *
 * It founds only when most of the list, itself included, say that they have none and nobody says
 * otherwise; whoever cannot be reached counts for neither. So nodes that start for the first time
 * form a cluster also where some come late, and one that was a member and has lost its disk founds
 * no second one beside the others, whether it reaches them or not: not unless most of the list have
 * lost theirs too. */
#ifndef SUPERVISOR_CLUSTER_FORMING_H
#define SUPERVISOR_CLUSTER_FORMING_H

#include <stdint.h>

#include "supervisor/cluster/peers.h"

struct cluster;

/* One of the peers that is asked whether it has a cluster. */
struct forming_question {
	struct cluster *cluster;
	uint64_t dial; /* 0: it has answered, or cannot be reached */
};

/* Zeroed memory asks at once. */
struct forming {
	uint64_t at; /* ms, when peers are asked next */
	struct forming_question questions[CLUSTER_PEERS_MAX];
	uint32_t asked, open; /* of this round; answers that are missing */
	uint32_t with, without; /* a cluster */
	bool told; /* logged why it founds none */
};

/* It goes by its list of peers, and founds nothing before it has asked them. */
bool forming_waits(const struct cluster *c);
/* Of those that found: what a node waits for. */
bool forming_founds(const struct cluster *c);
void forming_run(struct cluster *c, uint64_t now);
void forming_end(struct cluster *c);

#endif
