/* Frames to bytes and back, in place (proto/ipc.h). */
#include "proto/ipc.h"

#include "proto/ipc_parts.h"

static uint32_t read_u32(struct msgpack_reader *r)
{
	uint64_t v = msgpack_read_uint(r);

	if (v > UINT32_MAX)
		r->bad = true;
	return (uint32_t)v;
}

static struct version read_version(struct msgpack_reader *r)
{
	struct version v = { .epoch = read_u32(r) };

	v.number = msgpack_read_uint(r);
	return v;
}

static void write_version(struct buffer *out, struct version v)
{
	msgpack_write_uint(out, v.epoch);
	msgpack_write_uint(out, v.number);
}

static enum error_code read_code(struct msgpack_reader *r)
{
	uint64_t v = msgpack_read_uint(r);

	if (v >= ERROR_COUNT)
		r->bad = true;
	return r->bad ? ERROR_INTERNAL : (enum error_code)v;
}

static void begin(struct buffer *out, enum ipc_type type, uint32_t fields)
{
	msgpack_write_array(out, fields);
	msgpack_write_uint(out, type);
}

unsigned ipc_type(struct bytes body)
{
	struct msgpack_reader r = msgpack_read(body);
	uint64_t type;

	msgpack_read_array(&r);
	type = msgpack_read_uint(&r);
	return r.bad || type < IPC_REQUEST || type > IPC_FENCE ? 0 : (unsigned)type;
}

/* --- watching --- */

void ipc_encode_event(struct buffer *out, const struct ipc_event *m)
{
	begin(out, IPC_EVENT, 8);
	msgpack_write_uint(out, m->kind);
	msgpack_write_str(out, m->address);
	write_version(out, m->version);
	msgpack_write_uint(out, m->code);
	msgpack_write_raw(out, m->changed);
	msgpack_write_raw(out, m->removed);
}

bool ipc_decode_event(struct bytes body, struct ipc_event *ret)
{
	struct msgpack_reader r = open_body(body, IPC_EVENT, 8);
	struct ipc_event m = { 0 };
	uint64_t kind = msgpack_read_uint(&r);

	m.kind = (enum ipc_event_kind)kind;
	m.address = msgpack_read_str(&r);
	m.version = read_version(&r);
	m.code = read_code(&r);
	m.changed = read_payload(&r);
	m.removed = read_payload(&r);
	if (!whole(&r) || kind > IPC_EVENT_END)
		return false;
	*ret = m;
	return true;
}

void ipc_encode_unwatch(struct buffer *out, const struct ipc_unwatch *m)
{
	begin(out, IPC_UNWATCH, 3);
	msgpack_write_uint(out, m->shard);
	msgpack_write_str(out, m->address);
}

