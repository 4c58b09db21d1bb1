/* The program stage-store: links to actor workers in front of the commit thread. */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/link.h"
#include "common/log.h"
#include "common/memory.h"
#include "proto/msgpack.h"
#include "worker/child.h"
#include "worker/store/commit.h"

#define QUEUE_MOST (64u << 20) /* bytes of jobs under way above which links are not read */

/* An actor worker's link. It lives until its last job is done, link or no link. */
struct peer {
	struct peer *next;
	struct link link;
	struct stream stream;
	uint32_t index;
	uint32_t jobs;
	bool lost;
};

static struct {
	struct child child;
	struct commit commit;
	struct ev_async done_signal;
	struct peer *peers;
	size_t queued; /* bytes of jobs under way */
	bool paused, draining, alarmed;
} store;

/* --- frames to jobs --- */

static bool epoch_is_current(uint32_t shard, uint64_t epoch)
{
	return shard < store.child.shard_count && store.child.shards[shard].epoch == epoch;
}

static void pause_links(bool on)
{
	if (on == store.paused)
		return;
	store.paused = on;
	for (struct peer *p = store.peers; p; p = p->next) {
		if (p->lost)
			continue;
		if (on)
			link_pause(&p->link);
		else
			link_resume(&p->link);
	}
}

static void submit(struct peer *peer, struct job *job)
{
	job->stream = &peer->stream;
	job->owner = peer;
	peer->jobs++;
	store.queued += buffer_length(&job->body);
	commit_submit(&store.commit, job);
	if (store.queued > QUEUE_MOST)
		pause_links(true);
}

static bool on_batch(struct peer *peer, struct bytes body)
{
	struct ipc_batch_head head;
	struct bytes entries, rest;
	struct ipc_batch_entry e;
	struct job *job;
	uint32_t count = 0;
	enum error_code code = ERROR_NONE;

	if (!ipc_decode_batch(body, &head, &entries))
		return false;
	for (rest = entries; ipc_next_entry(&rest, &e); count++)
		if (!epoch_is_current(e.shard, e.epoch))
			code = ERROR_MOVED;
	if (count != head.count || rest.len > 0)
		return false;
	job = memory_new(sizeof(*job));
	job->kind = JOB_BATCH;
	job->number = head.seq;
	job->code = code;
	if (code)
		buffer_append_text(&job->reason, "the shard has another owner");
	buffer_append_bytes(&job->body, entries);
	submit(peer, job);
	return true;
}

static bool on_load(struct peer *peer, struct bytes body)
{
	struct ipc_load m;
	struct job *job;

	if (!ipc_decode_load(body, &m))
		return false;
	job = memory_new(sizeof(*job));
	job->kind = JOB_LOAD;
	job->number = m.rid;
	job->code = epoch_is_current(m.shard, m.epoch) ? ERROR_NONE : ERROR_MOVED;
	commit_key(m.shard, m.address, &job->body);
	submit(peer, job);
	return true;
}

static bool on_reset(struct peer *peer, struct bytes body)
{
	struct job *job;
	uint64_t seq;

	if (!ipc_decode_reset(body, &seq))
		return false;
	job = memory_new(sizeof(*job));
	job->kind = JOB_RESET;
	job->number = seq;
	submit(peer, job);
	return true;
}

static const struct {
	bool (*handle)(struct peer *peer, struct bytes body);
} frames[] = {
	[IPC_LOAD] = { on_load },
	[IPC_BATCH] = { on_batch },
	[IPC_RESET] = { on_reset },
};

static void on_frame(struct link *link, struct bytes body)
{
	struct peer *peer = link->owner;
	unsigned type = ipc_type(body);

	if (type < sizeof(frames) / sizeof(frames[0]) && frames[type].handle && frames[type].handle(peer, body))
		return;
	log_errorx("an actor worker sent a frame that is not understood", F_UINT("worker", peer->index),
	           F_UINT("type", type));
	link_close(link);
}

/* --- jobs to frames --- */

static void answer(struct peer *peer, const struct job *job)
{
	struct bytes reason = buffer_bytes(&job->reason);

	if (job->kind == JOB_BATCH)
		ipc_encode_committed(link_begin(&peer->link), &(struct ipc_committed){
			.seq = job->number, .code = job->code, .text = reason });
	else
		ipc_encode_loaded(link_begin(&peer->link), &(struct ipc_loaded){
			.rid = (uint32_t)job->number, .code = job->code, .found = job->found,
			.record = buffer_bytes(&job->record), .text = reason });
	link_end(&peer->link);
}

static void reap(struct peer *gone)
{
	struct peer **at = &store.peers;

	if (!gone->lost || gone->jobs > 0)
		return;
	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	link_fini(&gone->link);
	buffer_fini(&gone->stream.reason);
	free(gone);
}

static void tell_alarm(void)
{
	struct commit_figures f;

	commit_read_figures(&store.commit, &f);
	if (f.failing == store.alarmed)
		return;
	store.alarmed = f.failing;
	child_alarm(&store.child, f.failing, "store", f.failing ? f.reason : "the store writes again");
}

