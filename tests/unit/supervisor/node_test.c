/* Whole nodes with fake children: starting in order, restarting, draining, reloading,
 * and what the admin socket tells of all that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/supervisor/node_server.h"
#include "tests/unit/supervisor/scratch.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define QUIET "[admin]\nlisten = none\n"
#define TWO_BY_TWO QUIET "[workers]\nactors = 2\ngateways = 2\n"
#define ONE_BY_ONE QUIET "[workers]\nactors = 1\ngateways = 1\n"

static void it_starts_in_order_and_drains_in_order(void **state)
{
	struct node_server s;

	node_start(&s, *state, TWO_BY_TWO, NULL);
	node_await(&s, "child ready child=store");
	node_await(&s, "child ready child=actor/");
	node_await(&s, "child ready child=actor/");
	node_await(&s, "child ready child=gateway/");
	node_await(&s, "child ready child=gateway/");
	node_await(&s, "stage is ready client=127.0.0.1:");
	/* Each actor worker has links with the store and both gateways. */
	assert_non_null(strstr(node_ask(&s, "workers fmt=json\n"),
	                       "\"role\":\"actor\",\"index\":1"));
	node_ask_until(&s, "workers fmt=json\n", "\"shards\":512,\"actors\":3");
	kill(s.pid, SIGTERM);
	node_await(&s, "child drained child=gateway/");
	node_await(&s, "child drained child=gateway/");
	node_await(&s, "child drained child=actor/");
	node_await(&s, "child drained child=actor/");
	node_await(&s, "child drained child=store");
	node_await(&s, "stage has stopped exit=0");
	assert_int_equal(node_wait(&s), 0);
	assert_int_equal(access(scratch_path(*state, "run/admin.sock"), F_OK), -1);
}

static void a_dead_actor_worker_is_replaced_and_its_shards_fenced(void **state)
{
	struct node_server s;
	pid_t former;

	node_start(&s, *state, TWO_BY_TWO "[cluster]\nshards = 4\n", NULL);
	node_await(&s, "stage is ready");
	assert_non_null(strstr(node_ask(&s, "shards fmt=json\n"), "{\"shard\":3,\"node\":\"test\",\"worker\":1,\"epoch\":4097}"));
	former = node_child_pid(&s, "actor", 1);
	kill(former, SIGKILL);
	node_await(&s, "child ended child=actor/1");
	node_await(&s, "child ready child=actor/1");
	assert_int_not_equal(node_child_pid(&s, "actor", 1), former);
	assert_non_null(strstr(node_ask(&s, "shards fmt=json\n"), "{\"shard\":0,\"node\":\"test\",\"worker\":0,\"epoch\":4097}"));
	assert_non_null(strstr(node_ask(&s, "shards fmt=json\n"), "{\"shard\":3,\"node\":\"test\",\"worker\":1,\"epoch\":4098}"));
	assert_non_null(strstr(node_ask(&s, "shards\n"), "= 2-3"));
	/* Everybody knows, and the new one has all its links. */
	node_ask_until(&s, "workers fmt=json\n", "\"restarts\":1,\"shards\":2,\"actors\":3");
	node_ask_until(&s, "actors fmt=json\n", "\"worker\":1");
	assert_int_equal(node_end(&s), 0);
}

static void store_and_gateways_are_replaced_with_new_links(void **state)
{
	struct node_server s;

	node_start(&s, *state, ONE_BY_ONE, NULL);
	node_await(&s, "stage is ready");
	kill(node_child_pid(&s, "store", 0), SIGKILL);
	node_await(&s, "child ready child=store");
	node_ask_until(&s, "workers fmt=json\n", "\"shards\":1024,\"actors\":2");
	kill(node_child_pid(&s, "gateway", 0), SIGKILL);
	node_await(&s, "child ready child=gateway/0");
	node_ask_until(&s, "workers fmt=json\n", "\"shards\":1024,\"actors\":2");
	node_ask_until(&s, "check ready\n", "ok");
	assert_non_null(strstr(node_ask(&s, "check store\n"), "ok"));
	assert_int_equal(node_end(&s), 0);
}

