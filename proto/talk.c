/* The dialogue of supervisors to bytes and back. */
#include "proto/talk.h"

#include "common/hash.h"
#include "proto/cluster.h"
#include "proto/msgpack.h"

static struct msgpack_reader open_body(struct bytes body, enum talk_type type, uint32_t elements)
{
	struct msgpack_reader r = msgpack_read(body);

	if (msgpack_read_array(&r) != elements || msgpack_read_uint(&r) != type)
		r.bad = true;
	return r;
}

static void begin(struct buffer *out, enum talk_type type, uint32_t elements)
{
	msgpack_write_array(out, elements);
	msgpack_write_uint(out, type);
}

static bool whole(const struct msgpack_reader *r)
{
	return !r->bad && r->at == r->end;
}

static enum talk_code read_code(struct msgpack_reader *r)
{
	uint64_t code = msgpack_read_uint(r);

	if (code >= TALK_CODE_COUNT)
		r->bad = true;
	return r->bad ? TALK_NOT_NOW : (enum talk_code)code;
}

static uint32_t read_u32(struct msgpack_reader *r)
{
	uint64_t v = msgpack_read_uint(r);

	if (v > UINT32_MAX)
		r->bad = true;
	return (uint32_t)v;
}

unsigned talk_type(struct bytes body)
{
	struct msgpack_reader r = msgpack_read(body);
	uint64_t type;

	msgpack_read_array(&r);
	type = msgpack_read_uint(&r);
	return r.bad || type < TALK_PROPOSE || type > TALK_WELCOME ? 0 : (unsigned)type;
}

void talk_encode_propose(struct buffer *out, const struct talk_propose *m)
{
	begin(out, TALK_PROPOSE, 3);
	msgpack_write_uint(out, m->rid);
	msgpack_write_bin(out, m->command);
}

bool talk_decode_propose(struct bytes body, struct talk_propose *ret)
{
	struct msgpack_reader r = open_body(body, TALK_PROPOSE, 3);
	struct talk_propose m = { .rid = msgpack_read_uint(&r) };

	m.command = msgpack_read_str(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

void talk_encode_taken(struct buffer *out, const struct talk_taken *m)
{
	begin(out, TALK_TAKEN, 4);
	msgpack_write_uint(out, m->rid);
	msgpack_write_uint(out, m->code);
	msgpack_write_str(out, m->leader);
}

bool talk_decode_taken(struct bytes body, struct talk_taken *ret)
{
	struct msgpack_reader r = open_body(body, TALK_TAKEN, 4);
	struct talk_taken m = { .rid = msgpack_read_uint(&r) };

	m.code = read_code(&r);
	m.leader = msgpack_read_str(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

void talk_encode_join(struct buffer *out, const struct talk_join *m)
{
	begin(out, TALK_JOIN, 5);
	msgpack_write_uint(out, m->weight);
	msgpack_write_uint(out, m->oldest);
	msgpack_write_uint(out, m->newest);
	msgpack_write_bool(out, m->shared);
}

bool talk_decode_join(struct bytes body, struct talk_join *ret)
{
	struct msgpack_reader r = open_body(body, TALK_JOIN, 5);
	struct talk_join m = { .weight = read_u32(&r) };

	m.oldest = read_u32(&r);
	m.newest = read_u32(&r);
	m.shared = msgpack_read_bool(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

void talk_encode_welcome(struct buffer *out, const struct talk_welcome *m)
{
	begin(out, TALK_WELCOME, 8);
	msgpack_write_uint(out, m->code);
	msgpack_write_str(out, m->leader);
	msgpack_write_str(out, m->reason);
	msgpack_write_str(out, m->text);
	msgpack_write_bin(out, m->cluster);
	msgpack_write_bin(out, m->key);
	msgpack_write_uint(out, m->shards);
}

bool talk_decode_welcome(struct bytes body, struct talk_welcome *ret)
{
	struct msgpack_reader r = open_body(body, TALK_WELCOME, 8);
	struct talk_welcome m = { .code = read_code(&r) };

	m.leader = msgpack_read_str(&r);
	m.reason = msgpack_read_str(&r);
	m.text = msgpack_read_str(&r);
	m.cluster = msgpack_read_str(&r);
	m.key = msgpack_read_str(&r);
	m.shards = read_u32(&r);
	if (!whole(&r) || (m.code == TALK_DONE && (m.cluster.len != CLUSTER_ID_SIZE || m.key.len != HASH_KEY_SIZE ||
	                                           m.shards == 0)))
		return false;
	*ret = m;
	return true;
}
