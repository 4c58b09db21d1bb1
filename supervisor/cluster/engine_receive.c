/* Owns what becomes of messages before libraft 0.22.1 sees them, where it departs from Raft:
 * it has servers without a vote of their own refuse theirs, and mistakes where in a batch of
 * entries a change of the configuration stands. Also, who answers. */
#include "supervisor/cluster/engine_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define ALIGNED(n) (((n) + 7) & ~(size_t)7)

static struct engine *engine_of(const struct raft_io *io)
{
	const struct raft *r = io->data;

	return r->data;
}

/* --- votes ------------------------------------------------------------------------- */

static struct raft_server *self(struct engine *e)
{
	for (unsigned i = 0; i < e->raft.configuration.n; i++)
		if (e->raft.configuration.servers[i].id == e->raft.id)
			return &e->raft.configuration.servers[i];
	return NULL;
}

/* Who asks counts the votes, by the configuration that it knows: the change that made this
 * server a voter may have reached that one's log alone, where nothing can be decided without
 * this vote. That a log is as new as one's own and that a term has one vote is looked at as
 * ever (Ongaro's thesis, 4.1: servers use no configuration of theirs to judge requests). */
static void on_vote_wanted(struct engine *e, struct raft_message *m)
{
	struct raft_server *s = self(e);
	int role = s != NULL ? s->role : RAFT_VOTER;

	if (s != NULL)
		s->role = RAFT_VOTER;
	e->receive(&e->io, m);
	s = self(e);
	if (s != NULL)
		s->role = role;
}

/* A voter stands for election when its leader is silent, and so forgets it; others would
 * refuse their votes for its sake for ever. */
static void forget_silent_leader(struct engine *e)
{
	struct raft *r = &e->raft;
	const struct raft_server *s = self(e);

	if (raft_state(r) != RAFT_FOLLOWER || (s != NULL && s->role == RAFT_VOTER) ||
	    e->io.time(&e->io) - e->heard_at < r->election_timeout)
		return;
	raft_free(r->follower_state.current_leader.address);
	r->follower_state.current_leader.address = NULL;
	r->follower_state.current_leader.id = 0;
}

/* --- entries ----------------------------------------------------------------------- */

/* The next change of the configuration behind the first of the entries from there on. */
static unsigned next_change(const struct raft_append_entries *a, unsigned from)
{
	unsigned i = from + 1;

	while (i < a->n_entries && a->entries[i].type != RAFT_CHANGE)
		i++;
	return i;
}

static void *need(size_t size)
{
	void *memory = raft_malloc(size > 0 ? size : 1);

	if (memory == NULL)
		abort();
	return memory;
}

/* Some of the entries as a message of its own, in memory of its own: libraft frees both. */
static void receive_some(struct engine *e, const struct raft_message *m, unsigned from, unsigned to)
{
	const struct raft_entry *entries = m->append_entries.entries;
	struct raft_message part = *m;
	struct raft_append_entries *a = &part.append_entries;
	size_t size = 0;
	char *batch;

	for (unsigned i = from; i < to; i++)
		size += ALIGNED(entries[i].buf.len);
	batch = need(size);
	a->n_entries = to - from;
	a->entries = need(a->n_entries * sizeof(*a->entries));
	size = 0;
	for (unsigned i = from; i < to; i++) {
		struct raft_entry *entry = &a->entries[i - from];

		*entry = entries[i];
		entry->batch = batch;
		entry->buf.base = batch + size;
		memcpy(entry->buf.base, entries[i].buf.base, entry->buf.len);
		size += ALIGNED(entry->buf.len);
	}
	if (from > 0) {
		a->prev_log_index += from;
		a->prev_log_term = entries[from - 1].term;
	}
	e->receive(&e->io, &part);
}

/* libraft takes a change of the configuration for the first entry of its batch: later it does
 * not find that it is committed, makes snapshots with the one before it, and as a leader waits
 * for it for ever. So each change becomes the first of a batch. */
static void on_entries(struct engine *e, struct raft_message *m)
{
	struct raft_append_entries *a = &m->append_entries;

	if (next_change(a, 0) >= a->n_entries) {
		e->receive(&e->io, m);
		return;
	}
	for (unsigned from = 0, to; from < a->n_entries; from = to) {
		to = next_change(a, from);
		receive_some(e, m, from, to);
	}
	raft_free(a->entries[0].batch);
	raft_free(a->entries);
}

/* --- who answers --------------------------------------------------------------------- */

static void note_answer(struct engine *e, raft_id id)
{
	uint32_t i = 0;

	while (i < e->heard_count && e->heard[i].id != id)
		i++;
	if (i == e->heard_count) {
		e->heard = memory_grow(e->heard, ++e->heard_count, sizeof(*e->heard));
		e->heard[i].id = id;
	}
	e->heard[i].at = e->io.time(&e->io);
}

bool engine_has_heard(const struct engine *e, raft_id id)
{
	raft_time now = e->io.time((struct raft_io *)&e->io);

	for (uint32_t i = 0; i < e->heard_count; i++)
		if (e->heard[i].id == id)
			return now - e->heard[i].at < e->raft.election_timeout;
	return id == e->raft.id;
}

/* --- between libraft and its input --------------------------------------------------- */

static void on_message(struct raft_io *io, struct raft_message *m)
{
	struct engine *e = engine_of(io);

	if (m->type == RAFT_REQUEST_VOTE) {
		on_vote_wanted(e, m);
		return;
	}
	if ((m->type == RAFT_APPEND_ENTRIES && m->append_entries.term >= raft_current_term(&e->raft)) ||
	    (m->type == RAFT_INSTALL_SNAPSHOT && m->install_snapshot.term >= raft_current_term(&e->raft)))
		e->heard_at = io->time(io);
	if (m->type == RAFT_APPEND_ENTRIES_RESULT)
		note_answer(e, m->server_id);
	if (m->type == RAFT_APPEND_ENTRIES)
		on_entries(e, m);
	else
		e->receive(io, m);
}

static void on_tick(struct raft_io *io)
{
	struct engine *e = engine_of(io);

	forget_silent_leader(e);
	e->tick(io);
}

static int start(struct raft_io *io, unsigned every, raft_io_tick_cb tick, raft_io_recv_cb receive)
{
	struct engine *e = engine_of(io);

	e->tick = tick;
	e->receive = receive;
	return e->start(io, every, on_tick, on_message);
}

void engine_receive_init(struct engine *e)
{
	e->start = e->io.start;
	e->io.start = start;
}
