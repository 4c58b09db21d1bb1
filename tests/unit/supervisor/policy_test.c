/* The restart policy, read aloud: what a child's state makes of each event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

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
static void every_path_of_five_events_is_sane(void **state)
{
	enum { LENGTH = 5 };
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
			if (p.state == POLICY_ENDED || p.state == POLICY_WAITING || p.state == POLICY_NEW ||
			    p.state == POLICY_FAILED)
				assert_int_equal(running, 0);
			else
				assert_int_equal(running, 1);
		}
	}
}

/* The whole table, cell by cell: what is not listed changes nothing. */
static const struct {
	enum policy_state from;
	enum policy_event event;
	enum policy_action action;
	enum policy_state to;
} cells[] = {
	{ POLICY_NEW, POLICY_START, POLICY_SPAWN, POLICY_STARTING },
	{ POLICY_NEW, POLICY_DRAIN, POLICY_FINISH, POLICY_ENDED },
	{ POLICY_NEW, POLICY_HURRY, POLICY_FINISH, POLICY_ENDED },
	{ POLICY_STARTING, POLICY_SERVES, POLICY_SERVE, POLICY_READY },
	{ POLICY_STARTING, POLICY_REFUSES, POLICY_AWAIT, POLICY_DYING },
	{ POLICY_STARTING, POLICY_LOST, POLICY_AWAIT, POLICY_DYING },
	{ POLICY_STARTING, POLICY_EXITED, POLICY_DELAY, POLICY_WAITING },
	{ POLICY_STARTING, POLICY_SILENT, POLICY_KILL, POLICY_DYING },
	{ POLICY_STARTING, POLICY_DRAIN, POLICY_ASK, POLICY_DRAINING },
	{ POLICY_STARTING, POLICY_HURRY, POLICY_KILL, POLICY_DRAINING },
	{ POLICY_READY, POLICY_REFUSES, POLICY_AWAIT, POLICY_DYING },
	{ POLICY_READY, POLICY_LOST, POLICY_AWAIT, POLICY_DYING },
	{ POLICY_READY, POLICY_EXITED, POLICY_DELAY, POLICY_WAITING },
	{ POLICY_READY, POLICY_SILENT, POLICY_KILL, POLICY_DYING },
	{ POLICY_READY, POLICY_RECYCLE, POLICY_ASK, POLICY_RECYCLING },
	{ POLICY_READY, POLICY_DRAIN, POLICY_ASK, POLICY_DRAINING },
	{ POLICY_READY, POLICY_HURRY, POLICY_KILL, POLICY_DRAINING },
	{ POLICY_DYING, POLICY_EXITED, POLICY_DELAY, POLICY_WAITING },
	{ POLICY_DYING, POLICY_TIMER, POLICY_KILL, POLICY_DYING },
	{ POLICY_DYING, POLICY_DRAIN, POLICY_AWAIT, POLICY_DRAINING },
	{ POLICY_DYING, POLICY_HURRY, POLICY_KILL, POLICY_DRAINING },
	{ POLICY_WAITING, POLICY_TIMER, POLICY_SPAWN, POLICY_STARTING },
	{ POLICY_WAITING, POLICY_REVIVE, POLICY_SPAWN, POLICY_STARTING },
	{ POLICY_WAITING, POLICY_DRAIN, POLICY_FINISH, POLICY_ENDED },
	{ POLICY_WAITING, POLICY_HURRY, POLICY_FINISH, POLICY_ENDED },
	{ POLICY_RECYCLING, POLICY_EXITED, POLICY_SPAWN, POLICY_STARTING },
	{ POLICY_RECYCLING, POLICY_TIMER, POLICY_KILL, POLICY_RECYCLING },
	{ POLICY_RECYCLING, POLICY_DRAIN, POLICY_ASK, POLICY_DRAINING },
	{ POLICY_RECYCLING, POLICY_HURRY, POLICY_KILL, POLICY_DRAINING },
	{ POLICY_DRAINING, POLICY_EXITED, POLICY_FINISH, POLICY_ENDED },
	{ POLICY_DRAINING, POLICY_TIMER, POLICY_KILL, POLICY_DRAINING },
	{ POLICY_DRAINING, POLICY_HURRY, POLICY_KILL, POLICY_DRAINING },
	{ POLICY_FAILED, POLICY_REVIVE, POLICY_SPAWN, POLICY_STARTING },
	{ POLICY_FAILED, POLICY_INSIST, POLICY_DELAY, POLICY_WAITING },
	{ POLICY_FAILED, POLICY_DRAIN, POLICY_FINISH, POLICY_ENDED },
	{ POLICY_FAILED, POLICY_HURRY, POLICY_FINISH, POLICY_ENDED },
};

