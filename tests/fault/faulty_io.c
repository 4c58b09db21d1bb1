/* A preloaded library of the tests: from the moment that the file named by FAULTY_IO_TRIGGER
 * exists, fsync and fdatasync fail with EIO in stage-store, and in no other program. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool shall_fail(void)
{
	const char *trigger = getenv("FAULTY_IO_TRIGGER");

	return trigger && strstr(program_invocation_name, "stage-store") && access(trigger, F_OK) == 0;
}

static int pass_on(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	if (!shall_fail())
		return real(fd);
	errno = EIO;
	return -1;
}

int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd)
{
	return pass_on("fsync", fd);
}

int fdatasync(int fd)
{
	return pass_on("fdatasync", fd);
}
