/* What a child's end is taken for, and when the code it ran is to blame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "supervisor/death.h"

#define MS 1000000ull

/* As waitpid() tells it. */
#define EXITED(status) ((status) << 8)
#define KILLED(number) (number)

static struct death_facts facts(int wait_status, enum scoreboard_kind kind, uint64_t ran_ms)
{
	return (struct death_facts){
		.wait_status = wait_status, .alive_at_ns = 5000 * MS,
		.running = { .kind = kind, .began_ns = (5000 - ran_ms) * MS },
	};
}

static void check(struct death_facts f, enum death_cause cause, bool blame, const char *text)
{
	struct death d = death_judge(&f);
	struct buffer how = { 0 };

	death_describe(&f, &how);
	buffer_append(&how, "", 1);
	assert_string_equal(death_cause_name(d.cause), death_cause_name(cause));
	assert_int_equal(d.blame, blame);
	assert_string_equal(buffer_bytes(&how).data, text);
	buffer_fini(&how);
}

static void a_fault_of_its_own_is_to_blame(void **state)
{
	struct death_facts f = facts(KILLED(SIGSEGV), SCOREBOARD_MESSAGE, 0);

	(void)state;
	f.signal = (struct scoreboard_signal){ SIGSEGV, 1, 0x10 };
	check(f, DEATH_SIGNAL, true, "signal 11 (Segmentation fault) at 0x10");
	f = facts(KILLED(SIGABRT), SCOREBOARD_WAKING, 0);
	f.signal = (struct scoreboard_signal){ SIGABRT, 1, 0 };
	check(f, DEATH_SIGNAL, true, "signal 6 (Aborted)");
	/* The filter of system calls leaves no time for a note. */
	check(facts(KILLED(SIGSYS), SCOREBOARD_MESSAGE, 0), DEATH_SIGNAL, true, "signal 31 (Bad system call)");
	check(facts(EXITED(3), SCOREBOARD_MESSAGE, 0), DEATH_EXIT, true, "exit 3");
}

static void nothing_ran_nobody_is_to_blame(void **state)
{
	(void)state;
	check(facts(EXITED(3), SCOREBOARD_IDLE, 0), DEATH_EXIT, false, "exit 3");
	check(facts(KILLED(SIGKILL), SCOREBOARD_IDLE, 0), DEATH_OUTSIDE, false, "signal 9 (Killed)");
}

static void somebody_elses_signal_is_a_coincidence_unless_the_turn_was_long(void **state)
{
	struct death_facts f;

	(void)state;
	check(facts(KILLED(SIGKILL), SCOREBOARD_MESSAGE, DEATH_LONG_MS - 1), DEATH_OUTSIDE, false, "signal 9 (Killed)");
	check(facts(KILLED(SIGKILL), SCOREBOARD_MESSAGE, DEATH_LONG_MS), DEATH_OUTSIDE, true, "signal 9 (Killed)");
	f = facts(KILLED(SIGSEGV), SCOREBOARD_MESSAGE, 0);
	f.signal = (struct scoreboard_signal){ SIGSEGV, 0, 0 };
	check(f, DEATH_OUTSIDE, false, "signal 11 (Segmentation fault)");
	/* Slices of a turn that was set aside before count. */
	f = facts(KILLED(SIGKILL), SCOREBOARD_MESSAGE, 1);
	f.running.ran_ns = DEATH_LONG_MS * MS;
	check(f, DEATH_OUTSIDE, true, "signal 9 (Killed)");
}

static void a_turn_set_aside_is_to_blame_for_its_length_alone(void **state)
{
	struct death_facts f = facts(KILLED(SIGKILL), SCOREBOARD_MESSAGE, DEATH_LONG_MS);

	(void)state;
	f.running.aside = true; /* others have run since its slice began */
	check(f, DEATH_OUTSIDE, false, "signal 9 (Killed)");
	f.running.ran_ns = DEATH_LONG_MS * MS;
	check(f, DEATH_OUTSIDE, true, "signal 9 (Killed)");
	f.order = DEATH_ORDER_HANG;
	check(f, DEATH_HANG, false, "hang");
}

static void memory_that_ran_out_is_to_blame(void **state)
{
	struct death_facts f = facts(KILLED(SIGKILL), SCOREBOARD_MESSAGE, 0);

	(void)state;
	f.out_of_memory = true;
	check(f, DEATH_MEMORY, true, "out of memory");
}

static void a_hang_is_to_blame_unless_somebody_stopped_it(void **state)
{
	struct death_facts f = facts(KILLED(SIGKILL), SCOREBOARD_MESSAGE, 5000);

	(void)state;
	f.order = DEATH_ORDER_HANG;
	check(f, DEATH_HANG, true, "hang");
	f.order = DEATH_ORDER_STOPPED;
	f.alive_at_ns = 1 * MS; /* the turn had just begun when it was last heard of */
	check(f, DEATH_STOPPED, false, "stopped by a signal");
	f.order = DEATH_ORDER_OTHER;
	check(f, DEATH_ORDERED, false, "signal 9 (Killed)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_of_its_own_is_to_blame),
		cmocka_unit_test(nothing_ran_nobody_is_to_blame),
		cmocka_unit_test(somebody_elses_signal_is_a_coincidence_unless_the_turn_was_long),
		cmocka_unit_test(a_turn_set_aside_is_to_blame_for_its_length_alone),
		cmocka_unit_test(memory_that_ran_out_is_to_blame),
		cmocka_unit_test(a_hang_is_to_blame_unless_somebody_stopped_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
