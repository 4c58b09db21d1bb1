/* What the files that encode and decode control messages share. */
#ifndef PROTO_CONTROL_PARTS_H
#define PROTO_CONTROL_PARTS_H

#include "proto/control.h"
#include "proto/msgpack.h"

static inline uint32_t control_read_u32(struct msgpack_reader *r)
{
	uint64_t v = msgpack_read_uint(r);

	if (v > UINT32_MAX)
		r->bad = true;
	return (uint32_t)v;
}

/* A message is an array whose first element is its type. */
static inline void control_begin(struct buffer *out, enum control_type type, uint32_t elements)
{
	msgpack_write_array(out, elements);
	msgpack_write_uint(out, type);
}

static inline struct msgpack_reader control_open(struct bytes message, enum control_type type, uint32_t elements)
{
	struct msgpack_reader r = msgpack_read(message);

	if (msgpack_read_array(&r) != elements || msgpack_read_uint(&r) != type)
		r.bad = true;
	return r;
}

/* All of it was read, and none of it was wrong. */
static inline bool control_whole(const struct msgpack_reader *r)
{
	return !r->bad && r->at == r->end;
}

#endif
