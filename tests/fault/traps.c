/* What no Lua code can do, done by Lua code: certain arguments of math.tan, which is the C
 * library's tan(), end or stop the process, loop in C, or use up its memory. */
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/fault/inject.h"

#define EAT_MOST 64      /* blocks that there are to be had: the machine shall not be hurt */
#define EAT_BLOCK (1 << 20)

static double (*real_tan)(double);

__attribute__((constructor)) static void find_tan(void)
{
	real_tan = (double (*)(double))dlsym(RTLD_NEXT, "tan");
}

static void segfault(void)
{
	*(volatile int *)1 = 0;
}

static void leave(void)
{
	_exit(42);
}

static void spin(void)
{
	for (volatile unsigned n = 0;; n++)
		;
}

static void stop(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), SIGSTOP);
}

/* Takes and touches all that there is, keeps it, and goes on without any more. */
static void eat(void)
{
	for (int i = 0; i < EAT_MOST; i++) {
		void *block = malloc(EAT_BLOCK);

		if (block)
			memset(block, i, EAT_BLOCK);
	}
	inject_memory_ended = true;
}

/* inject.py's class `traps` calls them by these numbers. */
static const struct {
	double argument;
	void (*spring)(void);
} traps[] = {
	{ -1001, segfault }, { -1002, abort }, { -1003, leave }, { -1004, spin }, { -1005, stop }, { -1006, eat },
};

double tan(double x)
{
	for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++)
		if (x == traps[i].argument)
			traps[i].spring();
	return real_tan(x);
}
