/* UTF-8 as JSON needs it: no overlong forms, no surrogates, nothing beyond U+10FFFF
 * (RFC 3629). */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include <stdint.h>

#include "common/bytes.h"

bool utf8_valid(struct bytes text);

/* Length of the valid sequence that text begins with, 0 where it begins with none. */
size_t utf8_sequence(struct bytes text);

/* code is no surrogate and at most U+10FFFF. Returns the bytes written, 1 to 4. */
size_t utf8_encode(uint32_t code, char out[4]);

#endif
