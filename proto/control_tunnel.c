/* The messages between the supervisor and its tunnel to bytes and back. */
#include "proto/control_tunnel.h"

#include <assert.h>

#include "proto/control_parts.h"

static const char *const dial_codes[CONTROL_DIAL_CODE_COUNT] = {
	[CONTROL_DIAL_OK] = "ok",           [CONTROL_DIAL_UNREACHABLE] = "unreachable",
	[CONTROL_DIAL_DENIED] = "denied",   [CONTROL_DIAL_VERSION] = "version",
	[CONTROL_DIAL_REFUSED] = "refused",
};

const char *control_dial_code_name(enum control_dial_code code)
{
	return dial_codes[code];
}

static struct bytes read_bounded(struct msgpack_reader *r, size_t most)
{
	struct bytes s = msgpack_read_str(r);

	if (s.len > most)
		r->bad = true;
	return s;
}

/* A hello travels as the bytes that it has between nodes. */
static void write_hello(struct buffer *out, const struct cluster_hello *m)
{
	struct buffer map = { 0 };
	int result = cluster_encode_hello(&map, m);

	assert(result == 0);
	(void)result;
	msgpack_write_bin(out, buffer_bytes(&map));
	buffer_fini(&map);
}

void control_encode_identity(struct buffer *out, const struct control_identity *m)
{
	control_begin(out, CONTROL_IDENTITY, 5);
	msgpack_write_bin(out, m->cluster);
	msgpack_write_uint(out, m->node);
	msgpack_write_str(out, m->name);
	msgpack_write_str(out, m->address);
}

bool control_decode_identity(struct bytes message, struct control_identity *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_IDENTITY, 5);
	struct control_identity m = { .cluster = msgpack_read_str(&r) };

	m.node = msgpack_read_uint(&r);
	m.name = read_bounded(&r, CLUSTER_NAME_MAX);
	m.address = read_bounded(&r, CLUSTER_ADDRESS_MAX);
	if (!control_whole(&r) || (m.cluster.len != 0 && m.cluster.len != CLUSTER_ID_SIZE))
		return false;
	*ret = m;
	return true;
}

void control_encode_dial(struct buffer *out, const struct control_dial *m)
{
	control_begin(out, CONTROL_DIAL, 5);
	msgpack_write_uint(out, m->tag);
	msgpack_write_uint(out, m->kind);
	msgpack_write_str(out, m->address);
	msgpack_write_bin(out, m->argument);
}

bool control_decode_dial(struct bytes message, struct control_dial *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_DIAL, 5);
	struct control_dial m = { .tag = msgpack_read_uint(&r) };

	m.kind = control_read_u32(&r);
	m.address = read_bounded(&r, CLUSTER_ADDRESS_MAX);
	m.argument = read_bounded(&r, CLUSTER_ARGUMENT_MAX);
	if (!control_whole(&r))
		return false;
	*ret = m;
	return true;
}

void control_encode_dialed(struct buffer *out, const struct control_dialed *m)
{
	control_begin(out, CONTROL_DIALED, 6);
	msgpack_write_uint(out, m->tag);
	msgpack_write_uint(out, m->code);
	msgpack_write_str(out, m->text);
	msgpack_write_uint(out, m->version);
	if (m->greeted)
		write_hello(out, &m->hello);
	else
		msgpack_write_nil(out);
}

bool control_decode_dialed(struct bytes message, struct control_dialed *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_DIALED, 6);
	struct control_dialed m = { .tag = msgpack_read_uint(&r) };
	uint32_t code = control_read_u32(&r);

	m.text = msgpack_read_str(&r);
	m.version = control_read_u32(&r);
	m.greeted = !msgpack_read_nil(&r);
	if (m.greeted && !cluster_decode_hello(msgpack_read_str(&r), &m.hello))
		return false;
	if (!control_whole(&r) || code >= CONTROL_DIAL_CODE_COUNT)
		return false;
	m.code = (enum control_dial_code)code;
	*ret = m;
	return true;
}

void control_encode_arrived(struct buffer *out, const struct control_arrived *m)
{
	control_begin(out, CONTROL_ARRIVED, 3);
	msgpack_write_uint(out, m->version);
	write_hello(out, &m->hello);
}

bool control_decode_arrived(struct bytes message, struct control_arrived *ret)
{
	struct msgpack_reader r = control_open(message, CONTROL_ARRIVED, 3);
	struct control_arrived m = { .version = control_read_u32(&r) };

	if (!cluster_decode_hello(msgpack_read_str(&r), &m.hello) || !control_whole(&r))
		return false;
	*ret = m;
	return true;
}
