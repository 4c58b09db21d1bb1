/* What the store keeps of an actor: one msgpack array
 * [format, epoch, version, class version, created, {name: [changed, value]}]. An epoch of 0:
 * later versions may have been told, so whoever reads it begins a new one. */
#ifndef WORKER_ACTOR_RECORD_H
#define WORKER_ACTOR_RECORD_H

#include "worker/actor/actor.h"

/* The state as of the last step that ended; an open step's changes are not in it. */
void record_encode(const struct actor *a, struct buffer *out);

/* Lays a record over the furnished properties of a; names the class no longer has are
 * left out. *ret_class_version gets the version that wrote it. -EINVAL: damaged. */
int record_decode(struct actor *a, struct bytes record, int64_t *ret_class_version);

#endif
