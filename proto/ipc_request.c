/* Requests and replies: the frames that there are most of. */
#include "proto/ipc_parts.h"

#include <msgpuck.h>

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
