/* The nearest known name to a wrong one, by edit distance. */
#include "common/config.h"

#define NAME_MOST 64

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(struct bytes a, struct bytes b)
{
	size_t row[NAME_MOST + 1];

	if (a.len > NAME_MOST || b.len > NAME_MOST)
		return NAME_MOST;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t above = row[j];

			row[j] = least(row[j - 1] + 1, above + 1, diagonal + (a.data[i - 1] != b.data[j - 1]));
			diagonal = above;
		}
	}
	return row[b.len];
}

/* Near enough to be meant: at most a third of it is different. */
static bool near(size_t d, size_t length)
{
	return d <= 1 + length / 3;
}

const char *config_nearest(struct bytes section, struct bytes key)
{
	const char *best = NULL;
	size_t best_distance = NAME_MOST;

	for (const struct config_row *row = config_rows; row->section; row++) {
		const char *name = section.data ? row->key : row->section;
		size_t d = distance(key, bytes_of(name));

		if (section.data && !bytes_equal(section, bytes_of(row->section)))
			continue;
		if (d < best_distance && near(d, key.len)) {
			best = name;
			best_distance = d;
		}
	}
	return best;
}