static void every_cell_of_the_table_is_as_written_here(void **state)
{
	(void)state;
	for (int from = 0; from < POLICY_STATE_COUNT; from++)
		for (int event = 0; event < POLICY_EVENT_COUNT; event++) {
			struct policy p = { .state = (enum policy_state)from };
			enum policy_action wanted = POLICY_NOTHING, action = step(&p, (enum policy_event)event, 100000);
			enum policy_state to = (enum policy_state)from;

			for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
				if ((int)cells[i].from == from && (int)cells[i].event == event) {
					wanted = cells[i].action;
					to = cells[i].to;
				}
			assert_int_equal(action, wanted);
			assert_int_equal(p.state, to);
			assert_string_not_equal(policy_state_name((enum policy_state)from), "");
			assert_string_not_equal(policy_event_name((enum policy_event)event), "");
		}
}

static struct policy down(void)
{
	struct policy p = serving();

	for (uint64_t i = 0; i <= limits.intensity; i++) {
		step(&p, POLICY_EXITED, 100 + i);
		step(&p, POLICY_TIMER, 100 + i);
	}
	assert_int_equal(p.state, POLICY_FAILED);
	return p;
}

static void who_is_revived_starts_without_a_past(void **state)
{
	struct policy p = down();

	(void)state;
	assert_int_equal(step(&p, POLICY_REVIVE, 200), POLICY_SPAWN);
	for (uint64_t i = 0; i < limits.intensity; i++) {
		assert_int_equal(step(&p, POLICY_EXITED, 201 + i), POLICY_DELAY);
		assert_int_equal(step(&p, POLICY_TIMER, 201 + i), POLICY_SPAWN);
	}
	assert_int_equal(step(&p, POLICY_EXITED, 300), POLICY_GIVE_UP);
}

static void an_asked_for_restart_counts_as_no_death(void **state)
{
	struct policy p = serving();

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		assert_int_equal(step(&p, POLICY_RECYCLE, i), POLICY_ASK);
		assert_int_equal(step(&p, POLICY_LOST, i), POLICY_NOTHING);
		assert_int_equal(step(&p, POLICY_EXITED, i), POLICY_SPAWN);
		assert_int_equal(step(&p, POLICY_SERVES, i), POLICY_SERVE);
	}
	assert_int_equal(p.ended, 0);
}

static void who_cannot_be_replaced_is_tried_for_ever_at_the_slowest_pace(void **state)
{
	struct policy p = down();
	struct policy_decision d = policy_step(&p, &limits, POLICY_INSIST, 1000);

	(void)state;
	assert_int_equal(d.action, POLICY_DELAY);
	assert_int_equal(d.delay, POLICY_BACKOFF_MOST);
	for (uint64_t now = 1000; now < 1000000; now += 100) { /* never stays up for a period */
		assert_int_equal(step(&p, POLICY_TIMER, now), POLICY_SPAWN);
		assert_int_equal(step(&p, POLICY_SERVES, now), POLICY_SERVE);
		d = policy_step(&p, &limits, POLICY_EXITED, now + 50);
		assert_int_equal(d.action, POLICY_DELAY);
		assert_int_equal(d.delay, POLICY_BACKOFF_MOST);
	}
	step(&p, POLICY_TIMER, 2000000);
	step(&p, POLICY_SERVES, 2000000);
	assert_false(policy_settled(&p, &limits, 2000000 + limits.period - 1));
	assert_true(policy_settled(&p, &limits, 2000000 + limits.period));
	/* A whole period served: it is like any other from then on. */
	d = policy_step(&p, &limits, POLICY_EXITED, 2000000 + limits.period);
	assert_int_equal(d.action, POLICY_DELAY);
	assert_int_equal(d.delay, 0);
}

