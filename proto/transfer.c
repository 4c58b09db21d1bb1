/* The stream between two stores to bytes and back. */
#include "proto/transfer.h"

#include "proto/msgpack.h"

static struct msgpack_reader open_body(struct bytes body, enum transfer_type type, uint32_t elements)
{
	struct msgpack_reader r = msgpack_read(body);

	if (msgpack_read_array(&r) != elements || msgpack_read_uint(&r) != type)
		r.bad = true;
	return r;
}

static void begin(struct buffer *out, enum transfer_type type, uint32_t elements)
{
	msgpack_write_array(out, elements);
	msgpack_write_uint(out, type);
}

static bool whole(const struct msgpack_reader *r)
{
	return !r->bad && r->at == r->end;
}

unsigned transfer_type(struct bytes body)
{
	struct msgpack_reader r = msgpack_read(body);
	uint64_t type;

	msgpack_read_array(&r);
	type = msgpack_read_uint(&r);
	return r.bad || type < TRANSFER_BEGIN || type > TRANSFER_DONE ? 0 : (unsigned)type;
}

void transfer_encode_begin(struct buffer *out, const struct transfer_begin *m)
{
	begin(out, TRANSFER_BEGIN, 3);
	msgpack_write_uint(out, m->format);
	msgpack_write_bin(out, m->shards);
}

bool transfer_decode_begin(struct bytes body, struct transfer_begin *ret)
{
	struct msgpack_reader r = open_body(body, TRANSFER_BEGIN, 3);
	struct transfer_begin m;
	uint64_t format = msgpack_read_uint(&r);

	m.format = (uint32_t)format;
	m.shards = msgpack_read_str(&r);
	if (!whole(&r) || format > UINT32_MAX || m.shards.len % 2 != 0)
		return false;
	*ret = m;
	return true;
}

void transfer_encode_records(struct buffer *out, struct bytes pairs)
{
	begin(out, TRANSFER_RECORDS, 2);
	msgpack_write_bin(out, pairs);
}

bool transfer_decode_records(struct bytes body, struct bytes *ret_pairs)
{
	struct msgpack_reader r = open_body(body, TRANSFER_RECORDS, 2);
	struct bytes pairs = msgpack_read_str(&r);

	if (!whole(&r))
		return false;
	*ret_pairs = pairs;
	return true;
}

void transfer_encode_end(struct buffer *out, const struct transfer_end *m)
{
	begin(out, TRANSFER_END, 4);
	msgpack_write_uint(out, m->records);
	msgpack_write_uint(out, m->bytes);
	msgpack_write_uint(out, m->sum);
}

bool transfer_decode_end(struct bytes body, struct transfer_end *ret)
{
	struct msgpack_reader r = open_body(body, TRANSFER_END, 4);
	struct transfer_end m = { .records = msgpack_read_uint(&r) };

	m.bytes = msgpack_read_uint(&r);
	m.sum = msgpack_read_uint(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

void transfer_encode_done(struct buffer *out, const struct transfer_done *m)
{
	begin(out, TRANSFER_DONE, 3);
	msgpack_write_uint(out, m->records);
	msgpack_write_str(out, m->error);
}

bool transfer_decode_done(struct bytes body, struct transfer_done *ret)
{
	struct msgpack_reader r = open_body(body, TRANSFER_DONE, 3);
	struct transfer_done m = { .records = msgpack_read_uint(&r) };

	m.error = msgpack_read_str(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

/* --- pairs --- */

static void append_length(struct buffer *out, size_t n)
{
	const unsigned char length[4] = { (unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16), (unsigned char)(n >> 24) };

	buffer_append(out, length, sizeof(length));
}

static bool take_length(struct bytes *from, uint32_t *ret)
{
	const unsigned char *at = (const unsigned char *)from->data;

	if (from->len < 4)
		return false;
	*ret = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
	*from = (struct bytes){ from->data + 4, from->len - 4 };
	return true;
}

void transfer_add_pair(struct buffer *pairs, struct bytes key, struct bytes record)
{
	append_length(pairs, key.len);
	append_length(pairs, record.len);
	buffer_append_bytes(pairs, key);
	buffer_append_bytes(pairs, record);
}

bool transfer_next_pair(struct bytes *pairs, struct bytes *ret_key, struct bytes *ret_record)
{
	struct bytes rest = *pairs;
	uint32_t key, record;

	if (!take_length(&rest, &key) || !take_length(&rest, &record) || rest.len < (size_t)key + record)
		return false;
	*ret_key = (struct bytes){ rest.data, key };
	*ret_record = (struct bytes){ rest.data + key, record };
	*pairs = (struct bytes){ rest.data + key + record, rest.len - key - record };
	return true;
}
