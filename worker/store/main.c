/* The program stage-store: links to actor workers in front of the commit thread. */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/link.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/child.h"
#include "worker/store/commit.h"
#include "worker/store/opening.h"
#include "worker/store/status.h"
#include "worker/store/transfer.h"

#define QUEUE_MOST (64u << 20) /* bytes of jobs under way above which links are not read */
#define WATCH 0.5              /* seconds between looks at the commit thread's state */
#define AWAY_ALARM_MS 1000     /* a server that is only restarted is nobody's concern */
#define MOVED_AFTER 0.1        /* who is told so asks again: not before a new map may have come */

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
	struct opening opening;
	struct ev_timer watching, moving;
	struct peer *peers;
	size_t queued; /* bytes of jobs under way */
	struct job *moved_first, *moved_last; /* loads that the database has refused, answered later */
	uint64_t *claimed;                    /* the epoch of each shard that was last claimed */
	unsigned char cluster[ENGINE_CLUSTER_SIZE], key[HASH_KEY_SIZE];
	enum commit_state alarmed;
	bool open, paused, draining;
} store;

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

/* --- claims --- */

/* Who lets a shard go may still commit, and the epoch is this node's until it has. */
static bool is_local(const struct control_shard *s)
{
	return s->worker < CONTROL_WORKERS_MAX || (s->worker == CONTROL_NO_WORKER && s->leaving < CONTROL_WORKERS_MAX);
}

/* Before anything of the new epochs is taken from a link. */
static void claim_shards(void)
{
	struct job *job = memory_new(sizeof(*job));

	job->kind = JOB_CLAIM;
	if (store.claimed == NULL)
		store.claimed = memory_new(store.child.shard_count * sizeof(*store.claimed));
	for (uint32_t i = 0; i < store.child.shard_count; i++) {
		const struct control_shard *s = &store.child.shards[i];
		struct engine_claim claim;

		if (!is_local(s) || store.claimed[i] == s->epoch)
			continue;
		memset(&claim, 0, sizeof(claim)); /* its bytes are copied, those between its fields too */
		claim.shard = i;
		claim.epoch = store.claimed[i] = s->epoch;
		buffer_append(&job->body, &claim, sizeof(claim));
	}
	if (buffer_length(&job->body) == 0) {
		job_free(job);
		return;
	}
	store.queued += buffer_length(&job->body);
	commit_submit(&store.commit, job);
}

/* What the database has in epochs above this node's: either another node owns it, and this one has not
 * heard of it yet, or the cluster's log knows less than the database. */
static void tell_outdone(const struct job *job)
{
	const struct engine_claim *claims = (const void *)buffer_bytes(&job->body).data;
	size_t count = buffer_length(&job->body) / sizeof(*claims);
	struct buffer cells = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (claims[i].above >= claims[i].epoch)
			control_outdone_add(&cells, &(struct control_outdone){ claims[i].shard, claims[i].own, claims[i].epoch, claims[i].above });
		if (buffer_length(&cells) == CONTROL_OUTDONE_MOST * CONTROL_OUTDONE_SIZE || (i + 1 == count && buffer_length(&cells) > 0)) {
			child_outdone(&store.child, buffer_bytes(&cells));
			buffer_clear(&cells);
		}
	}
	buffer_fini(&cells);
}

/* --- frames to jobs --- */

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
	job->count = count;
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
	job->shard = m.shard;
	job->epoch = m.epoch;
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
	char text[320];

	commit_read_figures(&store.commit, &f);
	if (f.state == COMMIT_AWAY && clock_now_ms() < f.since_ms + AWAY_ALARM_MS)
		return;
	if (f.state == store.alarmed)
		return;
	store.alarmed = f.state;
	snprintf(text, sizeof(text), "%s: %s", commit_state_name(f.state), f.reason);
	child_alarm(&store.child, f.state != COMMIT_GOOD, "store", f.state == COMMIT_GOOD ? "the store writes again" : text);
}

static void on_watch(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop, (void)timer, (void)events;
	tell_alarm();
}

static void finish_if_drained(void)
{
	if (!store.draining || store.queued > 0 || transfer_busy())
		return;
	for (const struct peer *p = store.peers; p; p = p->next)
		if (!p->lost || p->jobs > 0)
			return;
	child_exit(&store.child, EX_OK);
}

