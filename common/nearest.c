/* The edit distance of two words. */
#include "common/nearest.h"

#include <ctype.h>
#include <stdint.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau's and Levenshtein's distance: d[i][j] is that of the first i letters of a
 * from the first j of b; two rows back are needed for swapped neighbours. */
size_t nearest_distance(struct bytes a, struct bytes b)
{
	unsigned char d[NEAREST_MAX + 1][NEAREST_MAX + 1];

	if (a.len > NEAREST_MAX || b.len > NEAREST_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= a.len; i++) {
		for (size_t j = 0; j <= b.len; j++) {
			size_t best;

			if (i == 0 || j == 0) {
				d[i][j] = (unsigned char)(i + j);
				continue;
			}
			best = d[i - 1][j - 1] + !same(a.data[i - 1], b.data[j - 1]);
			best = least(best, least(d[i - 1][j], d[i][j - 1]) + 1u);
			if (i > 1 && j > 1 && same(a.data[i - 1], b.data[j - 2]) && same(a.data[i - 2], b.data[j - 1]))
				best = least(best, d[i - 2][j - 2] + 1u);
			d[i][j] = (unsigned char)best;
		}
	}
	return d[a.len][b.len];
}