bool ipc_decode_unwatch(struct bytes body, struct ipc_unwatch *ret)
{
	struct msgpack_reader r = open_body(body, IPC_UNWATCH, 3);
	struct ipc_unwatch m = { .shard = read_u32(&r) };

	m.address = msgpack_read_str(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

/* --- the store --- */

void ipc_encode_load(struct buffer *out, const struct ipc_load *m)
{
	begin(out, IPC_LOAD, 5);
	msgpack_write_uint(out, m->rid);
	msgpack_write_uint(out, m->shard);
	msgpack_write_uint(out, m->epoch);
	msgpack_write_str(out, m->address);
}

bool ipc_decode_load(struct bytes body, struct ipc_load *ret)
{
	struct msgpack_reader r = open_body(body, IPC_LOAD, 5);
	struct ipc_load m = { .rid = read_u32(&r) };

	m.shard = read_u32(&r);
	m.epoch = msgpack_read_uint(&r);
	m.address = msgpack_read_str(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

void ipc_encode_loaded(struct buffer *out, const struct ipc_loaded *m)
{
	begin(out, IPC_LOADED, 6);
	msgpack_write_uint(out, m->rid);
	msgpack_write_uint(out, m->code);
	msgpack_write_bool(out, m->found);
	msgpack_write_bin(out, m->record);
	msgpack_write_str(out, m->text);
}

bool ipc_decode_loaded(struct bytes body, struct ipc_loaded *ret)
{
	struct msgpack_reader r = open_body(body, IPC_LOADED, 6);
	struct ipc_loaded m = { .rid = read_u32(&r) };

	m.code = read_code(&r);
	m.found = msgpack_read_bool(&r);
	m.record = msgpack_read_str(&r);
	m.text = msgpack_read_str(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

void ipc_encode_batch(struct buffer *out, const struct ipc_batch_head *m)
{
	begin(out, IPC_BATCH, 3 + m->count);
	msgpack_write_uint(out, m->seq);
	msgpack_write_uint(out, m->count);
}

void ipc_encode_entry(struct buffer *out, const struct ipc_batch_entry *m)
{
	msgpack_write_array(out, 5);
	msgpack_write_uint(out, m->shard);
	msgpack_write_uint(out, m->epoch);
	msgpack_write_bool(out, m->remove);
	msgpack_write_str(out, m->address);
	msgpack_write_bin(out, m->record);
}

bool ipc_decode_batch(struct bytes body, struct ipc_batch_head *ret, struct bytes *ret_entries)
{
	struct msgpack_reader r = msgpack_read(body);
	uint32_t fields = msgpack_read_array(&r);
	struct ipc_batch_head m = { 0 };

	if (msgpack_read_uint(&r) != IPC_BATCH)
		return false;
	m.seq = msgpack_read_uint(&r);
	m.count = read_u32(&r);
	if (r.bad || fields < 3 || m.count != fields - 3)
		return false;
	*ret = m;
	*ret_entries = (struct bytes){ r.at, (size_t)(r.end - r.at) };
	return true;
}

bool ipc_next_entry(struct bytes *entries, struct ipc_batch_entry *ret)
{
	struct msgpack_reader r = msgpack_read(*entries);
	struct ipc_batch_entry m = { 0 };

	if (msgpack_read_array(&r) != 5)
		return false;
	m.shard = read_u32(&r);
	m.epoch = msgpack_read_uint(&r);
	m.remove = msgpack_read_bool(&r);
	m.address = msgpack_read_str(&r);
	m.record = msgpack_read_str(&r);
	if (r.bad)
		return false;
	*entries = (struct bytes){ r.at, (size_t)(r.end - r.at) };
	*ret = m;
	return true;
}

void ipc_encode_committed(struct buffer *out, const struct ipc_committed *m)
{
	begin(out, IPC_COMMITTED, 4);
	msgpack_write_uint(out, m->seq);
	msgpack_write_uint(out, m->code);
	msgpack_write_str(out, m->text);
}

bool ipc_decode_committed(struct bytes body, struct ipc_committed *ret)
{
	struct msgpack_reader r = open_body(body, IPC_COMMITTED, 4);
	struct ipc_committed m = { .seq = msgpack_read_uint(&r) };

	m.code = read_code(&r);
	m.text = msgpack_read_str(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
}

/* --- frames of one number --- */

static void encode_number(struct buffer *out, enum ipc_type type, uint64_t number)
{
	begin(out, type, 2);
	msgpack_write_uint(out, number);
}

static bool decode_number(struct bytes body, enum ipc_type type, uint64_t *ret)
{
	struct msgpack_reader r = open_body(body, type, 2);
	uint64_t number = msgpack_read_uint(&r);

	if (!whole(&r))
		return false;
	*ret = number;
	return true;
}

void ipc_encode_cancel(struct buffer *out, uint32_t rid)
{
	encode_number(out, IPC_CANCEL, rid);
}

bool ipc_decode_cancel(struct bytes body, uint32_t *ret_rid)
{
	uint64_t rid;

	if (!decode_number(body, IPC_CANCEL, &rid) || rid > UINT32_MAX)
		return false;
	*ret_rid = (uint32_t)rid;
	return true;
}

void ipc_encode_reset(struct buffer *out, uint64_t seq)
{
	encode_number(out, IPC_RESET, seq);
}

bool ipc_decode_reset(struct bytes body, uint64_t *ret_seq)
{
	return decode_number(body, IPC_RESET, ret_seq);
}

void ipc_encode_map(struct buffer *out, uint64_t serial)
{
	encode_number(out, IPC_MAP, serial);
}

bool ipc_decode_map(struct bytes body, uint64_t *ret_serial)
{
	return decode_number(body, IPC_MAP, ret_serial);
}

void ipc_encode_bye(struct buffer *out, uint64_t bytes)
{
	encode_number(out, IPC_BYE, bytes);
}

bool ipc_decode_bye(struct bytes body, uint64_t *ret_bytes)
{
	return decode_number(body, IPC_BYE, ret_bytes);
}

void ipc_encode_sync(struct buffer *out, uint64_t number)
{
	encode_number(out, IPC_SYNC, number);
}

bool ipc_decode_sync(struct bytes body, uint64_t *ret_number)
{
	return decode_number(body, IPC_SYNC, ret_number);
}

void ipc_encode_fence(struct buffer *out, uint64_t number)
{
	encode_number(out, IPC_FENCE, number);
}

bool ipc_decode_fence(struct bytes body, uint64_t *ret_number)
{
	return decode_number(body, IPC_FENCE, ret_number);
}
