/* A database whose cluster is gone: this node, which is alone, founds its own anew with the number of
 * shards and the hash key of that one, and its store takes the database over, where an operator says so
 * with `[store] takeover`. */
#ifndef SUPERVISOR_TAKEOVER_H
#define SUPERVISOR_TAKEOVER_H

#include "supervisor/identity.h"

struct control_foreign;
struct node;

/* What the store has found instead of its own database. */
struct foreign {
	bool known, has_key;
	unsigned char cluster[sizeof(((struct identity *)0)->cluster)], key[HASH_KEY_SIZE];
	uint32_t shards;
};

/* The store says so; its process ends then. */
void takeover_on_foreign(struct node *n, const struct control_foreign *m);
/* Its process has ended. True: the node begins anew; else nobody has said that it may, or it may not,
 * which is logged. */
bool takeover_begin(struct node *n);
/* The id of the database's cluster as an operator would give it. */
void takeover_name(const struct node *n, struct buffer *out);

#endif