static void finish_if_drained(void)
{
	if (!store.draining || store.queued > 0)
		return;
	for (const struct peer *p = store.peers; p; p = p->next)
		if (!p->lost || p->jobs > 0)
			return;
	child_exit(&store.child, EX_OK);
}

static void on_done(struct ev_loop *loop, struct ev_async *watcher, int events)
{
	struct job *job = commit_take_done(&store.commit);

	(void)loop, (void)watcher, (void)events;
	while (job) {
		struct job *next = job->next;
		struct peer *peer = job->owner;

		store.queued -= buffer_length(&job->body);
		peer->jobs--;
		if (!peer->lost && job->kind != JOB_RESET)
			answer(peer, job);
		job_free(job);
		reap(peer);
		job = next;
	}
	if (store.queued <= QUEUE_MOST / 2)
		pause_links(false);
	tell_alarm();
	finish_if_drained();
}

static void on_link_lost(struct link *link, int error)
{
	struct peer *peer = link->owner;

	if (!store.draining)
		log_info("an actor worker's link ended", F_UINT("worker", peer->index), F_INT("errno", -error));
	peer->lost = true;
	reap(peer);
	finish_if_drained();
}

static const struct link_handlers link_handlers = { .on_frame = on_frame, .on_lost = on_link_lost };

/* --- control messages --- */

static void on_hello(struct child *c, const struct control_hello *m)
{
	const struct engine_ops *engine =
	        c->config.store.engine == CONFIG_ENGINE_MEMORY ? &engine_memory : &engine_rocksdb;
	struct buffer directory = { 0 }, error = { 0 };

	(void)m;
	buffer_printf(&directory, "%s/store", c->config.node.state);
	buffer_append(&directory, "", 1);
	if (commit_init(&store.commit, engine, directory.data, c->loop, &store.done_signal, &error) < 0) {
		struct buffer text = { 0 };

		buffer_printf(&text, "the store in %s cannot be opened: %.*s", directory.data,
		              (int)buffer_length(&error), buffer_bytes(&error).data);
		buffer_append(&text, "", 1);
		store.commit = (struct commit){ 0 };
		child_fail(c, EX_IOERR, text.data);
		buffer_fini(&text);
	} else {
		log_info("the store is open", F_TEXT("engine", engine->name), F_TEXT("directory", directory.data));
		child_ready(c);
	}
	buffer_fini(&directory);
	buffer_fini(&error);
}

static void on_peer(struct child *c, const struct control_peer *m, int take_fd)
{
	struct peer *peer;

	if (m->role != CONTROL_ACTOR) {
		close(take_fd);
		return;
	}
	/* A worker's former link may still have frames: what of them is of a current epoch is
	 * taken, and answered to nobody. */
	peer = memory_new(sizeof(*peer));
	peer->index = m->index;
	if (link_init(&peer->link, c->loop, take_fd, &link_handlers, peer) < 0) {
		log_errorx("an actor worker's link cannot be used", F_UINT("worker", m->index));
		free(peer);
		return;
	}
	peer->next = store.peers;
	store.peers = peer;
	if (store.paused)
		link_pause(&peer->link);
}

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

static void on_query(struct child *c, const struct control_query *m)
{
	struct control_rows rows = { .query = m->query, .last = true };
	struct commit_figures f;
	struct buffer out = { 0 };

	if (!bytes_equal(m->verb, BYTES_LITERAL("status"))) {
		rows.error = BYTES_LITERAL("the store has no answer to that");
		child_rows(c, &rows);
		return;
	}
	commit_read_figures(&store.commit, &f);
	msgpack_write_array(&out, 1);
	msgpack_write_map(&out, 9);
	text(&out, "engine", store.commit.engine->name);
	text(&out, "path", store.commit.directory);
	text(&out, "state", f.full ? "full" : f.failing ? "failing" : "good");
	number(&out, "commits", f.commits);
	number(&out, "batches", f.batches);
	number(&out, "changes", f.changes);
	number(&out, "bytes", f.bytes);
	number(&out, "commit_p50_us", f.commit_p50_ns / 1000);
	number(&out, "commit_p99_us", f.commit_p99_ns / 1000);
	rows.rows = buffer_bytes(&out);
	child_rows(c, &rows);
	buffer_fini(&out);
}

static void on_drain(struct child *c)
{
	(void)c;
	store.draining = true;
	finish_if_drained();
}

static const struct child_handlers handlers = {
	.on_hello = on_hello, .on_peer = on_peer, .on_query = on_query, .on_drain = on_drain,
};

int main(void)
{
	int r = child_init(&store.child, CONTROL_STORE, &handlers, NULL);

	if (r < 0) {
		fputs("stage-store is started by stage\n", stderr);
		return EX_USAGE;
	}
	ev_async_init(&store.done_signal, on_done);
	ev_async_start(store.child.loop, &store.done_signal);
	r = child_run(&store.child);
	while (store.peers) {
		store.peers->lost = true;
		store.peers->jobs = 0;
		reap(store.peers);
	}
	commit_fini(&store.commit);
	child_fini(&store.child);
	return r;
}
