/* yajl as a second opinion on JSON. */
#ifndef TESTS_UNIT_PROTO_YAJL_ORACLE_H
#define TESTS_UNIT_PROTO_YAJL_ORACLE_H

#include "common/buffer.h"

/* Appends the text as msgpack; false where yajl, or the rules of proto/json.h beyond
 * JSON's own (64 levels, unique keys, 64-bit integers, finite reals, strict UTF-8),
 * refuse it. */
bool yajl_oracle(struct bytes text, struct buffer *out);

/* Whether the text holds what yajl is known to get wrong: it makes `?` of a lone
 * surrogate, takes a string that the end of the text cuts off, and vertical tabs and
 * form feeds for blanks. */
bool yajl_oracle_errs(struct bytes text);

#endif