static void what_follows_depends_on_role_and_siblings(void **state)
{
	static const struct {
		enum control_role role;
		uint32_t siblings;
		bool serving, refused;
		enum policy_verdict verdict;
	} rows[] = {
		{ CONTROL_STORE, 0, true, false, POLICY_NODE_ENDS },
		{ CONTROL_STORE, 0, false, false, POLICY_NODE_ENDS },
		{ CONTROL_STORE, 0, true, true, POLICY_NODE_ENDS },
		{ CONTROL_GATEWAY, 0, true, false, POLICY_NODE_ENDS },
		{ CONTROL_GATEWAY, 0, false, false, POLICY_NODE_ENDS },
		{ CONTROL_GATEWAY, 1, true, false, POLICY_STAYS_DOWN },
		{ CONTROL_GATEWAY, 3, false, false, POLICY_STAYS_DOWN },
		{ CONTROL_GATEWAY, 3, false, true, POLICY_NODE_ENDS },
		{ CONTROL_TUNNEL, 0, true, false, POLICY_INSISTS },
		{ CONTROL_TUNNEL, 0, true, true, POLICY_INSISTS },
		{ CONTROL_TUNNEL, 0, false, false, POLICY_NODE_ENDS },
		{ CONTROL_TUNNEL, 0, false, true, POLICY_NODE_ENDS }, /* its secret cannot be read */
		{ CONTROL_ACTOR, 0, true, false, POLICY_INSISTS },
		{ CONTROL_ACTOR, 0, true, true, POLICY_INSISTS },
		{ CONTROL_ACTOR, 0, false, false, POLICY_NODE_ENDS },
		{ CONTROL_ACTOR, 1, true, false, POLICY_STAYS_DOWN },
		{ CONTROL_ACTOR, 1, true, true, POLICY_STAYS_DOWN }, /* revived, and it refused again */
		{ CONTROL_ACTOR, 7, false, false, POLICY_STAYS_DOWN },
		{ CONTROL_ACTOR, 7, false, true, POLICY_NODE_ENDS }, /* its configuration is wrong */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct policy p = { .state = POLICY_FAILED, .refused = rows[i].refused };

		assert_int_equal(policy_verdict(&p, rows[i].role, rows[i].siblings, rows[i].serving), rows[i].verdict);
	}
}

/* Long lives with any events at any times: one process at most, never more restarts in a
 * period than the intensity (unless it insists), and who is down stays so. */
static void random_walks_keep_the_promises(void **state)
{
	(void)state;
	srand(7);
	for (int walk = 0; walk < 2000; walk++) {
		struct policy p = { 0 };
		uint64_t now = 1000000, deaths[POLICY_HISTORY], count = 0;
		bool running = false;

		for (int i = 0; i < 300; i++) {
			enum policy_event event = (enum policy_event)(rand() % POLICY_EVENT_COUNT);
			enum policy_state from = p.state;
			enum policy_action action;

			if (event >= POLICY_DRAIN && rand() % 20 != 0)
				continue; /* else all lives are short */
			if (event == POLICY_EXITED && !running)
				continue;
			now += (uint64_t)(rand() % 4000);
			action = step(&p, event, now);
			running = running && event != POLICY_EXITED;
			assert_false(running && action == POLICY_SPAWN);
			running = running || action == POLICY_SPAWN;
			if (event == POLICY_REVIVE)
				count = action == POLICY_SPAWN ? 0 : count;
			if (event == POLICY_EXITED && from != POLICY_RECYCLING && from != POLICY_DRAINING) {
				deaths[count++ % POLICY_HISTORY] = now;
				if (action == POLICY_DELAY && !p.insists && count > limits.intensity)
					assert_true(now - deaths[(count - 1 - limits.intensity) % POLICY_HISTORY] >= limits.period);
			}
			if (from == POLICY_FAILED && event != POLICY_REVIVE && event != POLICY_INSIST && event < POLICY_DRAIN)
				assert_int_equal(p.state, POLICY_FAILED);
			if (from == POLICY_ENDED)
				assert_int_equal(p.state, POLICY_ENDED);
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
		cmocka_unit_test(every_path_of_five_events_is_sane),
		cmocka_unit_test(backoff_grows_to_its_bound),
		cmocka_unit_test(every_cell_of_the_table_is_as_written_here),
		cmocka_unit_test(who_is_revived_starts_without_a_past),
		cmocka_unit_test(an_asked_for_restart_counts_as_no_death),
		cmocka_unit_test(who_cannot_be_replaced_is_tried_for_ever_at_the_slowest_pace),
		cmocka_unit_test(what_follows_depends_on_role_and_siblings),
		cmocka_unit_test(random_walks_keep_the_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
