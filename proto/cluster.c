/* Hellos between nodes to bytes and back, and what two versions agree on. */
#include "proto/cluster.h"

#include <errno.h>
#include <stddef.h>

#include "proto/msgpack.h"

static const char *const kinds[CLUSTER_KIND_COUNT] = {
	[CLUSTER_JOIN] = "join", [CLUSTER_ENGINE] = "engine", [CLUSTER_DATA] = "data", [CLUSTER_ROWS] = "rows",
};

static const char *const codes[CLUSTER_CODE_COUNT] = {
	[CLUSTER_FINE] = "fine",
	[CLUSTER_NO_VERSION] = "no version of the cluster protocol is common",
	[CLUSTER_NO_KIND] = "it does not know this kind of connection",
	[CLUSTER_OTHER_CLUSTER] = "it belongs to another cluster",
	[CLUSTER_ITSELF] = "it is this node itself",
};

/* A row per key; `most` 0: a number, u64 where `wide`. */
static const struct field {
	const char *key;
	size_t offset;
	size_t most; /* bytes */
	bool wide, binary;
} fields[] = {
	{ "version", offsetof(struct cluster_hello, version), 0, false, false },
	{ "oldest", offsetof(struct cluster_hello, oldest), 0, false, false },
	{ "kind", offsetof(struct cluster_hello, kind), 0, false, false },
	{ "code", offsetof(struct cluster_hello, code), 0, false, false },
	{ "cluster", offsetof(struct cluster_hello, cluster), CLUSTER_ID_SIZE, false, true },
	{ "node", offsetof(struct cluster_hello, node), 0, true, false },
	{ "name", offsetof(struct cluster_hello, name), CLUSTER_NAME_MAX, false, false },
	{ "address", offsetof(struct cluster_hello, address), CLUSTER_ADDRESS_MAX, false, false },
	{ "argument", offsetof(struct cluster_hello, argument), CLUSTER_ARGUMENT_MAX, false, true },
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

const char *cluster_kind_name(uint32_t kind)
{
	return kind < CLUSTER_KIND_COUNT && kinds[kind] ? kinds[kind] : "unknown";
}

const char *cluster_code_text(uint32_t code)
{
	return code < CLUSTER_CODE_COUNT ? codes[code] : "it does not say why in this version's words";
}

uint32_t cluster_agree(uint32_t version, uint32_t oldest, uint32_t peer_version, uint32_t peer_oldest)
{
	uint32_t newest = version < peer_version ? version : peer_version;

	return newest >= oldest && newest >= peer_oldest ? newest : 0;
}

/* --- writing --- */

static bool cluster_id_fits(struct bytes id)
{
	return id.len == 0 || id.len == CLUSTER_ID_SIZE;
}

static const struct bytes *bytes_at(const struct cluster_hello *m, const struct field *f)
{
	return (const struct bytes *)(const void *)((const char *)m + f->offset);
}

static uint64_t number_at(const struct cluster_hello *m, const struct field *f)
{
	const void *at = (const char *)m + f->offset;

	return f->wide ? *(const uint64_t *)at : *(const uint32_t *)at;
}

int cluster_encode_hello(struct buffer *out, const struct cluster_hello *m)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].most > 0 && bytes_at(m, &fields[i])->len > fields[i].most)
			return -EMSGSIZE;
	if (!cluster_id_fits(m->cluster))
		return -EMSGSIZE;
	msgpack_write_map(out, FIELDS);
	for (const struct field *f = fields; f < fields + FIELDS; f++) {
		msgpack_write_str(out, bytes_of(f->key));
		if (f->most == 0)
			msgpack_write_uint(out, number_at(m, f));
		else if (f->binary)
			msgpack_write_bin(out, *bytes_at(m, f));
		else
			msgpack_write_str(out, *bytes_at(m, f));
	}
	return 0;
}

int cluster_frame_hello(struct buffer *out, const struct cluster_hello *m)
{
	struct buffer map = { 0 };
	int result = cluster_encode_hello(&map, m);
	size_t n = buffer_length(&map);
	const unsigned char head[CLUSTER_HEAD] = {
		(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16), (unsigned char)(n >> 24),
	};

	if (result == 0) {
		buffer_append(out, head, sizeof(head));
		buffer_append_bytes(out, buffer_bytes(&map));
	}
	buffer_fini(&map);
	return result;
}

/* --- reading --- */

static const struct field *find(struct bytes key)
{
	for (const struct field *f = fields; f < fields + FIELDS; f++)
		if (bytes_equal(key, bytes_of(f->key)))
			return f;
	return NULL;
}

static void read_field(struct msgpack_reader *r, const struct field *f, struct cluster_hello *m)
{
	void *at = (char *)m + f->offset;
	struct bytes s;
	uint64_t v;

	if (f->most > 0) {
		s = msgpack_read_str(r);
		r->bad = r->bad || s.len > f->most;
		if (!r->bad)
			*(struct bytes *)at = s;
		return;
	}
	v = msgpack_read_uint(r);
	r->bad = r->bad || (!f->wide && v > UINT32_MAX);
	if (r->bad)
		return;
	if (f->wide)
		*(uint64_t *)at = v;
	else
		*(uint32_t *)at = (uint32_t)v;
}

bool cluster_decode_hello(struct bytes map, struct cluster_hello *ret)
{
	struct msgpack_reader r = msgpack_read(map);
	struct cluster_hello m = { 0 };
	uint32_t n = msgpack_read_map(&r);

	for (uint32_t i = 0; i < n && !r.bad; i++) {
		const struct field *f = find(msgpack_read_str(&r));

		if (f)
			read_field(&r, f, &m);
		else
			(void)msgpack_read_value(&r);
	}
	if (r.bad || r.at != r.end || map.len > CLUSTER_HELLO_MAX || !cluster_id_fits(m.cluster))
		return false;
	*ret = m;
	return true;
}

int cluster_next_hello(struct bytes stream, struct bytes *ret_map)
{
	const unsigned char *at = (const unsigned char *)stream.data;
	size_t n;

	if (stream.len < CLUSTER_HEAD)
		return 0;
	n = (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
	if (n == 0 || n > CLUSTER_HELLO_MAX)
		return -EMSGSIZE;
	if (stream.len - CLUSTER_HEAD < n)
		return 0;
	*ret_map = (struct bytes){ stream.data + CLUSTER_HEAD, n };
	return 1;
}
