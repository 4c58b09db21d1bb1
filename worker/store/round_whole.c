/* The rounds of jobs for whole shards: scans, imports and removals (transfer.h). */
#include <stdlib.h>

#include "common/memory.h"
#include "proto/transfer.h"
#include "worker/store/round.h"

static enum engine_result import_pairs(struct commit *c, const struct job *job, struct buffer *error)
{
	struct bytes rest = buffer_bytes(&job->body), key, record;
	struct engine_change *changes;
	enum engine_result result;
	size_t count = 0;

	while (transfer_next_pair(&rest, &key, &record))
		count++;
	changes = memory_new((count + 1) * sizeof(*changes));
	rest = buffer_bytes(&job->body);
	for (size_t i = 0; i < count && transfer_next_pair(&rest, &key, &record); i++)
		changes[i] = (struct engine_change){ .key = key, .record = record };
	result = count > 0 ? c->engine->write(c->db, changes, count, error) : ENGINE_OK;
	free(changes);
	return result;
}

#define SCAN_BYTES (64u << 10) /* of pairs at a time: others' commits come between */

/* Nobody's batch depends on these: where the engine fails, so does the move that they are of. */
void round_whole(struct commit *c, struct job *job)
{
	struct buffer error = { 0 };
	enum engine_result result = ENGINE_FAILED;

	round_begin_call(c);
	if (c->db == NULL || c->engine->scan == NULL)
		buffer_append_text(&error, "this store cannot do that now");
	else if (job->kind == JOB_SCAN)
		result = c->engine->scan(c->db, job->shard, buffer_bytes(&job->body), SCAN_BYTES, &job->record, &job->found, &error);
	else if (job->kind == JOB_IMPORT)
		result = import_pairs(c, job, &error);
	else if (job->kind == JOB_DROP)
		result = c->engine->drop(c->db, job->shard, &error);
	else {
		job->found = !c->engine->is_empty(c->db);
		result = ENGINE_OK;
	}
	result = round_end_call(c, result, &error);
	if (result != ENGINE_OK)
		round_refuse(job, ERROR_INTERNAL, buffer_bytes(&error));
	buffer_fini(&error);
}
