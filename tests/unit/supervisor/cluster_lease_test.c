/* The two ends of a lease, read aloud. Times are milliseconds here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/cluster/lease.h"
#include "tests/unit/supervisor/cluster_says.h"

#define TTL 3000

static uint64_t ms(uint64_t n)
{
	return n * 1000000;
}

static void a_lease_starts_when_it_is_applied_and_ends_a_ttl_after_it_was_sent(void **state)
{
	struct lease l;

	(void)state;
	lease_init(&l, TTL, 4);
	assert_false(lease_valid(&l, ms(100)));
	assert_int_equal(lease_next_renewal(&l, ms(100)), ms(100));
	assert_int_equal(lease_sent(&l, ms(100)), 1);
	assert_false(lease_valid(&l, ms(101)));
	assert_false(lease_begun(&l));
	assert_true(lease_applied(&l, 4, 1));
	assert_true(lease_begun(&l));
	assert_true(lease_valid(&l, ms(3099)));
	assert_false(lease_valid(&l, ms(3100)));
	assert_int_equal(lease_until(&l), ms(3100));
	assert_int_equal(lease_next_renewal(&l, ms(200)), ms(700));
}

static void renewals_of_others_and_twice_applied_ones_prolong_nothing(void **state)
{
	struct lease l;

	(void)state;
	lease_init(&l, TTL, 4);
	lease_sent(&l, ms(100));
	assert_false(lease_applied(&l, 3, 1));
	assert_false(lease_applied(&l, 4, 2));
	assert_false(lease_applied(&l, 4, 0));
	assert_false(lease_begun(&l));
	assert_true(lease_applied(&l, 4, 1));
	assert_false(lease_applied(&l, 4, 1));
}

static void a_late_one_never_shortens_it_and_the_oldest_are_forgotten(void **state)
{
	struct lease l;

	(void)state;
	lease_init(&l, TTL, 1);
	for (uint64_t i = 1; i <= LEASE_OUTSTANDING + 1; i++)
		assert_int_equal(lease_sent(&l, ms(i * 600)), i);
	assert_false(lease_applied(&l, 1, 1));
	assert_true(lease_applied(&l, 1, 4));
	assert_false(lease_applied(&l, 1, 3));
	assert_int_equal(lease_until(&l), ms(4 * 600 + TTL));
}

static void who_was_declared_down_begins_again(void **state)
{
	struct lease l;

	(void)state;
	lease_init(&l, TTL, 1);
	lease_sent(&l, ms(100));
	lease_sent(&l, ms(700));
	assert_true(lease_applied(&l, 1, 1));
	lease_reset(&l);
	assert_false(lease_valid(&l, ms(800)));
	assert_true(lease_applied(&l, 1, 2));
	assert_true(lease_valid(&l, ms(800)));
}

static void the_watchdog_waits_a_tenth_longer_than_the_lease(void **state)
{
	struct machine m = says_cluster(true, 4, 2);
	struct watchdog w;
	struct watchdog_member due[4];

	(void)state;
	watchdog_init(&w, TTL);
	assert_int_equal(watchdog_next(&w), UINT64_MAX);
	watchdog_lead(&w, &m, ms(1000));
	assert_int_equal(watchdog_next(&w), ms(4300));
	says_renew(&m, 1, 1, 2);
	watchdog_follow(&w, &m, ms(2000));
	assert_int_equal(watchdog_due(&w, ms(4299), due, 4), 0);
	assert_int_equal(watchdog_due(&w, ms(4300), due, 4), 1);
	assert_true(due[0].id == 2 && due[0].incarnation == 1 && due[0].renewal == 1);
	watchdog_heard(&w, 2, 1, 2, ms(4200));
	assert_int_equal(watchdog_due(&w, ms(4300), due, 4), 0);
	assert_int_equal(watchdog_due(&w, ms(9000), due, 1), 1);
	machine_fini(&m);
}

static void a_new_leader_gives_everybody_the_whole_time(void **state)
{
	struct machine m = says_cluster(true, 4, 3);
	struct watchdog w;
	struct watchdog_member due[4];

	(void)state;
	watchdog_init(&w, TTL);
	watchdog_lead(&w, &m, ms(1000));
	watchdog_lead(&w, &m, ms(4000));
	assert_int_equal(watchdog_due(&w, ms(4300), due, 4), 0);
	assert_int_equal(watchdog_due(&w, ms(7300), due, 4), 3);
	/* Down, removed: nobody waits for it any more. Back: it is waited for again. */
	says_dead(&m, 2);
	watchdog_follow(&w, &m, ms(7300));
	assert_int_equal(watchdog_due(&w, ms(7300), due, 4), 2);
	says_renew(&m, 2, 1, 2);
	watchdog_follow(&w, &m, ms(7400));
	assert_int_equal(watchdog_due(&w, ms(7400), due, 4), 2);
	assert_int_equal(watchdog_due(&w, ms(10700), due, 4), 3);
	machine_fini(&m);
}

static void a_pause_of_its_own_is_no_silence_of_others(void **state)
{
	struct machine m = says_cluster(true, 4, 2);
	struct watchdog w;
	struct watchdog_member due[4];

	(void)state;
	watchdog_init(&w, TTL);
	watchdog_lead(&w, &m, ms(1000));
	watchdog_heard(&w, 2, 1, 2, ms(9000)); /* the first that it reads when it goes on */
	watchdog_stood_still(&w, ms(2000), ms(9000));
	assert_int_equal(watchdog_due(&w, ms(11299), due, 4), 0);
	assert_int_equal(watchdog_due(&w, ms(11300), due, 4), 1);
	assert_int_equal(due[0].id, 1);
	assert_int_equal(watchdog_due(&w, ms(12300), due, 4), 2);
	machine_fini(&m);
}

static void a_time_without_a_leader_is_no_silence_of_anybody(void **state)
{
	struct machine m = says_cluster(true, 4, 2);
	struct watchdog w;
	struct watchdog_member due[4];

	(void)state;
	watchdog_init(&w, TTL);
	watchdog_lead(&w, &m, ms(1000));
	watchdog_heard(&w, 2, 1, 2, ms(3000));
	watchdog_spare(&w, ms(4000), 1200);
	assert_int_equal(watchdog_due(&w, ms(5199), due, 4), 0);
	assert_int_equal(watchdog_due(&w, ms(5200), due, 4), 1);
	assert_int_equal(due[0].id, 1);
	assert_int_equal(watchdog_due(&w, ms(6300), due, 4), 2); /* it had longer anyway */
	machine_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_starts_when_it_is_applied_and_ends_a_ttl_after_it_was_sent),
		cmocka_unit_test(renewals_of_others_and_twice_applied_ones_prolong_nothing),
		cmocka_unit_test(a_late_one_never_shortens_it_and_the_oldest_are_forgotten),
		cmocka_unit_test(who_was_declared_down_begins_again),
		cmocka_unit_test(the_watchdog_waits_a_tenth_longer_than_the_lease),
		cmocka_unit_test(a_new_leader_gives_everybody_the_whole_time),
		cmocka_unit_test(a_pause_of_its_own_is_no_silence_of_others),
		cmocka_unit_test(a_time_without_a_leader_is_no_silence_of_anybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
