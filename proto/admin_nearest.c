/* Owns the guess which admin command a mistyped word was meant to be. */
#include "proto/admin.h"
#include "common/nearest.h"

const char *admin_nearest(struct bytes word)
{
	const char *nearest = NULL;
	size_t best = nearest_limit(word);

	for (const struct admin_verb_row *row = admin_verb_rows; row->word != NULL; row++) {
		size_t d = nearest_distance(word, bytes_of(row->word));

		if (d < best && d < word.len) {
			best = d;
			nearest = row->word;
		}
	}
	return nearest;
}
