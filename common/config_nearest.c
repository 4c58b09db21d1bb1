/* The nearest known name to a wrong one in the settings. */
#include "common/config.h"
#include "common/nearest.h"

const char *config_nearest(struct bytes section, struct bytes key)
{
	const char *best = NULL;
	size_t best_distance = nearest_limit(key);

	for (const struct config_row *row = config_rows; row->section; row++) {
		const char *name = section.data ? row->key : row->section;
		size_t d = nearest_distance(key, bytes_of(name));

		if (section.data && !bytes_equal(section, bytes_of(row->section)))
			continue;
		if (d < best_distance) {
			best = name;
			best_distance = d;
		}
	}
	return best;
}
