/* One line of a client parsed, and what is expected of it. */
#ifndef TESTS_UNIT_PROTO_CLIENT_LINE_H
#define TESTS_UNIT_PROTO_CLIENT_LINE_H

#include "tests/unit/proto/support.h"

#include "proto/client.h"
#include "proto/json.h"

/* The request of the last line; its slices point into the copy that was parsed. */
static struct client_request q;
static struct bytes parsed;
static const char *hint;
static char scratch[256];

static inline int forget_line(void **state)
{
	(void)state;
	if (parsed.data)
		heap_free(parsed);
	parsed = (struct bytes){ NULL, 0 };
	return 0;
}

static inline enum error_code parse_bytes(struct bytes line)
{
	forget_line(NULL);
	parsed = heap_copy(line);
	memset(&q, 0xa5, sizeof(q));
	return client_parse(parsed, &q, scratch, &hint);
}

static inline enum error_code parse(const char *line)
{
	return parse_bytes(bytes_of(line));
}

static inline void is_fine(const char *line)
{
	enum error_code code = parse(line);

	if (code != ERROR_NONE)
		fail_msg("`%s`: %s %s", line, error_rows[code].name, hint);
	assert_null(hint);
}

/* Every hint is one JSON object, in scratch or static. */
static inline void hint_is_json(const char *line)
{
	struct buffer out = { 0 };

	assert_non_null(hint);
	if (hint[0] != '{' || json_parse(bytes_of(hint), &out, NULL) != JSON_OK)
		fail_msg("`%s` is answered with `%s`", line, hint);
	buffer_fini(&out);
}

static inline void is_answered(const char *line, enum error_code expected, const char *in_hint)
{
	enum error_code code = parse(line);

	if (code != expected)
		fail_msg("`%s`: %s, expected %s", line, error_rows[code].name, error_rows[expected].name);
	hint_is_json(line);
	if (strstr(hint, in_hint) == NULL)
		fail_msg("`%s` is answered with `%s`, not with `%s`", line, hint, in_hint);
}

#endif
