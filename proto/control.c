/* Control messages to bytes and back (proto/control.h): arrays whose first element is
 * the type. */
#include "proto/control.h"

#include "proto/control_parts.h"

static const char *const roles[CONTROL_ROLE_COUNT] = {
	[CONTROL_SUPERVISOR] = "supervisor",
	[CONTROL_GATEWAY] = "gateway",
	[CONTROL_ACTOR] = "actor",
	[CONTROL_STORE] = "store",
	[CONTROL_TUNNEL] = "tunnel",
};

const char *control_role_name(enum control_role role)
{
	return roles[role];
}

static enum control_role read_role(struct msgpack_reader *r)
{
	uint64_t v = msgpack_read_uint(r);

	if (v >= CONTROL_ROLE_COUNT)
		r->bad = true;
	return r->bad ? CONTROL_SUPERVISOR : (enum control_role)v;
}

unsigned control_type(struct bytes message)
{
	struct msgpack_reader r = msgpack_read(message);
	uint64_t type;

	msgpack_read_array(&r);
	type = msgpack_read_uint(&r);
	return r.bad || type < CONTROL_HELLO || type >= CONTROL_TYPE_COUNT ? 0 : (unsigned)type;
}

void control_encode_plain(struct buffer *out, enum control_type type)
{
	control_begin(out, type, 1);
}

void control_encode_hello(struct buffer *out, const struct control_hello *m)
{
	control_begin(out, CONTROL_HELLO, 11);
	msgpack_write_uint(out, m->version);
	msgpack_write_uint(out, m->ipc_version);
	msgpack_write_uint(out, m->role);
	msgpack_write_uint(out, m->index);
	msgpack_write_uint(out, m->incarnation);
	msgpack_write_bin(out, m->cluster);
	msgpack_write_bin(out, m->hash_key);
	msgpack_write_raw(out, m->settings);
	msgpack_write_uint(out, m->gateways);
	msgpack_write_uint(out, m->actors);
}

bool control_decode_hello(struct bytes message, struct control_hello *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_HELLO, 11);
	struct control_hello m = { .version = control_read_u32(&r) };

	m.ipc_version = control_read_u32(&r);
	m.role = read_role(&r);
	m.index = control_read_u32(&r);
	m.incarnation = control_read_u32(&r);
	m.cluster = msgpack_read_str(&r);
	m.hash_key = msgpack_read_str(&r);
	m.settings = msgpack_read_value(&r);
	m.gateways = control_read_u32(&r);
	m.actors = control_read_u32(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

/* --- shards: cells of u16 worker and u64 epoch, little-endian --- */

#define CELL 10
#define LEAVING 0x8000 /* the cell's worker is letting the shard go */

static uint16_t holder(const struct control_shard *s)
{
	if (s->worker != CONTROL_NO_WORKER || s->leaving == CONTROL_NO_WORKER)
		return s->worker;
	return s->leaving | LEAVING;
}

void control_encode_shards(struct buffer *out, uint64_t serial, const struct control_shard *shards, uint32_t count)
{
	struct buffer cells = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		uint16_t worker = holder(&shards[i]);
		unsigned char cell[CELL] = { (unsigned char)worker, (unsigned char)(worker >> 8) };

		for (unsigned byte = 0; byte < sizeof(shards[i].epoch); byte++)
			cell[2 + byte] = (unsigned char)(shards[i].epoch >> 8 * byte);
		buffer_append(&cells, cell, sizeof(cell));
	}
	control_begin(out, CONTROL_SHARDS, 4);
	msgpack_write_uint(out, serial);
	msgpack_write_uint(out, count);
	msgpack_write_bin(out, buffer_bytes(&cells));
	buffer_fini(&cells);
}

bool control_decode_shards(struct bytes message, struct control_shards *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_SHARDS, 4);
	struct control_shards m = { .serial = msgpack_read_uint(&r) };

	m.count = control_read_u32(&r);
	m.cells = msgpack_read_str(&r);
	if (!control_whole(&r) || m.count == 0 || m.count > CONTROL_SHARDS_MAX || m.cells.len != (size_t)m.count * CELL)
		return false;
	*ret = m;
	return true;
}

struct control_shard control_shard_at(const struct control_shards *m, uint32_t shard)
{
	const unsigned char *at = (const unsigned char *)m->cells.data + (size_t)shard * CELL;
	uint16_t worker = (uint16_t)(at[0] | at[1] << 8);
	bool leaving = worker != CONTROL_NO_WORKER && worker & LEAVING;
	uint64_t epoch = 0;

	for (unsigned byte = 0; byte < sizeof(epoch); byte++)
		epoch |= (uint64_t)at[2 + byte] << 8 * byte;
	return (struct control_shard){
		.worker = leaving ? CONTROL_NO_WORKER : worker,
		.leaving = leaving ? worker & ~LEAVING : CONTROL_NO_WORKER,
		.epoch = epoch,
	};
}

