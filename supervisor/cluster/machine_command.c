/* Owns the form of commands: each to bytes and back. */
#include "supervisor/cluster/machine_command.h"

#include "proto/msgpack.h"

static const char malformed[] = "malformed";

/* --- writing --- */

/* `fields` after format and number. */
static void begin(struct buffer *out, enum machine_command_number number, uint32_t fields)
{
	msgpack_write_array(out, fields + 2);
	msgpack_write_uint(out, MACHINE_FORMAT);
	msgpack_write_uint(out, number);
}

#define NODE_FIELDS 6

static void write_node(struct buffer *out, const struct machine_node *node)
{
	msgpack_write_uint(out, node->id);
	msgpack_write_str(out, node->name);
	msgpack_write_str(out, node->address);
	msgpack_write_uint(out, node->weight);
	msgpack_write_uint(out, node->oldest);
	msgpack_write_uint(out, node->newest);
}

void machine_encode_found(struct buffer *out, const struct machine_found *found, const struct machine_node *first)
{
	begin(out, MACHINE_COMMAND_FOUND, 4 + NODE_FIELDS);
	msgpack_write_bin(out, (struct bytes){ (const char *)found->cluster, sizeof(found->cluster) });
	msgpack_write_bin(out, (struct bytes){ (const char *)found->hash_key, sizeof(found->hash_key) });
	msgpack_write_uint(out, found->shard_count);
	msgpack_write_bool(out, found->shared);
	write_node(out, first);
}

void machine_encode_add(struct buffer *out, const struct machine_node *node)
{
	begin(out, MACHINE_COMMAND_ADD, NODE_FIELDS);
	write_node(out, node);
}

void machine_encode_update(struct buffer *out, const struct machine_node *node, uint64_t incarnation)
{
	begin(out, MACHINE_COMMAND_UPDATE, NODE_FIELDS + 1);
	write_node(out, node);
	msgpack_write_uint(out, incarnation);
}

static void write_renewal(struct buffer *out, enum machine_command_number number, uint64_t id,
                          uint64_t incarnation, uint64_t renewal)
{
	begin(out, number, 3);
	msgpack_write_uint(out, id);
	msgpack_write_uint(out, incarnation);
	msgpack_write_uint(out, renewal);
}

void machine_encode_renew(struct buffer *out, uint64_t id, uint64_t incarnation, uint64_t renewal)
{
	write_renewal(out, MACHINE_COMMAND_RENEW, id, incarnation, renewal);
}

void machine_encode_down(struct buffer *out, uint64_t id, uint64_t incarnation, uint64_t renewal)
{
	write_renewal(out, MACHINE_COMMAND_DOWN, id, incarnation, renewal);
}

void machine_encode_drain(struct buffer *out, uint64_t id, bool on)
{
	begin(out, MACHINE_COMMAND_DRAIN, 2);
	msgpack_write_uint(out, id);
	msgpack_write_bool(out, on);
}

void machine_encode_leave(struct buffer *out, uint64_t id)
{
	begin(out, MACHINE_COMMAND_LEAVE, 1);
	msgpack_write_uint(out, id);
}

static void write_shards(struct buffer *out, const uint32_t *shards, uint32_t count)
{
	msgpack_write_array(out, count);
	for (uint32_t i = 0; i < count; i++)
		msgpack_write_uint(out, shards[i]);
}

void machine_encode_move(struct buffer *out, uint64_t to, const uint32_t *shards, uint32_t count)
{
	begin(out, MACHINE_COMMAND_MOVE, 2);
	msgpack_write_uint(out, to);
	write_shards(out, shards, count);
}

static void write_gone(struct buffer *out, uint64_t owner, const struct machine_gone *gone, uint32_t count)
{
	msgpack_write_uint(out, owner);
	msgpack_write_array(out, count);
	for (uint32_t i = 0; i < count; i++) {
		msgpack_write_array(out, 3);
		msgpack_write_uint(out, gone[i].shard);
		msgpack_write_uint(out, gone[i].epoch);
		msgpack_write_uint(out, gone[i].move);
	}
}

void machine_encode_moved(struct buffer *out, uint64_t owner, const struct machine_gone *gone, uint32_t count)
{
	begin(out, MACHINE_COMMAND_MOVED, 2);
	write_gone(out, owner, gone, count);
}

