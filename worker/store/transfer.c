/* Owns the transfers under way: what has been sent or taken, and its checksum. */
#include "worker/store/transfer.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/link.h"
#include "common/log.h"
#include "common/memory.h"
#include "proto/transfer.h"

#define AHEAD (1u << 20) /* bytes taken from the link and not written yet, from which it waits */

struct transfer {
	LIST_ENTRY(transfer) next;
	struct child *child;
	struct commit *commit;
	struct link link;
	uint64_t number;
	bool sending, begun, ended, lost, told;
	struct buffer shards;  /* a list */
	struct buffer after;   /* sending: the last key read of the present shard */
	uint32_t at;           /* sending: the shard being read; receiving: shards dropped */
	uint32_t jobs;         /* at the commit thread */
	size_t ahead;          /* bytes of them */
	bool reading;          /* sending: a SCAN is under way */
	uint64_t records, bytes;
	struct transfer_end end; /* receiving: as the sender says */
	XXH3_state_t *sum;
};

static LIST_HEAD(, transfer) transfers = LIST_HEAD_INITIALIZER(transfers);

/* --- its end --- */

static void reap(struct transfer *t)
{
	if (!t->lost || t->jobs > 0)
		return;
	LIST_REMOVE(t, next);
	link_fini(&t->link);
	buffer_fini(&t->shards);
	buffer_fini(&t->after);
	XXH3_freeState(t->sum);
	free(t);
}

static void tell(struct transfer *t, struct bytes error)
{
	if (t->told)
		return;
	t->told = true;
	if (error.len > 0)
		log_warnx("a transfer of records failed", F_TEXT("direction", t->sending ? "out" : "in"), F_BYTES("reason", error));
	else if (t->records > 0)
		log_info("records transferred", F_TEXT("direction", t->sending ? "out" : "in"),
		         F_UINT("shards", control_list_count(buffer_bytes(&t->shards))), F_UINT("records", t->records), F_UINT("bytes", t->bytes));
	child_transferred(t->child, &(struct control_transferred){ t->number, t->records, t->bytes, error });
}

/* Nothing more comes of it. The receiver says so to the sender as well. */
static void finish(struct transfer *t, struct bytes error)
{
	if (t->told)
		return;
	if (!t->sending && !t->lost) {
		transfer_encode_done(link_begin(&t->link), &(struct transfer_done){ t->records, error });
		link_end(&t->link);
	}
	tell(t, error);
	if (t->sending)
		link_close(&t->link);
}

static void submit(struct transfer *t, enum job_kind kind, uint32_t shard, struct bytes body)
{
	struct job *job = memory_new(sizeof(*job));

	job->kind = kind;
	job->owner = t;
	job->shard = shard;
	buffer_append_bytes(&job->body, body);
	t->jobs++;
	t->ahead += body.len;
	commit_submit(t->commit, job);
}

static void count(struct transfer *t, struct bytes pairs)
{
	struct bytes rest = pairs, key, record;

	while (transfer_next_pair(&rest, &key, &record))
		t->records++;
	t->bytes += pairs.len;
	XXH3_64bits_update(t->sum, pairs.data, pairs.len);
}

/* --- sending --- */

static void read_on(struct transfer *t, struct bytes after)
{
	struct bytes shards = buffer_bytes(&t->shards);

	if (t->reading || t->told || t->ended)
		return;
	if (t->at < control_list_count(shards)) {
		t->reading = true;
		submit(t, JOB_SCAN, control_list_at(shards, t->at), after);
		return;
	}
	t->ended = true;
	transfer_encode_end(link_begin(&t->link), &(struct transfer_end){ t->records, t->bytes, XXH3_64bits_digest(t->sum) });
	link_end(&t->link);
}

static struct bytes last_key(struct bytes pairs)
{
	struct bytes key = { 0 }, record;

	while (transfer_next_pair(&pairs, &key, &record))
		;
	return key;
}

static void on_scanned(struct transfer *t, const struct job *job)
{
	struct bytes pairs = buffer_bytes(&job->record);

	t->reading = false;
	if (t->lost || t->told)
		return;
	if (pairs.len > 0) {
		count(t, pairs);
		transfer_encode_records(link_begin(&t->link), pairs);
		link_end(&t->link);
	}
	t->at += !job->found;
	buffer_clear(&t->after);
	if (job->found)
		buffer_append_bytes(&t->after, last_key(pairs));
	if (!link_full(&t->link))
		read_on(t, buffer_bytes(&t->after));
}

static void on_drained(struct link *link)
{
	struct transfer *t = link->owner;

	if (t->sending)
		read_on(t, buffer_bytes(&t->after));
}

/* --- receiving --- */

static bool takes(const struct transfer *t, uint32_t shard)
{
	struct bytes shards = buffer_bytes(&t->shards);

	for (uint32_t i = 0; i < control_list_count(shards); i++)
		if (control_list_at(shards, i) == shard)
			return true;
	return false;
}

