/* A clock that runs too fast or too slow: loaded before a server (LD_PRELOAD), with the rate
 * in $TEST_CLOCK_RATE. What the kernel measures itself, timeouts, stays true. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static int (*true_clock)(clockid_t which, struct timespec *ret);
static double rate = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find(void)
{
	const char *text = getenv("TEST_CLOCK_RATE");

	*(void **)&true_clock = dlsym(RTLD_NEXT, "clock_gettime");
	if (text != NULL)
		rate = strtod(text, NULL);
}

/* Since the machine's start, so that the processes of a node agree. */
int clock_gettime(clockid_t which, struct timespec *ret)
{
	int result;
	int64_t ns;

	pthread_once(&once, find);
	result = true_clock(which, ret);
	if (result != 0 || (which != CLOCK_MONOTONIC && which != CLOCK_BOOTTIME))
		return result;
	ns = (int64_t)((double)(ret->tv_sec * SECOND + ret->tv_nsec) * rate);
	*ret = (struct timespec){ .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };
	return 0;
}