void machine_encode_raise(struct buffer *out, uint64_t owner, const struct machine_gone *seen, uint32_t count)
{
	begin(out, MACHINE_COMMAND_RAISE, 2);
	write_gone(out, owner, seen, count);
}

void machine_encode_cancel(struct buffer *out, const uint32_t *shards, uint32_t count)
{
	begin(out, MACHINE_COMMAND_CANCEL, 1);
	write_shards(out, shards, count);
}

void machine_encode_remove(struct buffer *out, uint64_t id, bool lost)
{
	begin(out, MACHINE_COMMAND_REMOVE, 2);
	msgpack_write_uint(out, id);
	msgpack_write_bool(out, lost);
}

/* --- reading --- */

static uint32_t read_u32(struct msgpack_reader *r)
{
	uint64_t v = msgpack_read_uint(r);

	if (v > UINT32_MAX)
		r->bad = true;
	return r->bad ? 0 : (uint32_t)v;
}

/* A number that may not be 0. */
static uint64_t read_some(struct msgpack_reader *r)
{
	uint64_t v = msgpack_read_uint(r);

	if (v == 0)
		r->bad = true;
	return v;
}

static void read_exactly(struct msgpack_reader *r, unsigned char *to, size_t n)
{
	struct bytes s = msgpack_read_str(r);

	if (s.len != n)
		r->bad = true;
	if (!r->bad)
		memcpy(to, s.data, n);
}

static void read_node(struct msgpack_reader *r, struct machine_command *c)
{
	c->node.id = c->id = msgpack_read_uint(r);
	c->node.name = msgpack_read_str(r);
	c->node.address = msgpack_read_str(r);
	c->node.weight = read_u32(r);
	c->node.oldest = read_u32(r);
	c->node.newest = read_u32(r);
}

static void read_found(struct msgpack_reader *r, struct machine_command *c)
{
	read_exactly(r, c->found.cluster, sizeof(c->found.cluster));
	read_exactly(r, c->found.hash_key, sizeof(c->found.hash_key));
	c->found.shard_count = read_u32(r);
	c->found.shared = msgpack_read_bool(r);
	if (c->found.shard_count == 0 || c->found.shard_count > CONTROL_SHARDS_MAX)
		r->bad = true;
	read_node(r, c);
}

static void read_update(struct msgpack_reader *r, struct machine_command *c)
{
	read_node(r, c);
	c->incarnation = read_some(r);
}

static void read_renew(struct msgpack_reader *r, struct machine_command *c)
{
	c->id = msgpack_read_uint(r);
	c->incarnation = read_some(r);
	c->renewal = read_some(r);
}

/* A founder that has never renewed is up, too: zeros compare with that. */
static void read_down(struct msgpack_reader *r, struct machine_command *c)
{
	c->id = msgpack_read_uint(r);
	c->incarnation = msgpack_read_uint(r);
	c->renewal = msgpack_read_uint(r);
}

static void read_flagged(struct msgpack_reader *r, struct machine_command *c)
{
	c->id = msgpack_read_uint(r);
	c->flag = msgpack_read_bool(r);
}

static void read_leave(struct msgpack_reader *r, struct machine_command *c)
{
	c->id = msgpack_read_uint(r);
}

static bool is_whole(unsigned command)
{
	return command == MACHINE_COMMAND_MOVED || command == MACHINE_COMMAND_RAISE;
}

static bool next_gone(struct msgpack_reader *r, bool whole, struct machine_gone *ret)
{
	*ret = (struct machine_gone){ 0 };
	if (whole && msgpack_read_array(r) != 3)
		r->bad = true;
	ret->shard = read_u32(r);
	if (whole) {
		ret->epoch = read_u32(r);
		ret->move = read_some(r);
	}
	return !r->bad;
}

/* Read through once here, so that whoever walks it later need not look for errors. */
static void read_list(struct msgpack_reader *r, struct machine_command *c)
{
	struct machine_gone gone;
	const char *first;

	c->count = msgpack_read_array(r);
	first = r->at;
	if (c->count > CONTROL_SHARDS_MAX)
		r->bad = true;
	for (uint32_t i = 0; i < c->count && !r->bad; i++)
		next_gone(r, is_whole(c->number), &gone);
	if (!r->bad)
		c->list = (struct bytes){ first, (size_t)(r->at - first) };
}

