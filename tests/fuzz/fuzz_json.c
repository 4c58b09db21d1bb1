/* JSON against yajl, and back to the same text; any bytes as msgpack to JSON. */
#include "tests/fuzz/fuzz.h"

#include "proto/json.h"
#include "proto/msgpack.h"
#include "tests/unit/proto/yajl_oracle.h"

/* What was read and written once stays as it is. */
static void write_again(struct bytes packed)
{
	struct buffer once = { 0 }, again = { 0 }, read = { 0 };

	FUZZ_CHECK(json_write(packed, &once) == packed.len);
	FUZZ_CHECK(json_parse(buffer_bytes(&once), &read, NULL) == JSON_OK);
	FUZZ_CHECK(json_write(buffer_bytes(&read), &again) == buffer_length(&read));
	FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&again)));
	buffer_fini(&once);
	buffer_fini(&again);
	buffer_fini(&read);
}

static void as_text(struct bytes text)
{
	struct buffer ours = { 0 }, theirs = { 0 };
	size_t at;
	bool good = json_parse(text, &ours, &at) == JSON_OK;

	FUZZ_CHECK(at <= text.len && (!good || at == text.len));
	FUZZ_CHECK(buffer_length(&ours) <= text.len * 3 + 16);
	if (good)
		write_again(buffer_bytes(&ours));
	else
		FUZZ_CHECK(buffer_length(&ours) == 0);
	if (!yajl_oracle_errs(text)) {
		FUZZ_CHECK(yajl_oracle(text, &theirs) == good);
		FUZZ_CHECK(bytes_equal(buffer_bytes(&ours), buffer_bytes(&theirs)));
	}
	if (good)
		FUZZ_CHECK(msgpack_equal(buffer_bytes(&ours), buffer_bytes(&ours)));
	buffer_fini(&ours);
	buffer_fini(&theirs);
}

/* What is written is JSON, but for what only msgpack can say: keys that repeat, and
 * two levels more. */
static void as_msgpack(struct bytes packed)
{
	struct buffer text = { 0 }, read = { 0 };
	enum json_error error;

	if (json_write(packed, &text) > 0) {
		error = json_parse(buffer_bytes(&text), &read, NULL);
		FUZZ_CHECK(error == JSON_OK || error == JSON_DUPLICATE || error == JSON_DEPTH);
	} else {
		FUZZ_CHECK(buffer_length(&text) == 0);
	}
	buffer_clear(&text);
	json_write_text(packed, &text);
	buffer_clear(&read);
	FUZZ_CHECK(json_parse(buffer_bytes(&text), &read, NULL) == JSON_OK);
	buffer_fini(&text);
	buffer_fini(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_text(fuzz_bytes(data, size));
	as_msgpack(fuzz_bytes(data, size));
	return 0;
}