static void a_hung_child_is_killed_and_replaced(void **state)
{
	struct node_server s;

	node_start(&s, *state, ONE_BY_ONE "hang_timeout = 200ms\n", "deaf:actor/0");
	node_await(&s, "stage is ready");
	node_await(&s, "child hangs child=actor/0");
	node_await(&s, "child ended child=actor/0");
	node_await(&s, "child ready child=actor/0");
	assert_int_equal(node_end(&s), 0);
}

static void a_child_that_keeps_dying_ends_the_node(void **state)
{
	struct node_server s;

	node_start(&s, *state, ONE_BY_ONE "restart_intensity = 2\n", "crash:gateway/0");
	node_await(&s, "child cannot be kept running: stage gives up child=gateway/0");
	assert_int_equal(node_wait(&s), 70);
}

static void die(const struct node_server *s, const char *role, unsigned index)
{
	kill(node_child_pid(s, role, index), SIGKILL);
}

static void a_store_that_keeps_dying_ends_the_node(void **state)
{
	struct node_server s;

	node_start(&s, *state, TWO_BY_TWO "restart_intensity = 0\n", NULL);
	node_await(&s, "stage is ready");
	die(&s, "store", 0);
	node_await(&s, "child ended child=store");
	node_await(&s, "child cannot be kept running: stage gives up child=store");
	assert_int_equal(node_wait(&s), 70);
}

static void an_actor_worker_that_keeps_dying_goes_down_until_it_is_restarted(void **state)
{
	struct node_server s;

	node_start(&s, *state, TWO_BY_TWO "restart_intensity = 1\n[cluster]\nshards = 8\n", NULL);
	node_await(&s, "stage is ready");
	die(&s, "actor", 1);
	node_await(&s, "child ready child=actor/1");
	die(&s, "actor", 1);
	node_await(&s, "alarm raised child=actor/1 alarm=worker-down");
	node_ask_until(&s, "workers fmt=json\n", "\"role\":\"actor\",\"index\":1,\"pid\":null,\"state\":\"down\",\"restarts\":1,\"shards\":0");
	assert_non_null(strstr(node_ask(&s, "workers fmt=json\n"), "\"shards\":8,"));
	assert_null(strstr(node_ask(&s, "shards fmt=json\n"), "\"worker\":1"));
	/* Its sibling serves all, so the node is ready, but not well. */
	assert_string_equal(node_ask(&s, "check ready\n"), "ok\n");
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "\"state\":\"degraded\""));
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "\"name\":\"worker-down\""));
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "deaths of actor/1 within 10000 ms: 2; it stays down"));
	assert_non_null(strstr(node_ask(&s, "restart worker=1\n"), "~ actor/1 serves; 4 shards move to it\nok\n"));
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "\"state\":\"serving\""));
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "\"alarms\":[]"));
	assert_non_null(strstr(node_ask(&s, "workers fmt=json\n"), "\"state\":\"ready\",\"restarts\":2,\"shards\":4"));
	assert_null(strstr(node_ask(&s, "shards fmt=json\n"), "\"worker\":null"));
	node_await(&s, "handover done child=actor/1");
	/* Its past is forgotten. */
	die(&s, "actor", 1);
	node_await(&s, "child ready child=actor/1");
	assert_int_equal(node_end(&s), 0);
}

static void a_living_actor_worker_is_replaced_on_request(void **state)
{
	struct node_server s;
	pid_t former;
	const char *answer;

	node_start(&s, *state, TWO_BY_TWO "[cluster]\nshards = 4\n", NULL);
	node_await(&s, "stage is ready");
	former = node_child_pid(&s, "actor", 0);
	answer = node_ask(&s, "restart worker=0\n");
	assert_string_equal(answer, "~ actor/0 lets 2 shards go\n~ actor/0 is drained\n"
	                            "~ it has ended, its successor is started\nok\n");
	assert_int_not_equal(node_child_pid(&s, "actor", 0), former);
	assert_non_null(strstr(node_ask(&s, "shards fmt=json\n"), "{\"shard\":0,\"node\":\"test\",\"worker\":0,\"epoch\":4098}"));
	assert_non_null(strstr(node_ask(&s, "shards fmt=json\n"), "{\"shard\":3,\"node\":\"test\",\"worker\":1,\"epoch\":4097}"));
	/* It was no death, however often it happens. */
	for (int i = 0; i < 7; i++)
		assert_non_null(strstr(node_ask(&s, "restart worker=0\n"), "\nok\n"));
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "\"restarts\":8,\"deaths\":0"));
	assert_int_equal(node_end(&s), 0);
}

