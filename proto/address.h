/* Addresses, member names and versions: the words of the client protocol. */
#ifndef PROTO_ADDRESS_H
#define PROTO_ADDRESS_H

#include <stdint.h>

#include "common/buffer.h"

#define ADDRESS_MAX 255 /* bytes */
#define NAME_MAX_LENGTH 64 /* bytes of a member name */
#define MEMBERS_MAX 64  /* names in one list */
#define VERSION_MAX 29  /* bytes of a version's text */

/* seg *("." seg), segments of letters, digits, - _ and %XX. */
bool address_valid(struct bytes address);

/* (ALPHA / "_") *63(ALPHA / DIGIT / "_" / "-") */
bool name_valid(struct bytes name);

/* A name that begins with `_` is private: never visible outside its actor. */
static inline bool name_private(struct bytes name)
{
	return name.len > 0 && name.data[0] == '_';
}

/* One version counts all changes of an actor; the epoch names the numbering, and
 * changes whenever an activation cannot prove that it continues the last one's. */
struct version {
	uint32_t epoch;
	uint64_t number;
};

static inline bool version_equal(struct version a, struct version b)
{
	return a.epoch == b.epoch && a.number == b.number;
}

/* `3f:128`: epoch in hex, number in decimal. */
bool version_parse(struct bytes text, struct version *ret);
/* At most VERSION_MAX bytes, without a NUL; returns their end. */
char *version_write(struct version v, char *at);
void version_format(struct version v, struct buffer *out);

#endif
