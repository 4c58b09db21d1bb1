/* Letting shards go: what the worker does when the shard map changes, and how it tells
 * that a shard it was asked to release has nothing in memory and nothing under way.
 *
 * A shard that leaves takes no new request: those queued are handed back to be routed
 * again. Turns under way go on to their end, and so do the calls that they make among
 * actors of this worker, or that come home to it: whoever waits for one of them could
 * never end otherwise. Tells that were sent before their sender's gateway knew are still
 * taken, for they cannot be handed back. A shard is told to be free when nothing of it is
 * left; where all of them leave, not before nothing of any is. */
#ifndef WORKER_ACTOR_RELEASE_H
#define WORKER_ACTOR_RELEASE_H

#include "worker/actor/worker.h"

#define RELEASE_EARLY_MAX (1u << 20) /* bytes of requests kept until the map they were routed by is here */

/* The map is about to be replaced: what has been changed under it is sent to the store
 * under its epochs, and what actors of this worker have sent each other arrives. */
void release_before_map(struct worker *w);
/* w->shards is another map than `former` (borrowed), of this serial; NULL: the first one,
 * in which shards of its predecessor may be on their way out. */
void release_map(struct worker *w, const struct control_shard *former, uint64_t serial);

/* A gateway routes by the map `serial` or a later one. */
void release_mark(struct worker *w, uint16_t peer, uint64_t serial);

/* Whether a request for a shard that is leaving still belongs to what is under way. */
bool release_admits(struct worker *w, uint16_t peer, const struct ipc_request *request);

/* Keeps a request that was routed by a map that is not here yet. false: not kept. */
bool release_keep_early(struct worker *w, uint16_t peer, const struct ipc_request *request);

/* An actor of a shard that is leaving has come into the table, or leaves it. */
void release_add(struct worker *w, struct actor *a);
void release_remove(struct worker *w, struct actor *a);

/* Before the loop sleeps: passivates what is quiet, and hands shards that are free to send. */
typedef void (*release_send)(struct worker *w, uint64_t serial, const uint16_t *shards, uint32_t count);
void release_run(struct worker *w, release_send send);

void release_fini(struct worker *w);

#endif
