/* A directory of its own for a test, gone when the test is. */
#ifndef TESTS_UNIT_SUPERVISOR_SCRATCH_H
#define TESTS_UNIT_SUPERVISOR_SCRATCH_H

/* cmocka's setup and teardown: *state is the directory's path. */
int scratch_make(void **state);
int scratch_remove(void **state);

/* Writes a file below the directory, with the directories it needs. */
void scratch_write(const char *directory, const char *name, const char *text);

/* `directory/name`, valid until the fourth next call. */
const char *scratch_path(const char *directory, const char *name);

#endif
