/* Owns the making and removing of a test's directory. */
#include "tests/unit/supervisor/scratch.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int scratch_make(void **state)
{
	char path[] = "/tmp/stage-test-XXXXXX";

	if (mkdtemp(path) == NULL)
		return -1;
	*state = strdup(path);
	return *state != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

int scratch_remove(void **state)
{
	int result = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);

	free(*state);
	return result;
}

const char *scratch_path(const char *directory, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned last;
	char *path = paths[last++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", directory, name);
	return path;
}

void scratch_write(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	for (char *at = path + strlen(directory) + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	file = fopen(path, "we");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}