static void a_restart_says_what_is_wrong(void **state)
{
	struct node_server s;

	node_start(&s, *state, TWO_BY_TWO, "stubborn:actor/1,relapse:actor/0");
	node_await(&s, "stage is ready");
	assert_non_null(strstr(node_ask(&s, "restart\n"), "err 64 bad-arg "));
	assert_non_null(strstr(node_ask(&s, "restart worker=first\n"), "err 64 bad-arg "));
	assert_non_null(strstr(node_ask(&s, "restart worker=\n"), "err 64 "));
	assert_non_null(strstr(node_ask(&s, "restart 0\n"), "err 64 "));
	assert_non_null(strstr(node_ask(&s, "restart worker=2\n"), "err 64 no-worker there is no such worker: the actor workers are 0 to 1"));
	assert_non_null(strstr(node_ask(&s, "restart worker=0\n"), "err 1 died "));
	/* wait= bounds the waiting alone; meanwhile there is no second one. */
	assert_non_null(strstr(node_ask(&s, "restart worker=1 wait=50\n"), "err 75 late "));
	assert_non_null(strstr(node_ask(&s, "restart worker=0\n"), "err 75 busy "));
	kill(s.pid, SIGTERM);
	kill(s.pid, SIGTERM);
	node_await(&s, "stage has stopped");
	node_wait(&s);
}

static void the_last_actor_worker_is_tried_for_ever(void **state)
{
	struct node_server s;

	node_start(&s, *state, ONE_BY_ONE "restart_intensity = 0\nrestart_period = 300ms\n", NULL);
	node_await(&s, "stage is ready");
	die(&s, "actor", 0);
	node_await(&s, "alarm raised child=actor/0 alarm=worker-down");
	node_await(&s, "child will be restarted child=actor/0 delay_ms=5000");
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "no sibling is left, so it is tried again every 5 s"));
	assert_non_null(strstr(node_ask(&s, "check ready\n"), "err 1 not-ready actor/0 is waiting"));
	node_await(&s, "child ready child=actor/0");
	die(&s, "actor", 0);
	node_await(&s, "child will be restarted child=actor/0 delay_ms=5000");
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "\"name\":\"worker-down\""));
	/* An operator need not wait. */
	assert_non_null(strstr(node_ask(&s, "restart worker=0\n"), "\nok\n"));
	node_await(&s, "alarm over child=actor/0 alarm=worker-down");
	assert_int_equal(node_end(&s), 0);
}

static void who_is_tried_for_ever_is_trusted_after_a_whole_period(void **state)
{
	struct node_server s;

	node_start(&s, *state, ONE_BY_ONE "restart_intensity = 0\nrestart_period = 300ms\nhang_timeout = 200ms\n", NULL);
	node_await(&s, "stage is ready");
	die(&s, "actor", 0);
	node_await(&s, "child ready child=actor/0");
	node_await(&s, "alarm over child=actor/0 alarm=worker-down");
	assert_int_equal(node_end(&s), 0);
}

static void a_gateway_that_keeps_dying_stays_down_but_not_the_last_one(void **state)
{
	struct node_server s;

	node_start(&s, *state, TWO_BY_TWO "restart_intensity = 0\n", NULL);
	node_await(&s, "stage is ready");
	die(&s, "gateway", 1);
	node_await(&s, "alarm raised child=gateway/1 alarm=worker-down");
	assert_string_equal(node_ask(&s, "check ready\n"), "ok\n");
	die(&s, "gateway", 0);
	node_await(&s, "child cannot be kept running: stage gives up child=gateway/0");
	assert_int_equal(node_wait(&s), 70);
}

