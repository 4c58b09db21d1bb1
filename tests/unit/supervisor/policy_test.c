/* The restart policy, read aloud: what a child's state makes of each event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/policy.h"

static const struct policy_limits limits = { .intensity = 3, .period = 10000 };

static enum policy_action step(struct policy *p, enum policy_event event, uint64_t now)
{
	return policy_step(p, &limits, event, now).action;
}

static struct policy serving(void)
{
	struct policy p = { 0 };

	assert_int_equal(step(&p, POLICY_START, 0), POLICY_SPAWN);
	assert_int_equal(step(&p, POLICY_SERVES, 0), POLICY_SERVE);
	assert_int_equal(p.state, POLICY_READY);
	return p;
}

static void a_child_lives_and_ends_as_asked(void **state)
{
	struct policy p = serving();

	(void)state;
	assert_int_equal(step(&p, POLICY_DRAIN, 1), POLICY_ASK);
	assert_int_equal(step(&p, POLICY_LOST, 2), POLICY_NOTHING);
	assert_int_equal(step(&p, POLICY_EXITED, 3), POLICY_FINISH);
	assert_int_equal(p.state, POLICY_ENDED);
	for (int event = 0; event < POLICY_EVENT_COUNT; event++)
		assert_int_equal(step(&p, (enum policy_event)event, 4), POLICY_NOTHING);
}

static void the_first_restart_is_immediate_the_next_ones_wait_longer(void **state)
{
	struct policy p = serving();
	static const uint64_t delays[] = { 0, 50, 100 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct policy_decision d = policy_step(&p, &limits, POLICY_EXITED, 1000 + (uint64_t)i);
		assert_int_equal(d.action, POLICY_DELAY);
		assert_int_equal(d.delay, delays[i]);
		assert_int_equal(step(&p, POLICY_TIMER, 1000), POLICY_SPAWN);
	}
	assert_int_equal(step(&p, POLICY_EXITED, 1010), POLICY_GIVE_UP);
	assert_int_equal(p.state, POLICY_FAILED);
	assert_int_equal(step(&p, POLICY_DRAIN, 1011), POLICY_FINISH);
}

static void ends_that_are_far_apart_are_forgiven(void **state)
{
	struct policy p = serving();

	(void)state;
	for (uint64_t i = 1; i <= 500; i++) {
		struct policy_decision d = policy_step(&p, &limits, POLICY_EXITED, i * limits.period);
		assert_int_equal(d.action, POLICY_DELAY);
		assert_int_equal(d.delay, 0);
		assert_int_equal(step(&p, POLICY_TIMER, i * limits.period), POLICY_SPAWN);
	}
}

static void a_very_large_intensity_is_never_exceeded(void **state)
{
	const struct policy_limits many = { .intensity = 1000000, .period = UINT64_MAX };
	struct policy p = serving();

	(void)state;
	for (uint64_t i = 1; i <= 1000; i++) {
		assert_int_equal(policy_step(&p, &many, POLICY_EXITED, i).action, POLICY_DELAY);
		assert_int_equal(policy_step(&p, &many, POLICY_TIMER, i).action, POLICY_SPAWN);
	}
}

static void no_restarts_at_all_may_be_configured(void **state)
{
	const struct policy_limits none = { .intensity = 0, .period = 10000 };
	struct policy p = serving();

	(void)state;
	assert_int_equal(policy_step(&p, &none, POLICY_EXITED, 5).action, POLICY_GIVE_UP);
}

static void who_refuses_before_it_ever_served_is_not_tried_again(void **state)
{
	struct policy p = { 0 };

	(void)state;
	step(&p, POLICY_START, 0);
	assert_int_equal(step(&p, POLICY_REFUSES, 1), POLICY_AWAIT);
	assert_int_equal(step(&p, POLICY_LOST, 2), POLICY_NOTHING);
	assert_int_equal(step(&p, POLICY_EXITED, 3), POLICY_GIVE_UP);
	assert_true(p.refused);
}

static void who_has_served_gets_another_try(void **state)
{
	struct policy p = serving();

	(void)state;
	assert_int_equal(step(&p, POLICY_EXITED, 1), POLICY_DELAY);
	assert_int_equal(step(&p, POLICY_TIMER, 2), POLICY_SPAWN);
	assert_int_equal(step(&p, POLICY_REFUSES, 3), POLICY_AWAIT);
	assert_int_equal(step(&p, POLICY_EXITED, 4), POLICY_DELAY);
	assert_false(p.refused);
}

static void the_silent_are_killed_and_restarted(void **state)
{
	struct policy p = serving();

	(void)state;
	assert_int_equal(step(&p, POLICY_SILENT, 1), POLICY_KILL);
	assert_int_equal(p.state, POLICY_DYING);
	assert_int_equal(step(&p, POLICY_SERVES, 2), POLICY_NOTHING);
	assert_int_equal(step(&p, POLICY_EXITED, 3), POLICY_DELAY);
}

static void who_closes_its_channel_and_stays_is_killed(void **state)
{
	struct policy p = serving();

	(void)state;
	assert_int_equal(step(&p, POLICY_LOST, 1), POLICY_AWAIT);
	assert_int_equal(step(&p, POLICY_TIMER, 2), POLICY_KILL);
	assert_int_equal(p.state, POLICY_DYING);
}

static void who_does_not_drain_in_time_is_killed(void **state)
{
	struct policy p = serving();

	(void)state;
	step(&p, POLICY_DRAIN, 1);
	assert_int_equal(step(&p, POLICY_TIMER, 2), POLICY_KILL);
	assert_int_equal(p.state, POLICY_DRAINING);
	assert_int_equal(step(&p, POLICY_EXITED, 3), POLICY_FINISH);
}

static void a_stop_ends_what_waits_for_its_restart(void **state)
{
	struct policy p = serving();

	(void)state;
	step(&p, POLICY_EXITED, 1);
	assert_int_equal(p.state, POLICY_WAITING);
	assert_int_equal(step(&p, POLICY_DRAIN, 2), POLICY_FINISH);
	assert_int_equal(step(&p, POLICY_TIMER, 3), POLICY_NOTHING);
}

/* Whatever happens in whatever order: after DRAIN and its exit nothing runs, and no
 * event ever spawns a process beside a living one. */
