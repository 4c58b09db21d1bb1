/* Frames to bytes and back, in place (proto/ipc.h). */
#include "proto/ipc.h"

#include <msgpuck.h>

#include "proto/msgpack.h"

/* A payload slot: nil reads as empty. */
static struct bytes read_payload(struct msgpack_reader *r)
{
	return msgpack_read_nil(r) ? (struct bytes){ NULL, 0 } : msgpack_read_value(r);
}

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

/* Opens a body of this type and number of fields, the type included. */
static struct msgpack_reader open_body(struct bytes body, enum ipc_type type, uint32_t fields)
{
	struct msgpack_reader r = msgpack_read(body);

	if (body.len > fields && (unsigned char)body.data[0] == (0x90 | fields) && body.data[1] == (char)type) {
		r.at += 2;
		return r;
	}
	if (msgpack_read_array(&r) != fields || msgpack_read_uint(&r) != type)
		r.bad = true;
	return r;
}

static bool whole(const struct msgpack_reader *r)
{
	return !r->bad && r->at == r->end;
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

/* --- requests and replies --- */

enum { FLAG_CONDITIONAL = 1, FLAG_RESUME = 2, FLAG_BULK = 4, FLAG_FORWARDED = 8, FLAG_VERSIONED = 1, FLAG_RESUMED = 2 };

/* The fields of fixed position travel as one bin of their bytes, in the order of this
 * machine: both ends are processes of one node. */
struct __attribute__((packed)) packed_version {
	uint32_t epoch;
	uint64_t number;
};

struct __attribute__((packed)) request_head {
	uint32_t rid, shard;
	uint64_t epoch;
	uint8_t verb, flags;
	uint64_t deadline;
	struct packed_version if_version, base;
};

struct __attribute__((packed)) reply_head {
	uint32_t rid;
	uint8_t code, flags;
	struct packed_version version;
};

static struct packed_version pack(struct version v)
{
	return (struct packed_version){ v.epoch, v.number };
}

static struct version unpack(struct packed_version v)
{
	return (struct version){ v.epoch, v.number };
}

/* false: the bin is not of that size. */
static bool read_head(struct msgpack_reader *r, void *ret, size_t size)
{
	struct bytes s = { r->at + 2, size };

	if (!r->bad && (size_t)(r->end - r->at) >= 2 + size && r->at[0] == '\xc4' && (unsigned char)r->at[1] == size)
		r->at += 2 + size;
	else
		s = msgpack_read_str(r);
	if (s.len != size)
		return false;
	memcpy(ret, s.data, size);
	return true;
}

/* Requests and replies are most of all: they are written into room made for the whole of one. */
#define HEAD_MOST 18 /* array, type, the heads of the bin and two strs, nil for each empty payload */

static char *put_head(char *at, enum ipc_type type, uint32_t fields, const void *head, size_t size)
{
	*at++ = (char)(0x90 | fields);
	*at++ = (char)type;
	*at++ = (char)0xc4;
	*at++ = (char)size;
	memcpy(at, head, size);
	return at + size;
}

static char *put_str(char *at, struct bytes s)
{
	if (s.len >= 32)
		return mp_encode_str(at, s.data, (uint32_t)s.len);
	*at++ = (char)(0xa0 | s.len);
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

static char *put_raw(char *at, struct bytes value)
{
	if (value.len == 0)
		value = BYTES_LITERAL("\xc0");
	return (char *)memcpy(at, value.data, value.len) + value.len;
}

void ipc_encode_request(struct buffer *out, const struct ipc_request *m)
{
	const struct request_head head = {
		.rid = m->rid, .shard = m->shard, .epoch = m->epoch, .verb = (uint8_t)m->verb,
		.flags = (uint8_t)((m->conditional ? FLAG_CONDITIONAL : 0) | (m->resume ? FLAG_RESUME : 0) |
		                   (m->bulk ? FLAG_BULK : 0) | (m->forwarded ? FLAG_FORWARDED : 0)),
		.deadline = m->deadline, .if_version = pack(m->if_version), .base = pack(m->base),
	};

	char *at = buffer_reserve(out, HEAD_MOST + sizeof(head) + m->address.len + m->caller.len + m->chain.len +
	                               m->members.len + m->payload.len);
	const char *first = at;

	at = put_head(at, IPC_REQUEST, 7, &head, sizeof(head));
	at = put_str(at, m->address);
	at = put_str(at, m->caller);
	at = put_raw(at, m->chain);
	at = put_raw(at, m->members);
	at = put_raw(at, m->payload);
	buffer_commit(out, (size_t)(at - first));
}

bool ipc_decode_request(struct bytes body, struct ipc_request *ret)
{
	struct msgpack_reader r = open_body(body, IPC_REQUEST, 7);
	struct request_head head;
	struct ipc_request m;

	if (!read_head(&r, &head, sizeof(head)) || head.verb > IPC_WATCH)
		return false;
	m = (struct ipc_request){
		.rid = head.rid, .shard = head.shard, .epoch = head.epoch, .verb = (enum ipc_verb)head.verb,
		.conditional = head.flags & FLAG_CONDITIONAL, .resume = head.flags & FLAG_RESUME,
		.bulk = head.flags & FLAG_BULK, .forwarded = head.flags & FLAG_FORWARDED,
		.deadline = head.deadline, .if_version = unpack(head.if_version), .base = unpack(head.base),
	};
	m.address = msgpack_read_str(&r);
	m.caller = msgpack_read_str(&r);
	m.chain = read_payload(&r);
	m.members = read_payload(&r);
	m.payload = read_payload(&r);
	if (!whole(&r) || m.address.len > ADDRESS_MAX)
		return false;
	*ret = m;
	return true;
}

bool ipc_peek_address(struct bytes body, struct bytes *ret)
{
	struct msgpack_reader r = open_body(body, IPC_REQUEST, 7);
	struct request_head head;

	if (!read_head(&r, &head, sizeof(head)))
		return false;
	*ret = msgpack_read_str(&r);
	return !r.bad;
}

void ipc_encode_reply(struct buffer *out, const struct ipc_reply *m)
{
	const struct reply_head head = {
		.rid = m->rid, .code = (uint8_t)m->code, .version = pack(m->version),
		.flags = (uint8_t)((m->versioned ? FLAG_VERSIONED : 0) | (m->resumed ? FLAG_RESUMED : 0)),
	};

	char *at = buffer_reserve(out, HEAD_MOST + sizeof(head) + m->payload.len);
	const char *first = at;

	at = put_head(at, IPC_REPLY, 3, &head, sizeof(head));
	at = put_raw(at, m->payload);
	buffer_commit(out, (size_t)(at - first));
}

bool ipc_decode_reply(struct bytes body, struct ipc_reply *ret)
{
	struct msgpack_reader r = open_body(body, IPC_REPLY, 3);
	struct reply_head head;
	struct ipc_reply m;

	if (!read_head(&r, &head, sizeof(head)) || head.code >= ERROR_COUNT)
		return false;
	m = (struct ipc_reply){
		.rid = head.rid, .code = (enum error_code)head.code, .version = unpack(head.version),
		.versioned = head.flags & FLAG_VERSIONED, .resumed = head.flags & FLAG_RESUMED,
	};
	/* Here nil is a value: a method may return null. */
	m.payload = msgpack_read_value(&r);
	if (!whole(&r))
		return false;
	*ret = m;
	return true;
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
