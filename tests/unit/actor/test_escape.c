/* The corpus of known escapes: each file of escape/ is a class that tries one, and says on
 * its second line what comes of it. Its neighbour is as before. */
#include "tests/unit/actor/world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static char *read_file(const char *name)
{
	char path[4096], *text;
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", ESCAPE_DIRECTORY, name);
	file = fopen(path, "r");
	assert_non_null(file);
	text = memory_new(65536);
	n = fread(text, 1, 65535, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

/* The rest of the second line, where it begins so. */
static bool expectation(const char *text, const char *word, char *ret, size_t size)
{
	const char *line = strchr(text, '\n') + 1;
	size_t length = strlen(word);

	if (strncmp(line, word, length) != 0)
		return false;
	snprintf(ret, size, "%.*s", (int)(strcspn(line, "\n") - length), line + length);
	return true;
}

static const char neighbour[] =
	"local C = stage.class 'others.{id}' C.properties = { n = 0 }\n"
	"function C:sound() self.n = self.n + 1 assert(string.leak == nil and io == nil)\n"
	"  local t = {} table.insert(t, ('x'):upper()) assert(pcall(error) == false) return t[1] .. math.floor(1.5) end\n"
	"return C";

static void assert_neighbour_is_sound(struct actor *a)
{
	struct turn *t = world_turn(a);

	assert_string_equal(world_start(t, "sound", "[]"), "\"X1\"");
	world_turn_end(t);
}

static bool attempt(const char *name)
{
	bool held = true;
	char want[1024];
	char *source = read_file(name);
	const char *problem, *got;
	struct actor *a;
	struct turn *t;

	world_init(NULL);
	assert_string_equal(world_load_files("others.lua", neighbour, NULL), "");
	a = world_actor(world_class(0), "others.1");
	problem = world_load_files("things.lua", source, NULL);
	if (expectation(source, "-- problem: ", want, sizeof(want))) {
		held = strncmp(problem, want, strlen(want)) == 0;
		got = problem;
	} else {
		assert_string_equal(problem, "");
		assert_true(expectation(source, "-- outcome: ", want, sizeof(want)));
		t = world_turn(world_actor(world_class(0), "things.1"));
		got = world_start(t, "run", "[]");
		held = strcmp(got, want) == 0;
	}
	if (!held)
		print_error("%s\nexpected %s\ngot      %s\n%s\n", name, want, got, world_report());
	assert_neighbour_is_sound(a);
	world_fini();
	free(source);
	return held;
}

static void test_no_escape_succeeds(void **state)
{
	DIR *directory = opendir(ESCAPE_DIRECTORY);
	struct dirent *entry;
	unsigned count = 0, escaped = 0;

	(void)state;
	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.') {
			print_message("%s\n", entry->d_name);
			escaped += !attempt(entry->d_name);
			count++;
		}
	closedir(directory);
	assert_int_equal(escaped, 0);
	assert_true(count >= 36);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_escape_succeeds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