static void every_path_of_six_events_is_sane(void **state)
{
	enum { LENGTH = 6 };
	uint32_t paths = 1;

	(void)state;
	for (int i = 0; i < LENGTH; i++)
		paths *= POLICY_EVENT_COUNT;
	for (uint32_t path = 0; path < paths; path++) {
		struct policy p = { 0 };
		int running = 0;
		uint32_t rest = path;

		for (int i = 0; i < LENGTH; i++, rest /= POLICY_EVENT_COUNT) {
			enum policy_event event = (enum policy_event)(rest % POLICY_EVENT_COUNT);
			enum policy_action action;

			if (event == POLICY_EXITED && !running)
				continue; /* there is nothing that could exit */
			running -= event == POLICY_EXITED;
			action = step(&p, event, (uint64_t)i);
			assert_int_not_equal(action, POLICY_RESTART);
			running += action == POLICY_SPAWN;
			assert_in_range(running, 0, 1);
			if (p.state == POLICY_ENDED || p.state == POLICY_WAITING || p.state == POLICY_DOWN ||
			    p.state == POLICY_FAILED)
				assert_int_equal(running, 0);
			else
				assert_int_equal(running, 1);
		}
	}
}

static void backoff_grows_to_its_bound(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (uint32_t n = 1; n < 100; n++) {
		assert_true(policy_backoff(n) >= last);
		last = policy_backoff(n);
	}
	assert_int_equal(last, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_lives_and_ends_as_asked),
		cmocka_unit_test(the_first_restart_is_immediate_the_next_ones_wait_longer),
		cmocka_unit_test(ends_that_are_far_apart_are_forgiven),
		cmocka_unit_test(a_very_large_intensity_is_never_exceeded),
		cmocka_unit_test(no_restarts_at_all_may_be_configured),
		cmocka_unit_test(who_refuses_before_it_ever_served_is_not_tried_again),
		cmocka_unit_test(who_has_served_gets_another_try),
		cmocka_unit_test(the_silent_are_killed_and_restarted),
		cmocka_unit_test(who_closes_its_channel_and_stays_is_killed),
		cmocka_unit_test(who_does_not_drain_in_time_is_killed),
		cmocka_unit_test(a_stop_ends_what_waits_for_its_restart),
		cmocka_unit_test(every_path_of_six_events_is_sane),
		cmocka_unit_test(backoff_grows_to_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
