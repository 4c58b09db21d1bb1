/* JSON text at the edge of the server, msgpack inside: one pass each way.
 *
 * Fidelity: 1 is an integer and 1.0 a real, both ways; integers beyond +-2^53 are
 * JSON strings in both directions on the wire. Writing quotes them; reading leaves a
 * string a string (whoever knows the property's type makes an integer of it), and a
 * bare integer is taken without loss as far as int64_t reaches. -0 is a real; integers
 * beyond that, NaN and infinities are refused; [] and {} differ; strings are UTF-8
 * without lone surrogates; U+0000 is legal; duplicate keys are refused; depth is at
 * most JSON_DEPTH_MAX. */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include "common/buffer.h"

#define JSON_DEPTH_MAX 64

enum json_error {
	JSON_OK, JSON_SYNTAX, JSON_DEPTH, JSON_NUMBER, JSON_STRING, JSON_DUPLICATE, JSON_TRAILING
};

/* A sentence for people. */
const char *json_error_text(enum json_error error);

/* Parses one JSON text that fills all of `text` and appends it to out as msgpack, for
 * which it reserves three times the text. On an error out is as before. *ret_at (may be
 * NULL) says where in the text it ended or went wrong. */
enum json_error json_parse(struct bytes text, struct buffer *out, size_t *ret_at);

/* Appends one msgpack value as JSON on one line. Returns the bytes of msgpack
 * read, or 0 where they are not one whole value of the JSON kinds; out is then as
 * before. Integers beyond +-2^53 are written as strings; the shortest text that
 * reads back as the same double is written, always with . or e. */
size_t json_write(struct bytes msgpack, struct buffer *out);

/* Appends a JSON string literal; invalid UTF-8 becomes U+FFFD. */
void json_write_text(struct bytes text, struct buffer *out);

#endif
