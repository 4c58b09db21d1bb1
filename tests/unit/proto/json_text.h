/* JSON texts read and written, and what is expected of them. */
#ifndef TESTS_UNIT_PROTO_JSON_TEXT_H
#define TESTS_UNIT_PROTO_JSON_TEXT_H

#include "tests/unit/proto/support.h"

#include "proto/json.h"

/* Parses a text that lies in memory of exactly its size. */
static inline enum json_error parse(struct bytes text, struct buffer *out, size_t *ret_at)
{
	struct bytes copy = heap_copy(text);
	enum json_error error = json_parse(copy, out, ret_at);

	heap_free(copy);
	return error;
}

static inline void comes_back_as(const char *text, const char *expected)
{
	struct buffer packed = { 0 }, out = { 0 };

	assert_int_equal(parse(bytes_of(text), &packed, NULL), JSON_OK);
	assert_int_equal(json_write(buffer_bytes(&packed), &out), buffer_length(&packed));
	assert_written(&out, expected);
	buffer_fini(&packed);
	buffer_fini(&out);
}

static inline void comes_back(const char *text)
{
	comes_back_as(text, text);
}

static inline void is_refused(const char *text, enum json_error expected, size_t at)
{
	struct buffer out = { 0 };
	size_t where = SIZE_MAX;
	enum json_error error;

	buffer_append_text(&out, "before");
	error = parse(bytes_of(text), &out, &where);
	if (error != expected || where != at)
		fail_msg("`%s`: error %d at %zu, expected %d at %zu", text, error, where, expected, at);
	assert_written(&out, "before");
	buffer_fini(&out);
}

static inline void is_packed_as(const char *text, struct bytes expected)
{
	struct buffer out = { 0 };

	assert_int_equal(parse(bytes_of(text), &out, NULL), JSON_OK);
	assert_int_equal(buffer_length(&out), expected.len);
	assert_memory_equal(buffer_bytes(&out).data, expected.data, expected.len);
	buffer_fini(&out);
}

#endif
