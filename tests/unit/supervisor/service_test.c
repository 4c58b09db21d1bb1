/* What a service manager is told, read aloud: which lines follow from which facts, when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "supervisor/service.h"

static struct service_facts facts_of_four(void)
{
	return (struct service_facts){ .processes = 4, .client = "*:51463", .heard_at = UINT64_MAX };
}

static struct service_facts serving(uint64_t heard_at)
{
	struct service_facts f = facts_of_four();

	f.serving = true;
	f.ready = f.running = 4;
	f.heard_at = heard_at;
	return f;
}

/* What was said, valid until the next time. */
static const char *text_of(struct buffer *take_out)
{
	static char text[1024];
	struct bytes said = buffer_bytes(take_out);

	snprintf(text, sizeof(text), "%.*s", (int)said.len, said.len > 0 ? said.data : "");
	buffer_fini(take_out);
	return text;
}

static const char *update(struct service *s, const struct service_facts *facts, uint64_t now)
{
	struct buffer out = { 0 };

	service_update(s, facts, now, &out);
	return text_of(&out);
}

static const char *reload_begins(struct service *s, const struct service_facts *facts, uint64_t now_us)
{
	struct buffer out = { 0 };

	service_reload_begins(s, facts, now_us, &out);
	return text_of(&out);
}

static const char *reload_ends(struct service *s, const struct service_facts *facts, const char *why)
{
	struct buffer out = { 0 };

	service_reload_ends(s, facts, why, &out);
	return text_of(&out);
}

/* One that is ready, with a watchdog of 1000 ms, at the time 1000. */
static struct service ready(void)
{
	struct service s = { .watchdog = 1000 };
	const struct service_facts f = serving(1000);

	assert_string_equal(update(&s, &f, 1000), "READY=1\nSTATUS=serving *:51463: 4 of 4 processes ready\n");
	return s;
}

static void nobody_is_told_that_it_is_ready_before_it_serves(void **state)
{
	struct service s = { 0 };
	struct service_facts f = facts_of_four();

	(void)state;
	f.awaited = "store";
	f.awaited_state = "starting";
	assert_string_equal(update(&s, &f, 0), "STATUS=starting: 0 of 4 processes ready, store is starting\n");
	assert_string_equal(update(&s, &f, 1), "");
	f.ready = 4;
	f.awaited = NULL;
	assert_string_equal(update(&s, &f, 2), "STATUS=starting: 4 of 4 processes ready\n");
	f.serving = true;
	assert_string_equal(update(&s, &f, 3), "READY=1\nSTATUS=serving *:51463: 4 of 4 processes ready\n");
	assert_string_equal(update(&s, &f, 4), "");
}

static void the_status_lives(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(1000);

	(void)state;
	f.ready = 3;
	f.restarts = 1;
	f.awaited = "actor/0";
	f.awaited_state = "waiting";
	assert_string_equal(update(&s, &f, 1001),
	                    "STATUS=serving *:51463: 3 of 4 processes ready, actor/0 is waiting, 1 restart\n");
	f = serving(1000);
	f.restarts = 2;
	f.alarms = 1;
	f.alarm = "the disk\nREADY=1 is f\xc3\xbcll";
	assert_string_equal(update(&s, &f, 1002), "STATUS=serving *:51463: 4 of 4 processes ready, 2 restarts, 1 alarm "
	                                          "(the disk?READY=1 is f??ll)\n");
}

static void a_very_long_text_is_cut(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(1000);
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	f.alarms = 1;
	f.alarm = text;
	assert_int_equal(strlen(update(&s, &f, 1001)), strlen("STATUS=\n") + sizeof(s.status) - 1);
	assert_string_equal(update(&s, &f, 1002), "");
}

static void the_watchdog_is_petted_at_half_its_time(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(1400);

	(void)state;
	assert_string_equal(update(&s, &f, 1499), "");
	assert_string_equal(update(&s, &f, 1500), "WATCHDOG=1\n");
	f.heard_at = 1900;
	assert_string_equal(update(&s, &f, 1999), "");
	assert_string_equal(update(&s, &f, 2000), "WATCHDOG=1\n");
}