static void where_there_is_a_secret_there_is_a_tunnel(void **state)
{
	static const char settings[] = "[cluster]\nsecret_file = /x\nlisten = 127.0.0.1:0\n"
		ONE_BY_ONE "restart_intensity = 0\nrestart_period = 300ms\n";
	struct node_server s;

	node_start(&s, *state, settings, NULL);
	node_await(&s, "child ready child=tunnel");
	node_await(&s, "child ready child=store");
	node_await(&s, "other nodes may connect cluster=127.0.0.1:");
	assert_non_null(strstr(node_ask(&s, "status fmt=json\n"), "\"cluster\":\"127.0.0.1:"));
	die(&s, "tunnel", 0);
	node_await(&s, "alarm raised child=tunnel alarm=worker-down");
	node_await(&s, "child will be restarted child=tunnel delay_ms=5000");
	assert_non_null(strstr(node_ask(&s, "check alive\n"), "ok\n")); /* clients live on */
	assert_int_equal(node_end(&s), 0);
	node_start(&s, *state, settings, "refuse:tunnel");
	node_await(&s, "stage cannot start child=tunnel");
	assert_int_equal(node_wait(&s), 74);
}

static void a_refusal_at_start_ends_the_node_with_its_status(void **state)
{
	struct node_server s;

	node_start(&s, *state, ONE_BY_ONE, "refuse:store");
	node_await(&s, "the disk is gone");
	assert_int_equal(node_wait(&s), 74);
}

static void a_broken_class_at_start_is_told_with_its_line(void **state)
{
	struct node_server s;

	scratch_write(*state, "actors/bad.lua", "broken");
	node_start(&s, *state, ONE_BY_ONE, NULL);
	node_await(&s, "bad.lua:2: broken");
	assert_int_equal(node_wait(&s), 78);
}

static void who_does_not_drain_is_killed_by_the_second_signal(void **state)
{
	struct node_server s;

	node_start(&s, *state, ONE_BY_ONE, "stubborn:gateway/0");
	node_await(&s, "stage is ready");
	kill(s.pid, SIGTERM);
	node_await(&s, "child moves child=gateway/0 event=drain");
	kill(s.pid, SIGTERM);
	node_await(&s, "child ended child=gateway/0");
	assert_int_equal(node_wait(&s), 75);
}

static void reload_is_all_or_nothing(void **state)
{
	struct node_server s;

	node_start(&s, *state, TWO_BY_TWO, NULL);
	node_await(&s, "stage is ready");
	assert_non_null(strstr(node_ask(&s, "actors fmt=json\n"), "bundle-1"));
	scratch_write(*state, "actors/bad.lua", "broken");
	assert_non_null(strstr(node_ask(&s, "reload\n"), "= bad.lua:2: broken\nerr 65 classes 1 problem in the classes"));
	assert_non_null(strstr(node_ask(&s, "reload fmt=json\n"), "= {\"file\":\"bad.lua\",\"line\":2,\"message\":\"broken\"}\n"));
	assert_null(strstr(node_ask(&s, "actors fmt=json\n"), "bundle-2"));
	scratch_write(*state, "actors/bad.lua", "good again");
	assert_non_null(strstr(node_ask(&s, "reload\n"), "\nok"));
	assert_null(strstr(node_ask(&s, "actors fmt=json\n"), "bundle-1"));
	assert_non_null(strstr(node_ask(&s, "actors fmt=json\n"), "bundle-4"));
	/* Who restarts gets the classes in force. */
	kill(node_child_pid(&s, "actor", 0), SIGKILL);
	node_await(&s, "child ready child=actor/0");
	assert_null(strstr(node_ask(&s, "actors fmt=json\n"), "bundle-1"));
	/* A mistake in the configuration changes nothing either. */
	scratch_write(*state, "stage.d/1.ini", "[client]\nlisen = x\n");
	assert_non_null(strstr(node_ask(&s, "reload\n"), "1.ini:2: "));
	assert_non_null(strstr(node_ask(&s, "reload\n"), "err 78 configuration "));
	kill(s.pid, SIGHUP);
	node_await(&s, "signal name=SIGHUP");
	node_await(&s, "reload failed exit=78");
	scratch_write(*state, "stage.d/1.ini", "[workers]\nhang_timeout = 7s\n");
	assert_non_null(strstr(node_ask(&s, "reload\n"), "hang_timeout = 7s is in force"));
	assert_non_null(strstr(node_ask(&s, "config origin=1 fmt=json\n"), "\"key\":\"hang_timeout\",\"value\":\"7s\",\"origin\":\"fragment\""));
	assert_int_equal(node_end(&s), 0);
}

