/* Lines of the admin protocol, both ways: nothing points out of the line, and every
 * answer is one line that can be read. */
#include "tests/fuzz/fuzz.h"

#include "proto/admin.h"

static void check_output(struct buffer *out, struct bytes id, int kind)
{
	struct bytes line = buffer_bytes(out);
	struct admin_output output;

	FUZZ_CHECK(line.len > 0 && line.data[line.len - 1] == '\n');
	line.len--;
	FUZZ_CHECK(memchr(line.data, '\n', line.len) == NULL);
	FUZZ_CHECK(admin_parse_output(line, &output));
	FUZZ_CHECK((int)output.kind == kind && bytes_equal(output.id, id));
	FUZZ_CHECK(fuzz_inside(output.text, line) && fuzz_inside(output.code, line));
	buffer_clear(out);
}

static void answer(struct bytes id, struct bytes text)
{
	struct buffer out = { 0 };
	char sentence[64];

	admin_format_data(id, text, &out);
	check_output(&out, id, ADMIN_OUT_DATA);
	admin_format_progress(id, text, &out);
	check_output(&out, id, ADMIN_OUT_PROGRESS);
	admin_format_ok(id, text, &out);
	check_output(&out, id, ADMIN_OUT_OK);
	snprintf(sentence, sizeof(sentence), "%.*s", text.len < 60 ? (int)text.len : 60, text.len ? text.data : "");
	admin_format_error(id, ADMIN_USAGE, "bad-arg", sentence, &out);
	check_output(&out, id, ADMIN_OUT_ERROR);
	buffer_fini(&out);
}

static void check_command(const struct admin_command *c, struct bytes line)
{
	const struct admin_verb_row *row = admin_find(c->verb);
	char scratch[256];

	FUZZ_CHECK(c->verb.len > 0 && fuzz_inside(c->verb, line));
	FUZZ_CHECK(c->argument_count <= ADMIN_ARGS_MAX && c->option_count <= ADMIN_ARGS_MAX);
	for (size_t i = 0; i < c->argument_count; i++)
		FUZZ_CHECK(c->arguments[i].len > 0 && fuzz_inside(c->arguments[i], line));
	for (size_t i = 0; i < c->option_count; i++)
		FUZZ_CHECK(c->options[i].key.len > 0 && fuzz_inside(c->options[i].value, line));
	if (row == NULL)
		admin_nearest(c->verb);
	else
		admin_check(row, c, scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct admin_command c;
	struct bytes line = fuzz_bytes(data, size);
	struct admin_output output;
	const char *error;

	if (admin_parse(line, &c, &error))
		check_command(&c, line);
	else
		FUZZ_CHECK(error != NULL);
	FUZZ_CHECK(c.id.len <= ADMIN_ID_MAX && fuzz_inside(c.id, line));
	answer(c.id, line);
	if (admin_parse_output(line, &output))
		FUZZ_CHECK(fuzz_inside(output.id, line) && fuzz_inside(output.text, line) && fuzz_inside(output.code, line));
	return 0;
}
