/* Lines of clients: nothing points out of the line, hints are JSON, and what was
 * understood can be said again. */
#include "tests/fuzz/fuzz.h"

#include "proto/client.h"
#include "proto/json.h"

static void append_options(const struct client_request *q, struct buffer *out)
{
	const struct {
		enum client_option option;
		const char *key;
		const struct bytes *text;
		const uint64_t *number;
		const struct version *version;
	} rows[] = {
		{ CLIENT_OPTION_T, " t=", .number = &q->t },
		{ CLIENT_OPTION_Q, q->quiet ? " q=1" : " q=0", NULL, NULL, NULL },
		{ CLIENT_OPTION_IF, " if=", .version = &q->if_version },
		{ CLIENT_OPTION_MIN, " min=", .number = &q->min },
		{ CLIENT_OPTION_V, " v=", .version = &q->v },
		{ CLIENT_OPTION_ONCE, q->once ? " once=1" : " once=0", NULL, NULL, NULL },
		{ CLIENT_OPTION_TRACE, " trace=", .text = &q->trace },
		{ CLIENT_OPTION_ID, " id=", .text = &q->target },
		{ CLIENT_OPTION_PROTO, " proto=", .number = &q->proto },
		{ CLIENT_OPTION_CLIENT, " client=", .text = &q->client },
		{ CLIENT_OPTION_SESSION, " session=", .text = &q->session },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!(q->options & 1u << rows[i].option))
			continue;
		buffer_append_text(out, rows[i].key);
		if (rows[i].text)
			buffer_append_bytes(out, *rows[i].text);
		if (rows[i].number)
			buffer_printf(out, "%llu", (unsigned long long)*rows[i].number);
		if (rows[i].version)
			version_format(*rows[i].version, out);
	}
}

static void say_again(const struct client_request *q, struct buffer *out)
{
	buffer_append_bytes(out, q->id);
	buffer_printf(out, " %s ", client_verb_rows[q->verb].word);
	buffer_append_bytes(out, q->address);
	if (q->all)
		buffer_append_text(out, " *");
	for (size_t i = 0; i < q->member_count; i++) {
		buffer_append_text(out, i ? "," : " ");
		buffer_append_bytes(out, q->members[i]);
	}
	append_options(q, out);
	if (q->json.len > 0) {
		buffer_append_text(out, " ");
		buffer_append_bytes(out, q->json);
	}
}

static void check_understood(const struct client_request *q, struct bytes line)
{
	static struct client_request again;
	struct buffer first = { 0 }, second = { 0 };
	char scratch[256];
	const char *hint;

	FUZZ_CHECK(client_first_line_plausible(line));
	FUZZ_CHECK(fuzz_inside(q->address, line) && fuzz_inside(q->json, line));
	for (size_t i = 0; i < q->member_count; i++)
		FUZZ_CHECK(fuzz_inside(q->members[i], line));
	say_again(q, &first);
	FUZZ_CHECK(client_parse(buffer_bytes(&first), &again, scratch, &hint) == ERROR_NONE);
	say_again(&again, &second);
	FUZZ_CHECK(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	buffer_fini(&first);
	buffer_fini(&second);
}

/* What is read in one go is read in the same way where an option makes it unusual. */
static void check_with_option(const struct client_request *q)
{
	static struct client_request with;
	struct buffer text = { 0 }, first = { 0 }, second = { 0 };
	struct client_request so = *q;
	char scratch[256];
	const char *hint;

	if (q->options != 0 || q->verb > CLIENT_CALL)
		return;
	so.options = 1u << CLIENT_OPTION_T;
	so.t = 7;
	say_again(&so, &text);
	FUZZ_CHECK(client_parse(buffer_bytes(&text), &with, scratch, &hint) == ERROR_NONE);
	with.options = 0;
	say_again(&with, &first);
	say_again(q, &second);
	FUZZ_CHECK(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	buffer_fini(&text);
	buffer_fini(&first);
	buffer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct client_request q;
	struct bytes line = fuzz_bytes(data, size);
	struct buffer out = { 0 };
	char scratch[256];
	const char *hint;
	enum error_code code = client_parse(line, &q, scratch, &hint);

	FUZZ_CHECK(fuzz_inside(q.id, line));
	FUZZ_CHECK(code < ERROR_COUNT && error_rows[code].executed == (code ? EXECUTED_NO : EXECUTED_YES));
	if (code == ERROR_NONE) {
		check_understood(&q, line);
		check_with_option(&q);
	} else if (hint) {
		FUZZ_CHECK(hint[0] == '{' && json_parse(bytes_of(hint), &out, NULL) == JSON_OK);
	}
	client_first_line_plausible(line);
	buffer_fini(&out);
	return 0;
}