static void commands_end_with_one_line_each_and_in_order(void **state)
{
	struct node_server s;
	const char *answer;

	node_start(&s, *state, ONE_BY_ONE, NULL);
	node_await(&s, "stage is ready");
	answer = node_ask(&s, "check alive\r\n\ncheck ready\nfrobnicate\nstatsu\nstatus nonsense\ncheck nonsense\n");
	assert_string_equal(strtok((char *)answer, "\n"), "ok");
	assert_string_equal(strtok(NULL, "\n"), "ok");
	assert_non_null(strstr(strtok(NULL, "\n"), "err 64 bad-verb "));
	assert_non_null(strstr(strtok(NULL, "\n"), "did you mean 'status'?"));
	assert_non_null(strstr(strtok(NULL, "\n"), "err 64 "));
	assert_non_null(strstr(strtok(NULL, "\n"), "err 64 "));
	assert_null(strtok(NULL, "\n"));
	answer = node_ask(&s, "inspect a.1 fmt=json\n#x check alive\n#y inspect nobody.1\n");
	assert_non_null(strstr(answer, "= {\"address\":\"a.1\",\"class\":\"bundle-1\",\"node\":\"test\",\"worker\":0,"));
	assert_non_null(strstr(answer, "#x ok\n"));
	assert_non_null(strstr(answer, "#y err 1 no-actor "));
	assert_non_null(strstr(node_ask(&s, "inspect not/an/address\n"), "err 64 "));
	answer = node_ask(&s, "status fmt=json\n");
	assert_non_null(strstr(answer, "\"listeners\":{\"client\":\"127.0.0.1:"));
	assert_non_null(strstr(answer, "\"sessions\":3"));
	assert_non_null(strstr(answer, "\"sandbox\":\"full: all\""));
	assert_int_equal(node_end(&s), 0);
}

static void status_says_where_sandboxes_differ(void **state)
{
	struct node_server s;
	const char *answer;

	node_start(&s, *state, TWO_BY_TWO, "bare:actor/1");
	node_await(&s, "stage is ready");
	answer = node_ask(&s, "status fmt=json\n");
	assert_non_null(strstr(answer, "\"sandbox\":\"differs: actor/0 full: all | actor/1 off\""));
	assert_int_equal(node_end(&s), 0);
}

static void a_child_that_does_not_answer_makes_it_partial(void **state)
{
	struct node_server s;
	const char *answer;

	node_start(&s, *state, TWO_BY_TWO, "mute:actor/1");
	node_await(&s, "stage is ready");
	answer = node_ask(&s, "actors fmt=json wait=50\n");
	assert_non_null(strstr(answer, "\"worker\":0"));
	assert_null(strstr(answer, "\"worker\":1"));
	assert_non_null(strstr(answer, "err 75 partial "));
	assert_int_equal(node_end(&s), 0);
}

static void a_directory_has_one_server_only(void **state)
{
	struct node_server first, second;

	node_start(&first, *state, ONE_BY_ONE, NULL);
	node_await(&first, "stage is ready");
	node_start(&second, *state, ONE_BY_ONE, NULL);
	node_await(&second, "belongs to a running server");
	assert_int_equal(node_wait(&second), 69);
	assert_non_null(strstr(node_ask(&first, "check ready\n"), "ok"));
	assert_int_equal(node_end(&first), 0);
}

static void shards_are_fixed_when_the_state_is_made(void **state)
{
	struct node_server s;

	node_start(&s, *state, ONE_BY_ONE "[cluster]\nshards = 16\n", NULL);
	node_await(&s, "stage is ready");
	assert_int_equal(node_end(&s), 0);
	node_start(&s, *state, ONE_BY_ONE "[cluster]\nshards = 32\n", NULL);
	node_await(&s, "it is fixed then");
	assert_int_equal(node_wait(&s), 78);
	node_start(&s, *state, ONE_BY_ONE, NULL);
	node_await(&s, "stage is ready");
	/* A later start begins above all epochs of an earlier one. */
	assert_non_null(strstr(node_ask(&s, "shards fmt=json\n"), "\"epoch\":8193}"));
	assert_int_equal(node_end(&s), 0);
}

