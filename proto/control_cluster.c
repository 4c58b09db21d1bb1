/* Control messages about other nodes to bytes and back. */
#include "proto/control_cluster.h"

#include "common/hash.h"
#include "proto/control_parts.h"

uint32_t control_list_count(struct bytes shards)
{
	return (uint32_t)(shards.len / 2);
}

uint32_t control_list_at(struct bytes shards, uint32_t i)
{
	const unsigned char *at = (const unsigned char *)shards.data + (size_t)i * 2;

	return (uint32_t)(at[0] | at[1] << 8);
}

void control_list_add(struct buffer *shards, uint32_t shard)
{
	const unsigned char cell[2] = { (unsigned char)shard, (unsigned char)(shard >> 8) };

	buffer_append(shards, cell, sizeof(cell));
}

static struct bytes read_list(struct msgpack_reader *r)
{
	struct bytes list = msgpack_read_str(r);

	if (list.len % 2 != 0 || list.len / 2 > CONTROL_SHARDS_MAX)
		r->bad = true;
	return list;
}

void control_encode_node(struct buffer *out, const struct control_node *m)
{
	control_begin(out, CONTROL_NODE_STATE, 6);
	msgpack_write_uint(out, m->slot);
	msgpack_write_uint(out, m->id);
	msgpack_write_bool(out, m->member);
	msgpack_write_bool(out, m->up);
	msgpack_write_str(out, m->name);
}

bool control_decode_node(struct bytes message, struct control_node *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_NODE_STATE, 6);
	struct control_node m = { .slot = control_read_u32(&r) };

	m.id = msgpack_read_uint(&r);
	m.member = msgpack_read_bool(&r);
	m.up = msgpack_read_bool(&r);
	m.name = msgpack_read_str(&r);
	if (!control_whole(&r) || m.slot >= CONTROL_NODES_MAX)
		return false;
	*ret = m;
	return true;
}

void control_encode_peer_lost(struct buffer *out, const struct control_peer_lost *m)
{
	control_begin(out, CONTROL_PEER_LOST, 3);
	msgpack_write_uint(out, m->index);
	msgpack_write_uint(out, m->incarnation);
}

bool control_decode_peer_lost(struct bytes message, struct control_peer_lost *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_PEER_LOST, 3);
	struct control_peer_lost m = { .index = control_read_u32(&r) };

	m.incarnation = control_read_u32(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_transfer(struct buffer *out, const struct control_transfer *m)
{
	control_begin(out, CONTROL_TRANSFER, 4);
	msgpack_write_uint(out, m->transfer);
	msgpack_write_bool(out, m->sending);
	msgpack_write_bin(out, m->shards);
}

bool control_decode_transfer(struct bytes message, struct control_transfer *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_TRANSFER, 4);
	struct control_transfer m = { .transfer = msgpack_read_uint(&r) };

	m.sending = msgpack_read_bool(&r);
	m.shards = read_list(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_transferred(struct buffer *out, const struct control_transferred *m)
{
	control_begin(out, CONTROL_TRANSFERRED, 5);
	msgpack_write_uint(out, m->transfer);
	msgpack_write_uint(out, m->records);
	msgpack_write_uint(out, m->bytes);
	msgpack_write_str(out, m->error);
}

bool control_decode_transferred(struct bytes message, struct control_transferred *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_TRANSFERRED, 5);
	struct control_transferred m = { .transfer = msgpack_read_uint(&r) };

	m.records = msgpack_read_uint(&r);
	m.bytes = msgpack_read_uint(&r);
	m.error = msgpack_read_str(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_drop(struct buffer *out, struct bytes shards)
{
	control_begin(out, CONTROL_DROP, 2);
	msgpack_write_bin(out, shards);
}

bool control_decode_drop(struct bytes message, struct bytes *ret_shards)
{
	struct msgpack_reader r = control_open(message, CONTROL_DROP, 2);
	struct bytes shards = read_list(&r);

	if (!control_whole(&r))
		return false;
	*ret_shards = shards;
	return true;
}

void control_encode_foreign(struct buffer *out, const struct control_foreign *m)
{
	control_begin(out, CONTROL_FOREIGN, 4);
	msgpack_write_bin(out, m->cluster);
	msgpack_write_bin(out, m->key);
	msgpack_write_uint(out, m->shards);
}

bool control_decode_foreign(struct bytes message, struct control_foreign *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_FOREIGN, 4);
	struct control_foreign m = { .cluster = msgpack_read_str(&r) };

	m.key = msgpack_read_str(&r);
	m.shards = control_read_u32(&r);
	if (!control_whole(&r) || m.cluster.len != CONTROL_CLUSTER_SIZE || (m.key.len != 0 && m.key.len != HASH_KEY_SIZE) ||
	    m.shards > CONTROL_SHARDS_MAX)
		return false;
	*ret = m;
	return true;
}

/* --- what the database outdoes ---------------------------------------------------- */

static void put(unsigned char *to, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t get(const unsigned char *from, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)from[i] << 8 * i;
	return v;
}

void control_outdone_add(struct buffer *cells, const struct control_outdone *one)
{
	unsigned char cell[CONTROL_OUTDONE_SIZE];

	put(cell, one->shard, 2);
	cell[2] = one->own;
	put(cell + 3, one->epoch, 8);
	put(cell + 11, one->above, 8);
	buffer_append(cells, cell, sizeof(cell));
}

uint32_t control_outdone_count(struct bytes cells)
{
	return (uint32_t)(cells.len / CONTROL_OUTDONE_SIZE);
}

struct control_outdone control_outdone_at(struct bytes cells, uint32_t i)
{
	const unsigned char *cell = (const unsigned char *)cells.data + (size_t)i * CONTROL_OUTDONE_SIZE;

	return (struct control_outdone){ (uint32_t)get(cell, 2), cell[2] == 1, get(cell + 3, 8), get(cell + 11, 8) };
}

void control_encode_outdone(struct buffer *out, struct bytes cells)
{
	control_begin(out, CONTROL_OUTDONE, 2);
	msgpack_write_bin(out, cells);
}

bool control_decode_outdone(struct bytes message, struct bytes *ret_cells)
{
	struct msgpack_reader r = control_open(message, CONTROL_OUTDONE, 2);
	struct bytes cells = msgpack_read_str(&r);

	for (size_t i = 2; i < cells.len; i += CONTROL_OUTDONE_SIZE)
		r.bad |= (unsigned char)cells.data[i] > 1;
	if (!control_whole(&r) || cells.len % CONTROL_OUTDONE_SIZE != 0 || cells.len / CONTROL_OUTDONE_SIZE > CONTROL_OUTDONE_MOST)
		return false;
	*ret_cells = cells;
	return true;
}
