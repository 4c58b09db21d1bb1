/* Settings from ini files: all problems at once, with file, line and the nearest name. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/ini.h"

static struct config config;
static struct buffer errors;

static int set_up(void **state)
{
	(void)state;
	config_init(&config);
	buffer_clear(&errors);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	config_fini(&config);
	buffer_fini(&errors);
	return 0;
}

static int parse(const char *text)
{
	return ini_parse_text(&config, "stage.ini", bytes_of(text), CONFIG_FILE, &errors);
}

static void expect_errors(const char *wanted)
{
	buffer_append(&errors, "", 1);
	assert_string_equal(buffer_bytes(&errors).data, wanted);
}

static void values_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("; a comment\n[client]\nlisten = 127.0.0.1:0\n  max_line=64K ; why\n"
	                       "timeout = 1500ms\n\n[workers]\nactors = 3\nsandbox = off\n"), 0);
	assert_string_equal(config.client.listen, "127.0.0.1:0");
	assert_int_equal(config.client.max_line, 65536);
	assert_int_equal(config.client.timeout, 1500);
	assert_int_equal(config.workers.actors, 3);
	assert_int_equal(config.workers.sandbox, 0);
}

static void every_problem_is_told_with_its_line(void **state)
{
	(void)state;
	assert_int_equal(parse("stray = 1\n[client]\nlisen = x\ntimeout = soon\nnonsense\n[clients]\nlisten = x\n"
	                       "[client]\nauth = token\nauth = none\n"), -22);
	expect_errors("stage.ini:1: key 'stray' stands before any [section]\n"
	              "stage.ini:3: unknown key 'lisen' in [client] (did you mean 'listen'?)\n"
	              "stage.ini:4: [client] timeout: 'soon' is not a time such as 500ms, 5s, 15m or 1h\n"
	              "stage.ini:5: not `key = value`\n"
	              "stage.ini:7: unknown section [clients] (did you mean [client]?)\n"
	              "stage.ini:9: [client] auth: this version does not authenticate clients\n"
	              "stage.ini:10: [client] auth stands here again, after line 9\n");
}

static void long_values_arrive_whole(void **state)
{
	char value[3001], text[3100];

	(void)state;
	memset(value, 'v', 3000);
	value[3000] = '\0';
	snprintf(text, sizeof(text), "[node]\nname = %s\n", value);
	assert_int_equal(parse(text), 0);
	assert_string_equal(config.node.name, value);
}

static void too_long_a_line_is_refused(void **state)
{
	static char text[INI_LINE_MAX + 100];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "[node]\nname=", 12);
	assert_int_equal(parse(text), -22);
	expect_errors("stage.ini:2: the line is longer than 4096 bytes\n");
}

static void line_ends_and_marks_of_other_systems_are_borne(void **state)
{
	(void)state;
	assert_int_equal(parse("\xef\xbb\xbf[node]\r\nname = one\r\n# no\r\n[store]\r\nengine=memory"), 0);
	assert_string_equal(config.node.name, "one");
	assert_int_equal(config.store.engine, CONFIG_ENGINE_MEMORY);
}

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[400];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void fragments_follow_in_order_and_the_environment_wins(void **state)
{
	char directory[] = "/tmp/ini-XXXXXX", path[300], command[400];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/stage.d", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file(directory, "stage.ini", "[client]\ninflight=1\nwatches=1\nsessions=1\n");
	write_file(path, "20.ini", "[client]\nwatches=20\nsessions=20\n");
	write_file(path, "10.ini", "[client]\nwatches=10\n");
	write_file(path, "30.txt", "nonsense");
	setenv("STAGE_CLIENT_SESSIONS", "30", 1);
	snprintf(path, sizeof(path), "%s/stage.ini", directory);
	assert_int_equal(ini_load(&config, path, &errors), 0);
	assert_int_equal(config.client.inflight, 1);
	assert_int_equal(config.client.watches, 20);
	assert_int_equal(config.client.sessions, 30);
	setenv("STAGE_CLIENT_SESSION", "30", 1);
	config_fini(&config);
	config_init(&config);
	assert_int_equal(ini_load(&config, path, &errors), -22);
	unsetenv("STAGE_CLIENT_SESSION");
	unsetenv("STAGE_CLIENT_SESSIONS");
	assert_int_equal(ini_load(&config, "/nonexistent/stage.ini", &errors), -2);
	snprintf(command, sizeof(command), "rm -r '%s'", directory);
	assert_int_equal(system(command), 0);
}

static void passwords_are_not_shown(void **state)
{
	static const struct { const char *url, *shown; } cases[] = {
		{ "", "" },
		{ "postgresql://db1/stage", "postgresql://db1/stage" },
		{ "postgresql://stage@db1:5432/stage", "postgresql://stage@db1:5432/stage" },
		{ "postgresql://stage:sesame@db1:5432/stage", "postgresql://stage:***@db1:5432/stage" },
		{ "postgresql://stage:a@b:c@db1/stage?x=a@b", "postgresql://stage:***@db1/stage?x=a@b" },
		{ "postgresql:///stage?host=/run&password=sesame&sslpassword=s", "postgresql:///stage?host=/run&password=***&sslpassword=***" },
		{ "host=db1 password=sesame dbname=stage", "host=db1 password=*** dbname=stage" },
		{ "password = 'a \\' b' host=db1", "password =*** host=db1" },
		{ "host=db1 passfile=/run/password", "host=db1 passfile=/run/password" },
		{ "password='sesame", "password=***" },
	};
	const struct config_row *row = config_find(BYTES_LITERAL("store"), BYTES_LITERAL("url"));

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer text = { 0 };

		assert_int_equal(config_set(&config, row, bytes_of(cases[i].url), CONFIG_FILE, &errors), 0);
		config_show(&config, row, &text);
		buffer_append(&text, "", 1);
		assert_string_equal(text.data, cases[i].shown);
		buffer_fini(&text);
	}
}

static void every_default_is_within_its_own_bounds(void **state)
{
	(void)state;
	for (const struct config_row *row = config_rows; row->section; row++) {
		struct buffer text = { 0 };

		config_format(&config, row, &text);
		assert_int_equal(config_set(&config, row, buffer_bytes(&text), CONFIG_FILE, &errors), 0);
		assert_non_null(row->help);
		assert_ptr_equal(config_find(bytes_of(row->section), bytes_of(row->key)), row);
		buffer_fini(&text);
	}
}

static void bounds_hold_at_their_edges(void **state)
{
	const struct config_row *row = config_find(BYTES_LITERAL("cluster"), BYTES_LITERAL("shards"));
	static const struct { const char *text; int result; } cases[] = {
		{ "0", -22 }, { "1", 0 }, { "16384", 0 }, { "16385", -22 }, { "-1", -22 }, { "1.5", -22 },
		{ "99999999999999999999", -22 }, { "auto", -22 }, { "", -22 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(config_set(&config, row, bytes_of(cases[i].text), CONFIG_FILE, &errors), cases[i].result);
}

static void addresses_have_a_host_and_a_port(void **state)
{
	static const struct { const char *text, *host; int port; } cases[] = {
		{ "*:51463", "", 51463 }, { "localhost:0", "localhost", 0 }, { "[::1]:9", "::1", 9 },
		{ "::1:9", NULL, 0 }, { "host", NULL, 0 }, { ":1", NULL, 0 }, { "h:65536", NULL, 0 }, { "h:x", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char host[256];
		uint16_t port;
		bool good = config_split_address(bytes_of(cases[i].text), host, &port);

		assert_int_equal(good, cases[i].host != NULL);
		if (good) {
			assert_string_equal(host, cases[i].host);
			assert_int_equal(port, cases[i].port);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(values_are_taken), T(every_problem_is_told_with_its_line), T(long_values_arrive_whole),
		T(too_long_a_line_is_refused), T(line_ends_and_marks_of_other_systems_are_borne),
		T(fragments_follow_in_order_and_the_environment_wins), T(every_default_is_within_its_own_bounds),
		T(bounds_hold_at_their_edges), T(addresses_have_a_host_and_a_port), T(passwords_are_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