static void stagectl_finds_it_and_passes_exit_numbers_on(void **state)
{
	struct node_server s;
	char output[8192];

	node_start(&s, *state, "[workers]\nactors = 1\ngateways = 1\n[admin]\nlisten = 127.0.0.1:0\n", NULL);
	node_await(&s, "stage is ready");
	assert_int_equal(node_stagectl(&s, LIST("check", "ready"), output), 0);
	assert_int_equal(node_stagectl(&s, LIST("--json", "workers"), output), 0);
	assert_memory_equal(output, "{\"role\":\"store\"", 15);
	assert_int_equal(node_stagectl(&s, LIST("inspect", "nobody.1"), output), 1);
	assert_int_equal(node_stagectl(&s, LIST("inspct", "a.1"), output), 64);
	assert_non_null(strstr(output, "did you mean inspect?"));
	assert_int_equal(node_stagectl(&s, LIST("inspect"), output), 64);
	assert_int_equal(node_stagectl(&s, LIST("help", "inspect"), output), 0);
	assert_non_null(strstr(output, "inspect ADDRESS"));
	assert_int_equal(node_end(&s), 0);
	assert_int_equal(node_stagectl(&s, LIST("status"), output), 69);
	assert_int_equal(node_stagectl(&s, LIST("help"), output), 0);
}

static void tcp_asks_for_the_token_first(void **state)
{
	struct node_server s;
	char output[8192], address[64] = "";
	const char *token = scratch_path(*state, "state/admin.token");
	struct stat st;

	node_start(&s, *state, "[workers]\nactors = 1\ngateways = 1\n[admin]\nlisten = 127.0.0.1:0\n", NULL);
	node_await(&s, "stage is ready");
	assert_int_equal(sscanf(strstr(node_ask(&s, "status fmt=json\n"), "\"admin\":\"") + 9, "%63[^\"]", address), 1);
	assert_int_equal(stat(token, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(node_stagectl(&s, LIST("--node", address, "--token-file", token, "check", "ready"), output), 0);
	scratch_write(*state, "wrong", "not-the-token-at-all\n");
	assert_int_equal(node_stagectl(&s, LIST("--node", address, "--token-file", scratch_path(*state, "wrong"), "status"), output), 77);
	assert_int_equal(node_stagectl(&s, LIST("--node", address, "status"), output), 64);
	node_await(&s, "audit: denied");
	assert_int_equal(node_end(&s), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
	const struct CMUnitTest tests[] = {
		TEST(it_starts_in_order_and_drains_in_order),
		TEST(a_dead_actor_worker_is_replaced_and_its_shards_fenced),
		TEST(store_and_gateways_are_replaced_with_new_links),
		TEST(a_hung_child_is_killed_and_replaced),
		TEST(a_child_that_keeps_dying_ends_the_node),
		TEST(a_store_that_keeps_dying_ends_the_node),
		TEST(an_actor_worker_that_keeps_dying_goes_down_until_it_is_restarted),
		TEST(a_living_actor_worker_is_replaced_on_request),
		TEST(a_restart_says_what_is_wrong),
		TEST(the_last_actor_worker_is_tried_for_ever),
		TEST(who_is_tried_for_ever_is_trusted_after_a_whole_period),
		TEST(a_gateway_that_keeps_dying_stays_down_but_not_the_last_one),
		TEST(where_there_is_a_secret_there_is_a_tunnel),
		TEST(a_refusal_at_start_ends_the_node_with_its_status),
		TEST(a_broken_class_at_start_is_told_with_its_line),
		TEST(who_does_not_drain_is_killed_by_the_second_signal),
		TEST(reload_is_all_or_nothing),
		TEST(commands_end_with_one_line_each_and_in_order),
		TEST(status_says_where_sandboxes_differ),
		TEST(a_child_that_does_not_answer_makes_it_partial),
		TEST(a_directory_has_one_server_only),
		TEST(shards_are_fixed_when_the_state_is_made),
		TEST(stagectl_finds_it_and_passes_exit_numbers_on),
		TEST(tcp_asks_for_the_token_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
