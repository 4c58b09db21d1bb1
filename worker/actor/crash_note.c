/* Handlers of the signals that end a process for what it does. */
#include "worker/actor/crash_note.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#ifdef STAGE_SANITIZED

int crash_note_init(struct scoreboard *board)
{
	(void)board;
	return 0;
}

#else

#define STACK_SIZE 16384 /* bytes: the fault may be that the ordinary stack is full */

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
static struct scoreboard *noted;
static char stack[STACK_SIZE];

/* The kernel's own codes are positive; a process that raises a signal is its sender. */
static bool is_from_within(const siginfo_t *info)
{
	return info->si_code > 0 || ((info->si_code == SI_USER || info->si_code == SI_TKILL) && info->si_pid == getpid());
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	uint64_t address = number == SIGSEGV || number == SIGBUS ? (uint64_t)(uintptr_t)info->si_addr : 0;

	(void)context;
	scoreboard_note_signal(noted, number, is_from_within(info), address);
	raise(number); /* by default from here on, once this has returned */
}

int crash_note_init(struct scoreboard *board)
{
	const stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND };

	noted = board;
	if (sigaltstack(&own, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &action, NULL) < 0)
			return -errno;
	return 0;
}

#endif
