/* What a byte may be in addresses, names and IDs: one look into a table. */
#ifndef PROTO_CHARACTERS_H
#define PROTO_CHARACTERS_H

#include <stdbool.h>

enum character_kind {
	CHARACTER_WORD = 1,    /* letter, digit, - and _ */
	CHARACTER_INITIAL = 2, /* letter and _: may begin a name */
	CHARACTER_HEX = 4,
};

extern const unsigned char character_kinds[256];

static inline bool character_is(char c, enum character_kind kind)
{
	return character_kinds[(unsigned char)c] & kind;
}

#endif
