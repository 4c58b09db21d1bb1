/* What the parts of the JSON reader share: where it stands in the text and in its output. */
#ifndef PROTO_JSON_PARSER_H
#define PROTO_JSON_PARSER_H

#include "common/bytes.h"
#include "proto/json.h"

#define JSON_KEYS_INLINE 24

/* Room for the whole output is there from the beginning (see json_parse()): the parts
 * write to `to` without asking, and nothing written moves until its container closes. */
struct json_parser {
	const char *at, *end;
	char *to;
	enum json_error error; /* the first one */
	/* Keys of the objects that are open, innermost last, as they stand in the output. */
	struct bytes *keys;
	size_t key_count, key_capacity;
	struct bytes inline_keys[JSON_KEYS_INLINE];
};

/* Notes the error at the present place; always false. */
bool json_fail(struct json_parser *p, enum json_error error);

/* at stands on `-` or a digit. */
bool json_parse_number(struct json_parser *p);

/* at stands on `"`; *ret_text is what was written, without its head. */
bool json_parse_string(struct json_parser *p, struct bytes *ret_text);

#endif
