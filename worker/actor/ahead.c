/* Three passes over a group: each asks for what the next one reads. */
#include "worker/actor/ahead.h"

#include <stddef.h>

#include "common/hash.h"
#include "common/link.h"
#include "worker/actor/worker.h"

#define LINE 64 /* bytes of the processor's cache */

/* What a message that runs reads and writes of it: actor.h keeps that together. */
static void fetch_actor(const struct actor *a)
{
	const char *from = (const char *)&a->recent;

	for (const char *at = from; at < a->address; at += LINE)
		__builtin_prefetch(at, 1);
}

void ahead_fetch(const struct worker *w, const struct bytes *bodies, unsigned count)
{
	const struct actor *found[LINK_AHEAD];
	uint64_t hashes[LINK_AHEAD];
	struct bytes address;
	unsigned n = 0, actors = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!ipc_peek_address(bodies[i], &address))
			continue;
		hashes[n] = hash_local(address);
		map_prefetch(&w->actors, hashes[n++]);
	}
	for (unsigned i = 0; i < n; i++) {
		const struct actor *a = map_guess(&w->actors, hashes[i]);

		if (a == NULL)
			continue;
		fetch_actor(a);
		found[actors++] = a;
	}
	for (unsigned i = 0; i < actors; i++)
		__builtin_prefetch(found[i]->slots, 1);
}
