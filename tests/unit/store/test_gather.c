/* How long the next group is waited for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "worker/store/gather.h"

#define US 1000u
#define MOST (2000 * US)
#define FLUSH (400 * US)

static uint64_t wanted;

static void those_who_were_answered_are_waited_for(void **state)
{
	struct gather g = { .most_ns = MOST };

	(void)state;
	assert_int_equal(gather_begin(&g, 40, FLUSH, 24, &wanted), MOST);
	assert_int_equal(wanted, 64);
	gather_end(&g, 64);
	assert_int_equal(gather_begin(&g, 64, FLUSH, 0, &wanted), MOST);
	assert_int_equal(wanted, 64);
}

static void one_client_waits_for_nobody_else(void **state)
{
	struct gather g = { .most_ns = MOST };

	(void)state;
	assert_true(gather_begin(&g, 1, FLUSH, 0, &wanted) > 0);
	assert_int_equal(wanted, 1);
}

static void a_wait_is_no_longer_than_eight_flushes(void **state)
{
	struct gather g = { .most_ns = MOST };

	(void)state;
	assert_int_equal(gather_begin(&g, 10, 20 * US, 10, &wanted), 160 * US);
}

static void it_can_be_switched_off(void **state)
{
	struct gather g = { .most_ns = 0 };

	(void)state;
	assert_int_equal(gather_begin(&g, 10, FLUSH, 10, &wanted), 0);
}

static void where_nobody_was_answered_nobody_is_waited_for(void **state)
{
	struct gather g = { .most_ns = MOST };

	(void)state;
	assert_int_equal(gather_begin(&g, 0, FLUSH, 10, &wanted), 0);
}

/* Groups that do not wait until one does. */
static unsigned skipped(struct gather *g)
{
	unsigned n = 0;

	while (gather_begin(g, 10, FLUSH, 5, &wanted) == 0)
		n++;
	return n;
}

static void who_was_waited_for_in_vain_is_not_so_soon_again(void **state)
{
	static const unsigned expected[] = { 0, 0, 0, 0, 1, 3, 7, 15, 31, 63, 63 };
	struct gather g = { .most_ns = MOST };

	(void)state;
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(skipped(&g), expected[i]);
		gather_end(&g, 5 + 4); /* fewer than half of the ten came back */
	}
	assert_int_equal(skipped(&g), 63);
	gather_end(&g, 5 + 5);
	assert_int_equal(skipped(&g), 0);
}

static void where_nobody_comes_nobody_was_kept_waiting(void **state)
{
	struct gather g = { .most_ns = MOST };

	(void)state;
	assert_true(gather_begin(&g, 1, FLUSH, 0, &wanted) > 0);
	gather_end(&g, 0);
	assert_true(gather_begin(&g, 1, FLUSH, 0, &wanted) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test(name)
		T(those_who_were_answered_are_waited_for), T(one_client_waits_for_nobody_else),
		T(a_wait_is_no_longer_than_eight_flushes), T(it_can_be_switched_off),
		T(where_nobody_was_answered_nobody_is_waited_for), T(who_was_waited_for_in_vain_is_not_so_soon_again),
		T(where_nobody_comes_nobody_was_kept_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
