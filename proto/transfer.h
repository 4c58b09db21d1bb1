/* The stream by which one node's store hands the records of shards to another's: frames of a
 * common/link.h, each a msgpack array whose first element is its type.
 *
 * The sender says BEGIN, RECORDS …, END; the receiver answers DONE once all is on stable
 * storage and is what END says, or as soon as something is wrong. */
#ifndef PROTO_TRANSFER_H
#define PROTO_TRANSFER_H

#include <stdint.h>

#include "common/buffer.h"

#define TRANSFER_FORMAT 1

enum transfer_type { TRANSFER_BEGIN = 1, TRANSFER_RECORDS, TRANSFER_END, TRANSFER_DONE };

struct transfer_begin {
	uint32_t format;
	struct bytes shards; /* a list of proto/control_cluster.h */
};

/* sum: XXH3, 64 bits, over all pairs as they were sent. */
struct transfer_end {
	uint64_t records, bytes, sum;
};

struct transfer_done {
	uint64_t records;
	struct bytes error; /* empty: all is well */
};

/* 0 where it is none. Decoded slices point into the body. */
unsigned transfer_type(struct bytes body);
bool transfer_decode_begin(struct bytes body, struct transfer_begin *ret);
bool transfer_decode_records(struct bytes body, struct bytes *ret_pairs);
bool transfer_decode_end(struct bytes body, struct transfer_end *ret);
bool transfer_decode_done(struct bytes body, struct transfer_done *ret);

void transfer_encode_begin(struct buffer *out, const struct transfer_begin *m);
void transfer_encode_records(struct buffer *out, struct bytes pairs);
void transfer_encode_end(struct buffer *out, const struct transfer_end *m);
void transfer_encode_done(struct buffer *out, const struct transfer_done *m);

/* Pairs stand one behind the other: u32 length of the key, u32 of the record, little-endian,
 * then both. */
void transfer_add_pair(struct buffer *pairs, struct bytes key, struct bytes record);
/* Takes the next one off; false at the end (pairs is empty then) or where it is cut off. */
bool transfer_next_pair(struct bytes *pairs, struct bytes *ret_key, struct bytes *ret_record);

#endif
