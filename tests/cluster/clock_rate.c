/* A clock that runs too fast or too slow: loaded before a server (LD_PRELOAD), with the rate
 * in $TEST_CLOCK_RATE. What the kernel measures itself, timeouts, stays true; who waits until a
 * time of this clock waits until then. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static int (*true_clock)(clockid_t which, struct timespec *ret);
static int (*true_wait)(pthread_cond_t *c, pthread_mutex_t *m, clockid_t which, const struct timespec *until);
static double rate = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find(void)
{
	const char *text = getenv("TEST_CLOCK_RATE");

	*(void **)&true_clock = dlsym(RTLD_NEXT, "clock_gettime");
	*(void **)&true_wait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
	if (text != NULL)
		rate = strtod(text, NULL);
}

static struct timespec multiplied(const struct timespec *t, double by)
{
	int64_t ns = (int64_t)((double)(t->tv_sec * SECOND + t->tv_nsec) * by);

	return (struct timespec){ .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };
}

/* Since the machine's start, so that the processes of a node agree. */
int clock_gettime(clockid_t which, struct timespec *ret)
{
	int result;

	pthread_once(&once, find);
	result = true_clock(which, ret);
	if (result != 0 || (which != CLOCK_MONOTONIC && which != CLOCK_BOOTTIME))
		return result;
	*ret = multiplied(ret, rate);
	return 0;
}

int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t which, const struct timespec *until)
{
	struct timespec at = *until;

	pthread_once(&once, find);
	if (which == CLOCK_MONOTONIC)
		at = multiplied(until, 1 / rate);
	return true_wait(c, m, which, &at);
}
