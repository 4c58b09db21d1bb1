/* Shards on their way into this worker. */
#include "worker/actor/acquire.h"

#include <stdlib.h>

#include "common/memory.h"

static void finish_if_synced(struct worker *w)
{
	struct acquire *q = &w->acquire;

	for (uint32_t i = 0; i < w->gateway_count; i++)
		if (w->gateways[i].link && w->gateways[i].synced < q->serial)
			return;
	q->open = false;
	memset(q->fresh, 0, w->shard_count * sizeof(*q->fresh));
	buffer_append_bytes(&w->loopback, buffer_bytes(&q->frames));
	buffer_fini(&q->frames);
}

void acquire_map(struct worker *w, const struct control_shard *former, uint64_t serial)
{
	struct acquire *q = &w->acquire;
	uint32_t count = 0;

	if (q->fresh == NULL)
		q->fresh = memory_new(w->shard_count * sizeof(*q->fresh));
	for (uint32_t i = 0; i < w->shard_count; i++) {
		bool mine = former[i].worker == w->index || former[i].leaving == w->index;

		if (!worker_owns(w, i) || mine)
			continue;
		q->fresh[i] = true;
		count++;
	}
	if (count == 0)
		return;
	q->open = true;
	q->serial = serial;
	for (uint32_t i = 0; i < w->gateway_count; i++) {
		struct link *link = w->gateways[i].link;

		if (link == NULL)
			continue;
		ipc_encode_sync(link_begin(link), q->serial);
		link_end(link);
	}
	finish_if_synced(w);
}

void acquire_keep(struct worker *w, struct bytes body)
{
	uint32_t length = (uint32_t)body.len;

	buffer_append(&w->acquire.frames, &length, sizeof(length));
	buffer_append_bytes(&w->acquire.frames, body);
}

void acquire_synced(struct worker *w, uint16_t peer, uint64_t serial)
{
	w->gateways[peer].synced = serial;
	if (w->acquire.open)
		finish_if_synced(w);
}

void acquire_peer_changed(struct worker *w, uint16_t peer)
{
	acquire_synced(w, peer, w->acquire.serial);
}

void acquire_fini(struct worker *w)
{
	free(w->acquire.fresh);
	buffer_fini(&w->acquire.frames);
	w->acquire = (struct acquire){ 0 };
}