static bool on_begin(struct transfer *t, struct bytes body)
{
	struct transfer_begin m;

	if (t->sending || t->begun || !transfer_decode_begin(body, &m) || m.format != TRANSFER_FORMAT)
		return false;
	t->begun = true;
	buffer_clear(&t->shards);
	buffer_append_bytes(&t->shards, m.shards);
	for (uint32_t i = 0; i < control_list_count(m.shards); i++) {
		uint32_t shard = control_list_at(m.shards, i);

		if (shard >= t->child->shard_count || t->child->shards[shard].worker < CONTROL_WORKERS_MAX) {
			finish(t, BYTES_LITERAL("the receiver owns one of the shards itself"));
			return true;
		}
		submit(t, JOB_DROP, shard, (struct bytes){ 0 });
	}
	return true;
}

static bool are_wanted(const struct transfer *t, struct bytes pairs)
{
	struct bytes key, record;

	while (transfer_next_pair(&pairs, &key, &record))
		if (key.len < 2 || !takes(t, (uint32_t)((unsigned char)key.data[0] << 8 | (unsigned char)key.data[1])))
			return false;
	return pairs.len == 0;
}

static bool on_records(struct transfer *t, struct bytes body)
{
	struct bytes pairs;

	if (t->sending || !t->begun || t->ended || !transfer_decode_records(body, &pairs) || !are_wanted(t, pairs))
		return false;
	if (t->told)
		return true;
	count(t, pairs);
	submit(t, JOB_IMPORT, 0, pairs);
	if (t->ahead > AHEAD)
		link_pause(&t->link);
	return true;
}

static void check_end(struct transfer *t)
{
	if (t->sending || !t->ended || t->jobs > 0 || t->told)
		return;
	if (t->records != t->end.records || t->bytes != t->end.bytes || XXH3_64bits_digest(t->sum) != t->end.sum)
		finish(t, BYTES_LITERAL("what has come is not what was sent"));
	else
		finish(t, (struct bytes){ 0 });
}

static bool on_end(struct transfer *t, struct bytes body)
{
	if (t->sending || !t->begun || t->ended || !transfer_decode_end(body, &t->end))
		return false;
	t->ended = true;
	check_end(t);
	return true;
}

static bool on_done(struct transfer *t, struct bytes body)
{
	struct transfer_done m;

	if (!t->sending || !transfer_decode_done(body, &m))
		return false;
	if (m.error.len == 0 && (!t->ended || m.records != t->records))
		return false;
	finish(t, m.error);
	return true;
}

/* --- both --- */

static bool (*const frames[])(struct transfer *t, struct bytes body) = {
	[TRANSFER_BEGIN] = on_begin, [TRANSFER_RECORDS] = on_records, [TRANSFER_END] = on_end, [TRANSFER_DONE] = on_done,
};

static void on_frame(struct link *link, struct bytes body)
{
	struct transfer *t = link->owner;
	unsigned type = transfer_type(body);

	if (type < sizeof(frames) / sizeof(frames[0]) && frames[type] && frames[type](t, body))
		return;
	tell(t, BYTES_LITERAL("the other store said what is not understood"));
	link_close(link);
}

static void on_lost(struct link *link, int error)
{
	struct transfer *t = link->owner;

	(void)error;
	t->lost = true;
	tell(t, BYTES_LITERAL("the connection to the other store is lost"));
	reap(t);
}

static const struct link_handlers handlers = { .on_frame = on_frame, .on_lost = on_lost, .on_drained = on_drained };

void transfer_job_done(const struct job *job)
{
	struct transfer *t = job->owner;

	if (t == NULL)
		return; /* of transfer_drop() */
	t->jobs--;
	t->ahead -= buffer_length(&job->body);
	if (job->code != ERROR_NONE)
		finish(t, buffer_bytes(&job->reason));
	else if (job->kind == JOB_SCAN)
		on_scanned(t, job);
	if (!t->lost && t->ahead <= AHEAD / 2)
		link_resume(&t->link);
	check_end(t);
	reap(t);
}

void transfer_begin(struct child *child, struct commit *commit, const struct control_transfer *m, int take_fd)
{
	struct transfer *t = memory_new(sizeof(*t));

	*t = (struct transfer){ .child = child, .commit = commit, .number = m->transfer, .sending = m->sending };
	if (link_init(&t->link, child->loop, take_fd, &handlers, t) < 0) {
		tell(t, BYTES_LITERAL("its link cannot be used"));
		free(t);
		return;
	}
	t->sum = XXH3_createState();
	XXH3_64bits_reset(t->sum);
	LIST_INSERT_HEAD(&transfers, t, next);
	if (!m->sending)
		return;
	buffer_append_bytes(&t->shards, m->shards);
	transfer_encode_begin(link_begin(&t->link), &(struct transfer_begin){ TRANSFER_FORMAT, m->shards });
	link_end(&t->link);
	read_on(t, (struct bytes){ 0 });
}

void transfer_drop(struct commit *commit, struct bytes shards)
{
	for (uint32_t i = 0; i < control_list_count(shards); i++) {
		struct job *job = memory_new(sizeof(*job));

		job->kind = JOB_DROP;
		job->shard = control_list_at(shards, i);
		commit_submit(commit, job);
	}
}

bool transfer_busy(void)
{
	return !LIST_EMPTY(&transfers);
}

void transfer_end_all(void)
{
	struct transfer *t;

	LIST_FOREACH (t, &transfers, next) {
		tell(t, BYTES_LITERAL("the store ends"));
		link_close(&t->link);
	}
}
