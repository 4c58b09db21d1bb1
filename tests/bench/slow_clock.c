/* Preloaded into a program that is run instruction by instruction: its monotonic clock, its
 * timers and its waits go as much slower as it does. What it bounds by time, such as how many
 * lines one client may have in a loop turn, then is as much work as without that, and how busy
 * the machine is does not matter. */
#include <dlfcn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>

#define SLOWER 100
#define SECOND UINT64_C(1000000000)

/* What the program would have called. */
static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static uint64_t ns_of(struct timespec t)
{
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static struct timespec of_ns(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / SECOND), (long)(ns % SECOND) };
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
	static int (*next)(clockid_t, struct timespec *);
	int r;

	if (next == NULL)
		*(void **)&next = real("clock_gettime");
	r = next(which, ret);
	if (r == 0 && which == CLOCK_MONOTONIC)
		*ret = of_ns(ns_of(*ret) / SLOWER);
	return r;
}

int timer_settime(timer_t timer, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	int (*next)(timer_t, int, const struct itimerspec *, struct itimerspec *);
	struct itimerspec slow = {
		of_ns(ns_of(new->it_interval) * SLOWER), of_ns(ns_of(new->it_value) * SLOWER),
	};

	*(void **)&next = real("timer_settime");
	return next(timer, flags, &slow, old);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
	static int (*next)(int, struct epoll_event *, int, int);

	if (next == NULL)
		*(void **)&next = real("epoll_wait");
	return next(epoll, events, most, timeout > 0 ? timeout * SLOWER : timeout);
}
