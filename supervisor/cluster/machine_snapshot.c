/* Owns the form of the whole state: to bytes and back. Members are written in order of
 * their id, and shards name them by their place there, from 1; 0 is nobody. */
#include <stdlib.h>

#include "common/memory.h"
#include "proto/msgpack.h"
#include "supervisor/cluster/machine_command.h"

#define SNAPSHOT_FORMAT 1
#define SNAPSHOT_FIELDS 8
#define MEMBER_FIELDS   11
#define SHARD_FIELDS    4

/* --- writing --- */

static void write_member(struct buffer *out, const struct machine_member *member)
{
	msgpack_write_array(out, MEMBER_FIELDS);
	msgpack_write_uint(out, member->id);
	msgpack_write_str(out, bytes_of(member->name));
	msgpack_write_str(out, bytes_of(member->address));
	msgpack_write_uint(out, member->weight);
	msgpack_write_uint(out, member->state);
	msgpack_write_uint(out, member->wish);
	msgpack_write_uint(out, member->incarnation);
	msgpack_write_uint(out, member->renewal);
	msgpack_write_uint(out, member->oldest);
	msgpack_write_uint(out, member->newest);
	msgpack_write_uint(out, member->since);
}

static uint32_t place(const struct machine *m, uint64_t id)
{
	return (uint32_t)(machine_index(m, id) + 1);
}

void machine_snapshot(const struct machine *m, struct buffer *out)
{
	msgpack_write_array(out, SNAPSHOT_FIELDS);
	msgpack_write_uint(out, SNAPSHOT_FORMAT);
	msgpack_write_bin(out, (struct bytes){ (const char *)m->cluster, sizeof(m->cluster) });
	msgpack_write_bin(out, (struct bytes){ (const char *)m->hash_key, sizeof(m->hash_key) });
	msgpack_write_bool(out, m->shared);
	msgpack_write_uint(out, m->applied);
	msgpack_write_array(out, m->member_count);
	for (uint32_t i = 0; i < m->member_count; i++)
		write_member(out, &m->members[i]);
	msgpack_write_array(out, m->removed_count);
	for (uint32_t i = 0; i < m->removed_count; i++)
		msgpack_write_uint(out, m->removed[i]);
	msgpack_write_array(out, m->shard_count);
	for (uint32_t i = 0; i < m->shard_count; i++) {
		msgpack_write_array(out, SHARD_FIELDS);
		msgpack_write_uint(out, place(m, m->shards[i].owner));
		msgpack_write_uint(out, place(m, m->shards[i].to));
		msgpack_write_uint(out, m->shards[i].move);
		msgpack_write_uint(out, m->shards[i].epoch);
	}
}

/* --- reading --- */

static uint32_t read_within(struct msgpack_reader *r, uint32_t most)
{
	uint64_t v = msgpack_read_uint(r);

	if (v > most)
		r->bad = true;
	return r->bad ? 0 : (uint32_t)v;
}

static void read_exactly(struct msgpack_reader *r, unsigned char *to, size_t n)
{
	struct bytes s = msgpack_read_str(r);

	if (s.len != n)
		r->bad = true;
	if (!r->bad)
		memcpy(to, s.data, n);
}

/* NULs within would end the text early: then it is not what was written. */
static void read_text(struct msgpack_reader *r, char *to, size_t most)
{
	struct bytes s = msgpack_read_str(r);

	if (s.len > most || (s.len > 0 && memchr(s.data, '\0', s.len)))
		r->bad = true;
	if (!r->bad && s.len > 0)
		memcpy(to, s.data, s.len);
}

static void read_member(struct msgpack_reader *r, struct machine_member *member)
{
	if (msgpack_read_array(r) != MEMBER_FIELDS)
		r->bad = true;
	member->id = msgpack_read_uint(r);
	read_text(r, member->name, MACHINE_NAME_MAX);
	read_text(r, member->address, MACHINE_ADDRESS_MAX);
	member->weight = read_within(r, MACHINE_WEIGHT_MAX);
	member->state = (enum machine_state)read_within(r, MACHINE_STATE_COUNT - 1);
	member->wish = (enum machine_state)read_within(r, MACHINE_STATE_COUNT - 1);
	member->incarnation = msgpack_read_uint(r);
	member->renewal = msgpack_read_uint(r);
	member->oldest = read_within(r, UINT32_MAX);
	member->newest = read_within(r, UINT32_MAX);
	member->since = msgpack_read_uint(r);
}

static uint64_t read_place(struct msgpack_reader *r, const struct machine *m)
{
	uint32_t at = read_within(r, m->member_count);

	return at == 0 ? MACHINE_NOBODY : m->members[at - 1].id;
}

static void read_shard(struct msgpack_reader *r, const struct machine *m, struct machine_shard *shard)
{
	if (msgpack_read_array(r) != SHARD_FIELDS)
		r->bad = true;
	shard->owner = read_place(r, m);
	shard->to = read_place(r, m);
	shard->move = msgpack_read_uint(r);
	shard->epoch = read_within(r, UINT32_MAX);
}

/* The length of an array of at most so many. */
static uint32_t read_count(struct msgpack_reader *r, uint32_t most)
{
	uint32_t n = msgpack_read_array(r);

	if (n > most)
		r->bad = true;
	return r->bad ? 0 : n;
}

static void read_whole(struct msgpack_reader *r, struct machine *m)
{
	if (msgpack_read_array(r) != SNAPSHOT_FIELDS || msgpack_read_uint(r) != SNAPSHOT_FORMAT)
		r->bad = true;
	read_exactly(r, m->cluster, sizeof(m->cluster));
	read_exactly(r, m->hash_key, sizeof(m->hash_key));
	m->shared = msgpack_read_bool(r);
	m->applied = msgpack_read_uint(r);
	m->member_count = read_count(r, MACHINE_MEMBERS_MAX);
	m->members = memory_new(m->member_count * sizeof(*m->members));
	for (uint32_t i = 0; i < m->member_count && !r->bad; i++)
		read_member(r, &m->members[i]);
	m->removed_count = read_count(r, MACHINE_REMOVED_MAX);
	m->removed = memory_new(m->removed_count * sizeof(*m->removed));
	for (uint32_t i = 0; i < m->removed_count && !r->bad; i++)
		m->removed[i] = msgpack_read_uint(r);
	m->shard_count = read_count(r, CONTROL_SHARDS_MAX);
	m->shards = memory_new(m->shard_count * sizeof(*m->shards));
	for (uint32_t i = 0; i < m->shard_count && !r->bad; i++)
		read_shard(r, m, &m->shards[i]);
}

bool machine_restore(struct machine *m, struct bytes snapshot)
{
	struct msgpack_reader r = msgpack_read(snapshot);
	struct machine fresh = { 0 };
	struct buffer why = { 0 };
	bool good;

	read_whole(&r, &fresh);
	good = !r.bad && machine_padding(r.at, r.end) && machine_check(&fresh, &why);
	buffer_fini(&why);
	if (!good) {
		machine_fini(&fresh);
		return false;
	}
	machine_fini(m);
	*m = fresh;
	return true;
}
