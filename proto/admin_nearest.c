/* Owns the guess which admin command a mistyped word was meant to be. */
#include "proto/admin.h"

#define WORD_MAX 32 /* bytes; no command is as long */

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance, a row at a time. */
static size_t distance(struct bytes a, struct bytes b)
{
	size_t row[WORD_MAX + 1];

	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a.data[i - 1] != b.data[j - 1]));
			diagonal = above;
		}
	}
	return row[b.len];
}

const char *admin_nearest(struct bytes word)
{
	const char *nearest = NULL;
	size_t best = word.len / 3 + 2; /* further away it is another word */

	if (word.len == 0 || word.len > WORD_MAX)
		return NULL;
	for (const struct admin_verb_row *row = admin_verb_rows; row->word != NULL; row++) {
		struct bytes candidate = bytes_of(row->word);
		size_t d = candidate.len <= WORD_MAX ? distance(word, candidate) : best;
		if (d < best && d < word.len) {
			best = d;
			nearest = row->word;
		}
	}
	return nearest;
}