/* Cells of u16, little-endian. */
void control_encode_released(struct buffer *out, uint64_t serial, const uint16_t *shards, uint32_t count)
{
	struct buffer cells = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		unsigned char cell[2] = { (unsigned char)shards[i], (unsigned char)(shards[i] >> 8) };

		buffer_append(&cells, cell, sizeof(cell));
	}
	control_begin(out, CONTROL_RELEASED, 3);
	msgpack_write_uint(out, serial);
	msgpack_write_bin(out, buffer_bytes(&cells));
	buffer_fini(&cells);
}

bool control_decode_released(struct bytes message, struct control_released *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_RELEASED, 3);
	struct control_released m = { .serial = msgpack_read_uint(&r) };

	m.cells = msgpack_read_str(&r);
	if (!control_whole(&r) || m.cells.len % 2 != 0 || m.cells.len / 2 > CONTROL_SHARDS_MAX)
		return false;
	*ret = m;
	return true;
}

uint32_t control_released_count(const struct control_released *m)
{
	return (uint32_t)(m->cells.len / 2);
}

uint32_t control_released_at(const struct control_released *m, uint32_t i)
{
	const unsigned char *at = (const unsigned char *)m->cells.data + (size_t)i * 2;

	return (uint32_t)(at[0] | at[1] << 8);
}

/* --- peers and classes --- */

void control_encode_peer(struct buffer *out, const struct control_peer *m)
{
	control_begin(out, CONTROL_PEER, 5);
	msgpack_write_uint(out, m->role);
	msgpack_write_uint(out, m->index);
	msgpack_write_uint(out, m->incarnation);
	msgpack_write_bool(out, m->incoming);
}

bool control_decode_peer(struct bytes message, struct control_peer *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_PEER, 5);
	struct control_peer m = { .role = read_role(&r) };

	m.index = control_read_u32(&r);
	m.incarnation = control_read_u32(&r);
	m.incoming = msgpack_read_bool(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_classes(struct buffer *out, const struct control_classes *m)
{
	control_begin(out, CONTROL_CLASSES, 4);
	msgpack_write_uint(out, m->serial);
	msgpack_write_uint(out, m->query);
	msgpack_write_bool(out, m->check);
}

bool control_decode_classes(struct bytes message, struct control_classes *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_CLASSES, 4);
	struct control_classes m = { .serial = control_read_u32(&r) };

	m.query = control_read_u32(&r);
	m.check = msgpack_read_bool(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_failed(struct buffer *out, const struct control_failed *m)
{
	control_begin(out, CONTROL_FAILED, 3);
	msgpack_write_int(out, m->exit_status);
	msgpack_write_str(out, m->text);
}

bool control_decode_failed(struct bytes message, struct control_failed *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_FAILED, 3);
	int64_t status = msgpack_read_int(&r);
	struct bytes text = msgpack_read_str(&r);

	if (!control_whole(&r) || status < 0 || status > 255)
		return false;
	*ret = (struct control_failed){ (int)status, text };
	return true;
}

/* --- questions and alarms --- */

void control_encode_query(struct buffer *out, const struct control_query *m)
{
	control_begin(out, CONTROL_QUERY, 4);
	msgpack_write_uint(out, m->query);
	msgpack_write_str(out, m->verb);
	msgpack_write_str(out, m->argument);
}

bool control_decode_query(struct bytes message, struct control_query *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_QUERY, 4);
	struct control_query m = { .query = control_read_u32(&r) };

	m.verb = msgpack_read_str(&r);
	m.argument = msgpack_read_str(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_rows(struct buffer *out, const struct control_rows *m)
{
	control_begin(out, CONTROL_ROWS, 5);
	msgpack_write_uint(out, m->query);
	msgpack_write_bool(out, m->last);
	msgpack_write_str(out, m->error);
	if (m->rows.len == 0)
		msgpack_write_array(out, 0);
	else
		msgpack_write_raw(out, m->rows);
}

bool control_decode_rows(struct bytes message, struct control_rows *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_ROWS, 5);
	struct control_rows m = { .query = control_read_u32(&r) };

	m.last = msgpack_read_bool(&r);
	m.error = msgpack_read_str(&r);
	m.rows = msgpack_read_value(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_alarm(struct buffer *out, const struct control_alarm *m)
{
	control_begin(out, CONTROL_ALARM, 4);
	msgpack_write_bool(out, m->raised);
	msgpack_write_str(out, m->name);
	msgpack_write_str(out, m->text);
}

bool control_decode_alarm(struct bytes message, struct control_alarm *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_ALARM, 4);
	struct control_alarm m = { .raised = msgpack_read_bool(&r) };

	m.name = msgpack_read_str(&r);
	m.text = msgpack_read_str(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_quarantine(struct buffer *out, const struct control_quarantine *m)
{
	control_begin(out, CONTROL_QUARANTINE, 5);
	msgpack_write_bool(out, m->held);
	msgpack_write_bool(out, m->whole);
	msgpack_write_uint(out, m->fingerprint);
	msgpack_write_str(out, m->address);
}

bool control_decode_quarantine(struct bytes message, struct control_quarantine *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_QUARANTINE, 5);
	struct control_quarantine m = { .held = msgpack_read_bool(&r) };

	m.whole = msgpack_read_bool(&r);
	m.fingerprint = msgpack_read_uint(&r);
	m.address = msgpack_read_str(&r);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}
