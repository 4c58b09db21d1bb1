/* What the store says of itself to an admin. */
#include "worker/store/status.h"

#include "proto/msgpack.h"

static void number(struct buffer *out, const char *key, uint64_t value)
{
	msgpack_write_str(out, bytes_of(key));
	msgpack_write_uint(out, value);
}

static void text(struct buffer *out, const char *key, const char *value)
{
	msgpack_write_str(out, bytes_of(key));
	msgpack_write_str(out, bytes_of(value));
}

void status_answer(struct child *child, struct commit *commit, struct job *take_job)
{
	struct control_rows rows = { .query = (uint32_t)take_job->number, .last = true };
	struct commit_figures f;
	struct buffer out = { 0 };

	commit_read_figures(commit, &f);
	msgpack_write_array(&out, 1);
	msgpack_write_map(&out, 11);
	text(&out, "engine", commit->engine->name);
	text(&out, "path", commit->place);
	text(&out, "state", commit_state_name(f.state));
	msgpack_write_str(&out, BYTES_LITERAL("empty"));
	msgpack_write_bool(&out, !take_job->found && take_job->code == ERROR_NONE);
	number(&out, "shards_lost", f.lost);
	number(&out, "commits", f.commits);
	number(&out, "batches", f.batches);
	number(&out, "changes", f.changes);
	number(&out, "bytes", f.bytes);
	number(&out, "commit_p50_us", f.commit_p50_ns / 1000);
	number(&out, "commit_p99_us", f.commit_p99_ns / 1000);
	rows.rows = buffer_bytes(&out);
	child_rows(child, &rows);
	buffer_fini(&out);
	job_free(take_job);
}
