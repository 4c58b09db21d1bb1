/* Owns the judgement of a child's end. */
#include "supervisor/death.h"

#include <signal.h>
#include <sys/wait.h>

static const char *const names[DEATH_CAUSE_COUNT] = {
	[DEATH_EXIT] = "exit",       [DEATH_SIGNAL] = "signal",   [DEATH_MEMORY] = "memory",
	[DEATH_HANG] = "hang",       [DEATH_STOPPED] = "stopped", [DEATH_OUTSIDE] = "outside",
	[DEATH_ORDERED] = "ordered",
};

const char *death_cause_name(enum death_cause cause)
{
	return names[cause];
}

static enum death_cause cause_of(const struct death_facts *f)
{
	static const enum death_cause ordered[] = {
		[DEATH_ORDER_HANG] = DEATH_HANG, [DEATH_ORDER_STOPPED] = DEATH_STOPPED,
		[DEATH_ORDER_OTHER] = DEATH_ORDERED,
	};

	if (f->order != DEATH_NO_ORDER)
		return ordered[f->order];
	if (!WIFSIGNALED(f->wait_status))
		return DEATH_EXIT;
	/* Nobody but the kernel tells of SIGKILL, and a filter of system calls kills with
	 * SIGSYS before any handler runs. */
	if (WTERMSIG(f->wait_status) == SIGKILL)
		return f->out_of_memory ? DEATH_MEMORY : DEATH_OUTSIDE;
	if (WTERMSIG(f->wait_status) == SIGSYS || f->signal.from_within == 1)
		return DEATH_SIGNAL;
	return DEATH_OUTSIDE;
}

static uint64_t ran_ms(const struct death_facts *f)
{
	uint64_t ns = f->running.ran_ns;

	if (!f->running.aside && f->alive_at_ns > f->running.began_ns)
		ns += f->alive_at_ns - f->running.began_ns;
	return ns / 1000000;
}

struct death death_judge(const struct death_facts *facts)
{
	static const bool own_doing[DEATH_CAUSE_COUNT] = {
		[DEATH_EXIT] = true, [DEATH_SIGNAL] = true, [DEATH_MEMORY] = true, [DEATH_HANG] = true,
	};
	struct death d = { .cause = cause_of(facts) };

	if (facts->running.kind == SCOREBOARD_IDLE)
		return d;
	d.ran_ms = ran_ms(facts);
	if (own_doing[d.cause])
		d.blame = !facts->running.aside; /* it may be another's doing than the turn's in sight */
	else
		d.blame = d.cause != DEATH_ORDERED && d.ran_ms >= DEATH_LONG_MS;
	return d;
}

void death_describe(const struct death_facts *facts, struct buffer *out)
{
	int number = WTERMSIG(facts->wait_status);
	bool faulted = number == SIGSEGV || number == SIGBUS;

	switch (cause_of(facts)) {
	case DEATH_HANG:
		buffer_append_text(out, "hang");
		return;
	case DEATH_STOPPED:
		buffer_append_text(out, "stopped by a signal");
		return;
	case DEATH_MEMORY:
		buffer_append_text(out, "out of memory");
		return;
	default:
		break;
	}
	if (!WIFSIGNALED(facts->wait_status))
		buffer_printf(out, "exit %d", WEXITSTATUS(facts->wait_status));
	else
		buffer_printf(out, "signal %d (%s)", number, strsignal(number));
	if (WIFSIGNALED(facts->wait_status) && faulted && facts->signal.from_within == 1)
		buffer_printf(out, " at 0x%llx", (unsigned long long)facts->signal.address);
}
