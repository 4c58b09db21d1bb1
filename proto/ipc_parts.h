/* What the encoders and decoders of frames share. Theirs alone. */
#ifndef PROTO_IPC_PARTS_H
#define PROTO_IPC_PARTS_H

#include "proto/ipc.h"
#include "proto/msgpack.h"

/* A payload slot: nil reads as empty. */
static inline struct bytes read_payload(struct msgpack_reader *r)
{
	return msgpack_read_nil(r) ? (struct bytes){ NULL, 0 } : msgpack_read_value(r);
}

/* Opens a body of this type and number of fields, the type included. */
static inline struct msgpack_reader open_body(struct bytes body, enum ipc_type type, uint32_t fields)
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

static inline bool whole(const struct msgpack_reader *r)
{
	return !r->bad && r->at == r->end;
}

#endif