static void finish(struct job *take_job)
{
	struct peer *peer = take_job->owner;

	store.queued -= buffer_length(&take_job->body);
	if (take_job->kind == JOB_CLAIM)
		tell_outdone(take_job);
	if (peer) {
		peer->jobs--;
		if (!peer->lost && take_job->kind != JOB_RESET)
			answer(peer, take_job);
		reap(peer);
	}
	job_free(take_job);
}

static void finish_later(struct job *take_job)
{
	take_job->next = NULL;
	if (store.moved_last)
		store.moved_last->next = take_job;
	else
		store.moved_first = take_job;
	store.moved_last = take_job;
	if (!ev_is_active(&store.moving)) {
		ev_timer_set(&store.moving, MOVED_AFTER, 0.0);
		ev_timer_start(store.child.loop, &store.moving);
	}
}

static void on_moved(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct job *job = store.moved_first;

	(void)loop, (void)timer, (void)events;
	store.moved_first = store.moved_last = NULL;
	while (job) {
		struct job *next = job->next;

		finish(job);
		job = next;
	}
	finish_if_drained();
}

static void finish_whole(struct job *take_job)
{
	transfer_job_done(take_job);
	job_free(take_job);
}

static void on_done(struct ev_loop *loop, struct ev_async *watcher, int events)
{
	struct job *job = commit_take_done(&store.commit);

	(void)loop, (void)watcher, (void)events;
	while (job) {
		struct job *next = job->next;

		if (job->kind == JOB_LOAD && job->fenced)
			finish_later(job);
		else if (job->kind == JOB_EMPTY)
			status_answer(&store.child, &store.commit, job);
		else if (job->kind > JOB_CLAIM)
			finish_whole(job);
		else
			finish(job);
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

static void on_open(void)
{
	log_info("the store is open", F_TEXT("engine", store.commit.engine->name), F_TEXT("place", store.commit.place));
	store.open = true;
	pause_links(false);
	if (store.commit.engine->claim)
		claim_shards();
	ev_timer_start(store.child.loop, &store.watching);
	child_ready(&store.child);
}

static void on_hello(struct child *c, const struct control_hello *m)
{
	(void)c;
	store.paused = true; /* until it is open */
	if (m->cluster.len == sizeof(store.cluster))
		memcpy(store.cluster, m->cluster.data, sizeof(store.cluster));
	memcpy(store.key, m->hash_key.data, sizeof(store.key));
}

/* The first map follows upon HELLO. */
static void on_shards(struct child *c, const struct control_shard *former)
{
	(void)c, (void)former;
	if (!store.open)
		opening_begin(&store.opening, store.cluster, store.key);
	else if (store.commit.engine->claim)
		claim_shards();
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

static void on_query(struct child *c, const struct control_query *m)
{
	struct job *job;

	if (!store.open || !bytes_equal(m->verb, BYTES_LITERAL("status"))) {
		child_rows(c, &(struct control_rows){ .query = m->query, .last = true,
			                              .error = BYTES_LITERAL("the store has no answer to that") });
		return;
	}
	job = memory_new(sizeof(*job));
	job->kind = JOB_EMPTY;
	job->number = m->query;
	job->found = true;
	if (store.commit.engine->is_empty)
		commit_submit(&store.commit, job);
	else
		status_answer(&store.child, &store.commit, job);
}

static void on_transfer(struct child *c, const struct control_transfer *m, int take_fd)
{
	transfer_begin(c, &store.commit, m, take_fd);
}

static void on_drop(struct child *c, struct bytes shards)
{
	(void)c;
	if (store.open)
		transfer_drop(&store.commit, shards);
}

static void on_drain(struct child *c)
{
	(void)c;
	store.draining = true;
	transfer_end_all();
	finish_if_drained();
}

static const struct child_handlers handlers = {
	.on_hello = on_hello, .on_shards = on_shards, .on_peer = on_peer, .on_query = on_query, .on_drain = on_drain,
	.on_transfer = on_transfer, .on_drop = on_drop,
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
	opening_init(&store.opening, &store.child, &store.commit, &store.done_signal, on_open);
	ev_timer_init(&store.watching, on_watch, WATCH, WATCH);
	ev_timer_init(&store.moving, on_moved, MOVED_AFTER, 0.0);
	r = child_run(&store.child);
	while (store.moved_first) {
		struct job *next = store.moved_first->next;

		job_free(store.moved_first);
		store.moved_first = next;
	}
	while (store.peers) {
		store.peers->lost = true;
		store.peers->jobs = 0;
		reap(store.peers);
	}
	commit_fini(&store.commit);
	free(store.claimed);
	child_fini(&store.child);
	return r;
}
