/* How far two words are from each other, for guesses at what a mistyped one meant. */
#ifndef COMMON_NEAREST_H
#define COMMON_NEAREST_H

#include "common/bytes.h"

#define NEAREST_MAX 32 /* bytes; longer words are near to none */

/* Letters to change, put in, leave out or swap with their neighbour; whether they are
 * upper or lower case does not count. SIZE_MAX where a word is too long. */
size_t nearest_distance(struct bytes a, struct bytes b);

/* At this distance or beyond, it is another word and no mistyped one. */
static inline size_t nearest_limit(struct bytes word)
{
	return word.len < 3 ? word.len : word.len / 3 + 2;
}

#endif
