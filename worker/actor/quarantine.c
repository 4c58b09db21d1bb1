/* Owns the list of what is held back in this worker. */
#include "worker/actor/quarantine.h"

#include <stdlib.h>

#include "common/memory.h"
#include "proto/scoreboard.h"
#include "worker/actor/message.h"

struct hold {
	bool whole;
	uint32_t count;
	uint64_t *fingerprints;
};

static void free_hold(struct hold *hold)
{
	if (hold)
		free(hold->fingerprints);
	free(hold);
}

void quarantine_fini(struct quarantine *q)
{
	size_t at = 0;
	void *hold;

	while (map_next(&q->held, &at, NULL, &hold))
		free_hold(hold);
	map_fini(&q->held);
}

static bool has(const struct hold *hold, uint64_t fingerprint)
{
	for (uint32_t i = 0; i < hold->count; i++)
		if (hold->fingerprints[i] == fingerprint)
			return true;
	return false;
}

void quarantine_change(struct quarantine *q, const struct control_quarantine *m)
{
	struct hold *hold = map_get(&q->held, m->address);

	if (!m->held) {
		free_hold(map_remove(&q->held, m->address));
		return;
	}
	if (hold == NULL) {
		hold = memory_new(sizeof(*hold));
		map_put(&q->held, m->address, hold);
	}
	if (m->whole) {
		hold->whole = true;
	} else if (!has(hold, m->fingerprint)) {
		hold->fingerprints = memory_grow(hold->fingerprints, hold->count + 1, sizeof(*hold->fingerprints));
		hold->fingerprints[hold->count++] = m->fingerprint;
	}
}

uint64_t quarantine_fingerprint(const struct hash_key *key, struct bytes method, struct bytes arguments)
{
	return scoreboard_fingerprint(hash_bytes(key, method), hash_bytes(key, arguments));
}

enum quarantine_hold quarantine_check(const struct quarantine *q, const struct hash_key *key,
                                      const struct ipc_request *request)
{
	const struct hold *hold;

	if (q->held.count == 0 || (hold = map_get(&q->held, request->address)) == NULL)
		return QUARANTINE_FREE;
	if (hold->whole)
		return QUARANTINE_ACTOR;
	if (has(hold, quarantine_fingerprint(key, message_method(request), request->payload)))
		return QUARANTINE_MESSAGE;
	return QUARANTINE_FREE;
}