static void it_is_not_petted_while_anybody_is_silent(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(1000); /* somebody was last heard when it became ready */

	(void)state;
	for (uint64_t now = 1001; now < 10000; now++)
		assert_string_equal(update(&s, &f, now), "");
	f.heard_at = 10000;
	assert_string_equal(update(&s, &f, 10001), "WATCHDOG=1\n");
	assert_string_equal(update(&s, &f, 10400), "");
}

static void a_late_answer_is_early_enough(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(1000);

	(void)state;
	assert_string_equal(update(&s, &f, 1500), "");
	f.heard_at = 1620;
	assert_string_equal(update(&s, &f, 1625), "WATCHDOG=1\n");
}

static void who_is_being_restarted_does_not_count(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(UINT64_MAX);

	(void)state;
	assert_string_equal(update(&s, &f, 1500), "WATCHDOG=1\n");
}

static void without_a_watchdog_nobody_is_petted(void **state)
{
	struct service s = { 0 };
	struct service_facts f = serving(UINT64_MAX);

	(void)state;
	update(&s, &f, 0);
	assert_string_equal(update(&s, &f, 1000000), "");
	assert_true(service_tick(&s) == UINT64_MAX);
	s.watchdog = 30000;
	assert_int_equal(service_tick(&s), 3750);
}

static void a_reload_says_whether_it_took(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(1000);

	(void)state;
	assert_string_equal(reload_begins(&s, &f, 1234567), "RELOADING=1\nMONOTONIC_USEC=1234567\n"
	                                                    "STATUS=reloading *:51463: 4 of 4 processes ready\n");
	assert_string_equal(reload_ends(&s, &f, NULL),
	                    "READY=1\nSTATUS=serving *:51463: 4 of 4 processes ready; the last reload took\n");
	assert_non_null(strstr(reload_begins(&s, &f, 2), "STATUS=reloading *:51463: 4 of 4 processes ready\n"));
	assert_string_equal(reload_ends(&s, &f, "1 problem in the classes; nothing was changed"),
	                    "READY=1\nSTATUS=serving *:51463: 4 of 4 processes ready; the last reload failed: "
	                    "1 problem in the classes; nothing was changed\n");
	assert_string_equal(update(&s, &f, 1001), "");
}

static void the_watchdog_is_petted_during_a_reload(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(1400);

	(void)state;
	reload_begins(&s, &f, 1);
	assert_string_equal(update(&s, &f, 1500), "WATCHDOG=1\n");
}

static void a_stop_is_said_once_and_ends_a_reload(void **state)
{
	struct service s = ready();
	struct service_facts f = serving(1000);

	(void)state;
	reload_begins(&s, &f, 1);
	f.serving = false;
	f.stopping = true;
	assert_string_equal(update(&s, &f, 1001), "STOPPING=1\nSTATUS=stopping: 4 processes are left\n");
	f.running = 1;
	assert_string_equal(update(&s, &f, 1002), "STATUS=stopping: 1 process is left\n");
	assert_string_equal(reload_ends(&s, &f, NULL), "");
	assert_string_equal(reload_begins(&s, &f, 2), "");
}

static void a_stop_while_starting_is_no_readiness(void **state)
{
	struct service s = { 0 };
	struct service_facts f = facts_of_four();

	(void)state;
	assert_string_equal(reload_begins(&s, &f, 1), "");
	f.stopping = true;
	assert_string_equal(update(&s, &f, 1), "STOPPING=1\nSTATUS=stopping: 0 processes are left\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_told_that_it_is_ready_before_it_serves),
		cmocka_unit_test(the_status_lives),
		cmocka_unit_test(a_very_long_text_is_cut),
		cmocka_unit_test(the_watchdog_is_petted_at_half_its_time),
		cmocka_unit_test(it_is_not_petted_while_anybody_is_silent),
		cmocka_unit_test(a_late_answer_is_early_enough),
		cmocka_unit_test(who_is_being_restarted_does_not_count),
		cmocka_unit_test(without_a_watchdog_nobody_is_petted),
		cmocka_unit_test(a_reload_says_whether_it_took),
		cmocka_unit_test(the_watchdog_is_petted_during_a_reload),
		cmocka_unit_test(a_stop_is_said_once_and_ends_a_reload),
		cmocka_unit_test(a_stop_while_starting_is_no_readiness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
