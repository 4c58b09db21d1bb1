/* The list of peers: how it is cut, and who founds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/cluster/peers.h"

static void a_list_is_cut_at_commas(void **state)
{
	struct bytes peers[3];

	(void)state;
	assert_int_equal(peers_split("", peers, 3), 0);
	assert_int_equal(peers_split(" ,, ", peers, 3), 0);
	assert_int_equal(peers_split(" a , b:7,,[::1]:9,more", peers, 3), 3);
	assert_true(bytes_equal(peers[0], bytes_of("a")));
	assert_true(bytes_equal(peers[1], bytes_of("b:7")));
	assert_true(bytes_equal(peers[2], bytes_of("[::1]:9")));
}

static void who_comes_first_founds_however_its_port_is_written(void **state)
{
	(void)state;
	assert_true(peers_begin_with("10.0.0.1, 10.0.0.2", "10.0.0.1:51464"));
	assert_true(peers_begin_with("Alpha:7,beta", "alpha:7"));
	assert_true(peers_begin_with("::1", "[::1]:51464"));
	assert_true(peers_begin_with("[::1]", "[::1]:51464"));
	assert_false(peers_begin_with("10.0.0.1:7,10.0.0.2", "10.0.0.1:51464"));
	assert_false(peers_begin_with("10.0.0.2,10.0.0.1", "10.0.0.1:51464"));
	assert_false(peers_begin_with("", "10.0.0.1:51464"));
}

static void most_of_the_list_are_more_than_half_of_it(void **state)
{
	(void)state;
	assert_true(peers_are_most(0, 0)); /* a list of this node alone */
	assert_false(peers_are_most(0, 1));
	assert_true(peers_are_most(1, 1));
	assert_false(peers_are_most(0, 2));
	assert_true(peers_are_most(1, 2));
	assert_false(peers_are_most(1, 3)); /* half of four */
	assert_true(peers_are_most(2, 3));
	assert_false(peers_are_most(1, 4));
	assert_true(peers_are_most(2, 4));
}

static void nobody_asks_itself(void **state)
{
	struct bytes peers[3];

	(void)state;
	assert_int_equal(peers_others("a,b:7,c", "a:51464", peers, 3), 2);
	assert_true(bytes_equal(peers[0], bytes_of("b:7")));
	assert_true(bytes_equal(peers[1], bytes_of("c")));
	assert_int_equal(peers_others("a,b:7", "B:7", peers, 3), 1);
	assert_true(bytes_equal(peers[0], bytes_of("a")));
	assert_int_equal(peers_others("a", "a:51464", peers, 3), 0);
	assert_int_equal(peers_others("", "a:51464", peers, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_cut_at_commas),
		cmocka_unit_test(who_comes_first_founds_however_its_port_is_written),
		cmocka_unit_test(most_of_the_list_are_more_than_half_of_it),
		cmocka_unit_test(nobody_asks_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
