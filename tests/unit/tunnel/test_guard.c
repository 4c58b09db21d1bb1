/* The guard of the cluster listener: who may begin a handshake, and when again. */
#include "worker/tunnel/guard.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 UINT64_C(5000) /* ms */
#define HOUR UINT64_C(3600000)

static struct guard *guard_of(uint32_t rate, uint32_t failures)
{
	struct guard *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->limits = (struct guard_limits){ rate, failures };
	return g;
}

static void strangers_begin_so_many_a_second(void **state)
{
	struct guard *g = guard_of(4, 1000);
	char host[GUARD_HOST_MAX];

	(void)state;
	for (int i = 0; i < 4; i++) {
		snprintf(host, sizeof(host), "10.0.0.%d", i);
		assert_int_equal(guard_ask(g, host, T0), GUARD_ENTERS);
	}
	assert_int_equal(guard_ask(g, "10.0.0.9", T0), GUARD_CROWD);
	assert_int_equal(guard_ask(g, "10.0.0.9", T0 + 249), GUARD_CROWD); /* what is refused costs nobody anything */
	assert_int_equal(guard_ask(g, "10.0.0.9", T0 + 250), GUARD_ENTERS);
	assert_int_equal(guard_ask(g, "10.0.0.9", T0 + 250), GUARD_CROWD);
	for (int i = 0; i < 4; i++) /* no more than a second's is saved up */
		assert_int_equal(guard_ask(g, "10.0.0.9", T0 + 60000), GUARD_ENTERS);
	assert_int_equal(guard_ask(g, "10.0.0.9", T0 + 60000), GUARD_CROWD);
	free(g);
}

static void who_fails_too_often_waits(void **state)
{
	struct guard *g = guard_of(1000, 3);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(guard_ask(g, "10.0.0.1", T0), GUARD_ENTERS);
		guard_failed(g, "10.0.0.1", T0);
	}
	assert_int_equal(guard_ask(g, "10.0.0.1", T0), GUARD_FAILED);
	assert_int_equal(guard_ask(g, "10.0.0.2", T0), GUARD_ENTERS);
	assert_int_equal(guard_ask(g, "10.0.0.1", T0 + 19999), GUARD_FAILED);
	assert_int_equal(guard_ask(g, "10.0.0.1", T0 + 20000), GUARD_ENTERS);
	guard_failed(g, "10.0.0.1", T0 + 20000);
	assert_int_equal(guard_ask(g, "10.0.0.1", T0 + 20000), GUARD_FAILED);
	free(g);
}

static void who_is_known_is_not_kept_out(void **state)
{
	struct guard *g = guard_of(1, 1);

	(void)state;
	guard_failed(g, "10.0.0.1", T0);
	assert_int_equal(guard_ask(g, "10.0.0.1", T0), GUARD_FAILED);
	guard_knows(g, "10.0.0.1", T0);
	assert_int_equal(guard_ask(g, "10.0.0.2", T0), GUARD_ENTERS);
	assert_int_equal(guard_ask(g, "10.0.0.3", T0), GUARD_CROWD);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(guard_ask(g, "10.0.0.1", T0), GUARD_KNOWS);
		guard_failed(g, "10.0.0.1", T0);
	}
	assert_int_equal(guard_ask(g, "10.0.0.1", T0 + HOUR - 1), GUARD_KNOWS);
	assert_int_equal(guard_ask(g, "10.0.0.1", T0 + HOUR), GUARD_ENTERS);
	free(g);
}

static void strangers_do_not_crowd_out_who_is_known(void **state)
{
	struct guard *g = guard_of(1000000, 1);
	char host[GUARD_HOST_MAX];

	(void)state;
	guard_knows(g, "10.0.0.1", T0);
	for (unsigned i = 0; i < 3 * GUARD_STRANGERS; i++) {
		snprintf(host, sizeof(host), "10.1.%u.%u", i / 256, i % 256);
		guard_failed(g, host, T0 + 1 + i);
	}
	assert_int_equal(guard_ask(g, "10.0.0.1", T0 + 9999), GUARD_KNOWS);
	/* Of strangers the last are remembered. */
	assert_int_equal(guard_ask(g, host, T0 + 9999), GUARD_FAILED);
	assert_int_equal(guard_ask(g, "10.1.0.0", T0 + 9999), GUARD_ENTERS);
	/* Of the known ones too. */
	for (unsigned i = 0; i < GUARD_KNOWN; i++) {
		snprintf(host, sizeof(host), "10.2.0.%u", i);
		guard_knows(g, host, T0 + 10000);
	}
	assert_int_equal(guard_ask(g, host, T0 + 10000), GUARD_KNOWS);
	assert_int_equal(guard_ask(g, "10.0.0.1", T0 + 10000), GUARD_ENTERS);
	free(g);
}

static void a_host_is_logged_once_an_hour(void **state)
{
	struct guard *g = guard_of(1, 1);

	(void)state;
	assert_true(guard_logs(g, "10.0.0.1", T0));
	assert_false(guard_logs(g, "10.0.0.1", T0 + HOUR - 1));
	assert_true(guard_logs(g, "10.0.0.2", T0 + HOUR - 1));
	assert_true(guard_logs(g, "10.0.0.1", T0 + HOUR));
	free(g);
}

static const char *host_of(int family, const char *text)
{
	static char host[GUARD_HOST_MAX];
	struct sockaddr_storage peer = { .ss_family = (sa_family_t)family };
	void *to = family == AF_INET ? (void *)&((struct sockaddr_in *)&peer)->sin_addr : (void *)&((struct sockaddr_in6 *)&peer)->sin6_addr;

	if (family != AF_UNIX)
		assert_int_equal(inet_pton(family, text, to), 1);
	guard_host(&peer, host);
	return host;
}

static void a_host_is_an_address_or_the_first_half_of_one(void **state)
{
	(void)state;
	assert_string_equal(host_of(AF_INET, "10.0.0.1"), "10.0.0.1");
	assert_string_equal(host_of(AF_INET6, "::ffff:10.0.0.1"), "10.0.0.1");
	assert_string_equal(host_of(AF_INET6, "2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
	assert_string_equal(host_of(AF_INET6, "2001:db8:1:2:ffff::1"), "2001:db8:1:2::");
	assert_string_equal(host_of(AF_UNIX, NULL), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_begin_so_many_a_second),
		cmocka_unit_test(who_fails_too_often_waits),
		cmocka_unit_test(who_is_known_is_not_kept_out),
		cmocka_unit_test(strangers_do_not_crowd_out_who_is_known),
		cmocka_unit_test(a_host_is_logged_once_an_hour),
		cmocka_unit_test(a_host_is_an_address_or_the_first_half_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
