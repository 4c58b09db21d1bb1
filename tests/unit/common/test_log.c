/* Log lines: one event is one line, and no field can make it two. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "common/log.h"

static char line[4096];

/* Runs one log call with standard error in a pipe. */
static void capture(void (*say)(void))
{
	int ends[2], former = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	say();
	dup2(former, STDERR_FILENO);
	close(former);
	n = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	line[n > 0 ? n : 0] = '\0';
}

static void say_hostile(void)
{
	log_warnx("something", F_TEXT("text", "a\nb\" c\\ \x01"), F_INT("n", -5), F_UINT("u", 7));
}

static void say_error(void)
{
	log_error("it failed", ENOENT, F_TEXT("file", "x"));
}

static void say_debug(void)
{
	log_debug("unheard");
}

static void text_lines_quote_what_needs_it(void **state)
{
	(void)state;
	log_init("test/0", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	capture(say_hostile);
	assert_non_null(strstr(line, "Z warn  test/0 something text=\"a\\nb\\\" c\\\\ \\u0001\" n=-5 u=7\n"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	capture(say_error);
	assert_non_null(strstr(line, "error test/0 it failed file=x error=\"No such file or directory\"\n"));
}

static void json_lines_are_json(void **state)
{
	(void)state;
	log_init("test/0", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	capture(say_hostile);
	assert_non_null(strstr(line, "\"level\":\"warn\",\"process\":\"test/0\",\"event\":\"something\","
	                             "\"text\":\"a\\nb\\\" c\\\\ \\u0001\",\"n\":-5,\"u\":7}\n"));
}

static void journald_lines_begin_with_their_priority(void **state)
{
	(void)state;
	log_init("test/0", LOG_LEVEL_INFO, LOG_FORMAT_JOURNALD);
	capture(say_error);
	assert_memory_equal(line, "<3>test/0 it failed ", 20);
}

static void below_the_level_nothing_is_said(void **state)
{
	(void)state;
	log_init("test/0", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	capture(say_debug);
	assert_string_equal(line, "");
	log_set_level(LOG_LEVEL_DEBUG);
	capture(say_debug);
	assert_non_null(strstr(line, "debug test/0 unheard\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines_quote_what_needs_it), cmocka_unit_test(json_lines_are_json),
		cmocka_unit_test(journald_lines_begin_with_their_priority), cmocka_unit_test(below_the_level_nothing_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