static void read_move(struct msgpack_reader *r, struct machine_command *c)
{
	c->to = read_some(r);
	read_list(r, c);
}

static void read_moved(struct msgpack_reader *r, struct machine_command *c)
{
	c->id = read_some(r);
	read_list(r, c);
}

struct command_row {
	const char *name;
	uint32_t fields;
	void (*read)(struct msgpack_reader *r, struct machine_command *c);
};

static const struct command_row rows[MACHINE_COMMAND_COUNT] = {
	[MACHINE_COMMAND_FOUND]  = { "found", 4 + NODE_FIELDS, read_found },
	[MACHINE_COMMAND_ADD]    = { "add", NODE_FIELDS, read_node },
	[MACHINE_COMMAND_UPDATE] = { "update", NODE_FIELDS + 1, read_update },
	[MACHINE_COMMAND_RENEW]  = { "renew", 3, read_renew },
	[MACHINE_COMMAND_DOWN]   = { "down", 3, read_down },
	[MACHINE_COMMAND_DRAIN]  = { "drain", 2, read_flagged },
	[MACHINE_COMMAND_LEAVE]  = { "leave", 1, read_leave },
	[MACHINE_COMMAND_MOVE]   = { "move", 2, read_move },
	[MACHINE_COMMAND_MOVED]  = { "moved", 2, read_moved },
	[MACHINE_COMMAND_CANCEL] = { "cancel", 1, read_list },
	[MACHINE_COMMAND_REMOVE] = { "remove", 2, read_flagged },
	[MACHINE_COMMAND_RAISE]  = { "raise", 2, read_moved },
};

const char *machine_command_name(unsigned number)
{
	return number > 0 && number < MACHINE_COMMAND_COUNT ? rows[number].name : "?";
}

static bool text_ok(struct bytes s, size_t most)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.data[i] <= ' ' || s.data[i] == 0x7f)
			return false;
	return s.len > 0 && s.len <= most;
}

const char *machine_node_fault(const struct machine_node *node)
{
	if (node->id == MACHINE_NOBODY)
		return "0 is no member's id";
	if (!text_ok(node->name, MACHINE_NAME_MAX))
		return "not a name";
	if (!text_ok(node->address, MACHINE_ADDRESS_MAX) || !memchr(node->address.data, ':', node->address.len))
		return "not an address";
	if (node->weight == 0 || node->weight > MACHINE_WEIGHT_MAX)
		return "not a weight";
	return node->oldest > node->newest ? "its oldest version is newer than its newest" : NULL;
}

bool machine_padding(const char *at, const char *end)
{
	static const char zeros[8];

	return end - at < 8 && (at == end || memcmp(at, zeros, (size_t)(end - at)) == 0);
}

const char *machine_decode(struct bytes bytes, struct machine_command *ret)
{
	struct msgpack_reader r = msgpack_read(bytes);
	uint32_t fields = msgpack_read_array(&r);
	uint64_t format = msgpack_read_uint(&r), number;

	*ret = (struct machine_command){ 0 };
	if (r.bad)
		return malformed;
	if (format != MACHINE_FORMAT)
		return "its format is not known to this version";
	number = msgpack_read_uint(&r);
	if (r.bad || number == 0 || number >= MACHINE_COMMAND_COUNT)
		return r.bad ? malformed : "not known to this version";
	ret->number = (uint8_t)number;
	if (fields != rows[number].fields + 2)
		return malformed;
	rows[number].read(&r, ret);
	if (r.bad || !machine_padding(r.at, r.end))
		return malformed;
	return ret->node.name.data ? machine_node_fault(&ret->node) : NULL;
}

bool machine_next_gone(struct machine_command *c, struct machine_gone *ret)
{
	struct msgpack_reader r = msgpack_read(c->list);

	if (c->list.len == 0 || !next_gone(&r, is_whole(c->number), ret))
		return false;
	c->list = (struct bytes){ r.at, (size_t)(r.end - r.at) };
	return true;
}
