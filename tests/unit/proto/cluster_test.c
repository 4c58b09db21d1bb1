/* How nodes greet each other, and what the supervisor and its tunnel say of it. */
#include "tests/unit/proto/support.h"

#include <errno.h>

#include "proto/cluster.h"
#include "proto/control_tunnel.h"
#include "proto/msgpack.h"

static const struct cluster_hello sample = {
	.version = 3, .oldest = 2, .kind = CLUSTER_DATA, .code = CLUSTER_NO_KIND,
	.cluster = BYTES_LITERAL("0123456789abcdef"), .node = UINT64_MAX, .name = BYTES_LITERAL("alpha"),
	.address = BYTES_LITERAL("alpha.example:51464"), .argument = BYTES_LITERAL("\0\1\2"),
};

static void assert_same(const struct cluster_hello *a, const struct cluster_hello *b)
{
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->oldest, b->oldest);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->code, b->code);
	assert_true(a->node == b->node && bytes_equal(a->cluster, b->cluster));
	assert_true(bytes_equal(a->name, b->name) && bytes_equal(a->address, b->address));
	assert_true(bytes_equal(a->argument, b->argument));
}

static void versions_agree_where_they_overlap(void **state)
{
	static const struct {
		uint32_t version, oldest, peer_version, peer_oldest, agreed;
	} rows[] = {
		{ 1, 1, 1, 1, 1 }, { 2, 1, 1, 1, 1 }, { 2, 2, 1, 1, 0 }, { 3, 2, 5, 3, 3 },
		{ 3, 2, 5, 4, 0 }, { 5, 1, 3, 2, 3 }, { 0, 0, 0, 0, 0 }, { 7, 1, UINT32_MAX, 0, 7 },
		{ 1, 1, 0, 9, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(cluster_agree(rows[i].version, rows[i].oldest, rows[i].peer_version, rows[i].peer_oldest),
		                 rows[i].agreed);
		assert_int_equal(cluster_agree(rows[i].peer_version, rows[i].peer_oldest, rows[i].version, rows[i].oldest),
		                 rows[i].agreed);
	}
	assert_int_equal(cluster_agree(cluster_version(), cluster_oldest(), cluster_version(), cluster_oldest()),
	                 cluster_version());
}

static void a_hello_comes_back(void **state)
{
	struct buffer out = { 0 };
	struct cluster_hello got, none = { 0 };

	(void)state;
	assert_int_equal(cluster_encode_hello(&out, &sample), 0);
	assert_true(cluster_decode_hello(buffer_bytes(&out), &got));
	assert_same(&got, &sample);
	buffer_clear(&out);
	assert_int_equal(cluster_encode_hello(&out, &none), 0);
	assert_true(cluster_decode_hello(buffer_bytes(&out), &got));
	assert_same(&got, &none);
	buffer_fini(&out);
}

static void the_largest_hello_is_within_the_bound(void **state)
{
	struct cluster_hello m = sample, got;
	struct buffer out = { 0 };
	char *many = calloc(1, CLUSTER_ARGUMENT_MAX + 1);

	(void)state;
	m.version = m.oldest = m.kind = m.code = UINT32_MAX;
	m.name = (struct bytes){ many, CLUSTER_NAME_MAX };
	m.address = (struct bytes){ many, CLUSTER_ADDRESS_MAX };
	m.argument = (struct bytes){ many, CLUSTER_ARGUMENT_MAX };
	assert_int_equal(cluster_encode_hello(&out, &m), 0);
	assert_true(buffer_length(&out) <= CLUSTER_HELLO_MAX);
	assert_true(cluster_decode_hello(buffer_bytes(&out), &got));
	assert_same(&got, &m);
	buffer_clear(&out);
	m.argument.len++;
	assert_int_equal(cluster_encode_hello(&out, &m), -EMSGSIZE);
	m = sample;
	m.cluster.len--;
	assert_int_equal(cluster_encode_hello(&out, &m), -EMSGSIZE);
	assert_int_equal(buffer_length(&out), 0);
	buffer_fini(&out);
	free(many);
}

/* What a later version has added is skipped, and what it has dropped is empty. */
static void other_versions_are_understood(void **state)
{
	struct cluster_hello got;
	struct buffer out = { 0 };

	(void)state;
	msgpack_write_map(&out, 4);
	msgpack_write_str(&out, BYTES_LITERAL("colour"));
	msgpack_write_array(&out, 2);
	msgpack_write_nil(&out);
	msgpack_write_str(&out, BYTES_LITERAL("green"));
	msgpack_write_str(&out, BYTES_LITERAL("oldest"));
	msgpack_write_uint(&out, 8);
	msgpack_write_str(&out, BYTES_LITERAL("nothing"));
	msgpack_write_nil(&out);
	msgpack_write_str(&out, BYTES_LITERAL("version"));
	msgpack_write_uint(&out, 9);
	assert_true(cluster_decode_hello(buffer_bytes(&out), &got));
	assert_same(&got, &(struct cluster_hello){ .version = 9, .oldest = 8 });
	assert_string_equal(cluster_kind_name(77), "unknown");
	assert_string_equal(cluster_kind_name(0), "unknown");
	assert_string_equal(cluster_kind_name(CLUSTER_ENGINE), "engine");
	assert_non_null(cluster_code_text(77));
	buffer_fini(&out);
}

static void a_piece_of_a_hello_is_none(void **state)
{
	struct buffer out = { 0 };
	struct cluster_hello got;
	struct bytes whole, map;

	(void)state;
	assert_int_equal(cluster_frame_hello(&out, &sample), 0);
	whole = buffer_bytes(&out);
	for (size_t n = 0; n < whole.len; n++) {
		struct bytes piece = heap_copy((struct bytes){ whole.data, n });

		assert_int_equal(cluster_next_hello(piece, &map), 0);
		if (n > CLUSTER_HEAD)
			assert_false(cluster_decode_hello((struct bytes){ piece.data + CLUSTER_HEAD, n - CLUSTER_HEAD }, &got));
		heap_free(piece);
	}
	buffer_append_text(&out, "what follows");
	assert_int_equal(cluster_next_hello(buffer_bytes(&out), &map), 1);
	assert_true(cluster_decode_hello(map, &got));
	assert_same(&got, &sample);
	buffer_fini(&out);
}

static void what_is_no_hello_is_refused(void **state)
{
	static const struct bytes wrong[] = {
		BYTES_LITERAL(""), BYTES_LITERAL("\xc0"), BYTES_LITERAL("\x90"),
		BYTES_LITERAL("\x81\xa4kind\xcf\x7f\0\0\0\0\0\0\1"), /* wider than its field */
		BYTES_LITERAL("\x81\xa4name\x05"), BYTES_LITERAL("\x81\xa7" "cluster\xa3" "abc"),
		BYTES_LITERAL("\x80\x80"), BYTES_LITERAL("\x81\x01\x02"),
	};
	static const struct bytes lengths[] = {
		BYTES_LITERAL("\0\0\0\0"), BYTES_LITERAL("GET / HTTP/1.1"), BYTES_LITERAL("\1\x10\0\0x"),
	};
	struct cluster_hello got;
	struct bytes map;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(cluster_decode_hello(wrong[i], &got));
	for (size_t i = 0; i < COUNT(lengths); i++)
		assert_int_equal(cluster_next_hello(lengths[i], &map), -EMSGSIZE);
}

/* --- between supervisor and tunnel --- */

static void identity_and_dial_come_back(void **state)
{
	const struct control_identity identity = { sample.cluster, 7, sample.name, sample.address };
	const struct control_dial dial = { UINT64_MAX, CLUSTER_ROWS, BYTES_LITERAL("[::1]:9"), BYTES_LITERAL("\0\xff") };
	struct control_identity got_identity;
	struct control_dial got_dial;
	struct buffer out = { 0 };

	(void)state;
	control_encode_identity(&out, &identity);
	assert_int_equal(control_type(buffer_bytes(&out)), CONTROL_IDENTITY);
	assert_true(control_decode_identity(buffer_bytes(&out), &got_identity));
	assert_true(bytes_equal(got_identity.cluster, identity.cluster) && got_identity.node == 7);
	assert_true(bytes_equal(got_identity.name, identity.name) && bytes_equal(got_identity.address, identity.address));
	assert_false(control_decode_dial(buffer_bytes(&out), &got_dial));
	buffer_clear(&out);
	control_encode_dial(&out, &dial);
	assert_int_equal(control_type(buffer_bytes(&out)), CONTROL_DIAL);
	assert_true(control_decode_dial(buffer_bytes(&out), &got_dial));
	assert_true(got_dial.tag == dial.tag && got_dial.kind == CLUSTER_ROWS);
	assert_true(bytes_equal(got_dial.address, dial.address) && bytes_equal(got_dial.argument, dial.argument));
	buffer_fini(&out);
}

static void dialed_and_arrived_come_back(void **state)
{
	struct control_dialed m = { .tag = 5, .code = CONTROL_DIAL_VERSION, .text = BYTES_LITERAL("no"), .version = 3,
		.greeted = true, .hello = sample }, got;
	const struct control_arrived arrived = { 2, sample };
	struct control_arrived got_arrived;
	struct buffer out = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++, m.greeted = false) {
		control_encode_dialed(&out, &m);
		assert_int_equal(control_type(buffer_bytes(&out)), CONTROL_DIALED);
		assert_true(control_decode_dialed(buffer_bytes(&out), &got));
		assert_true(got.tag == 5 && got.code == CONTROL_DIAL_VERSION && got.version == 3 && got.greeted == m.greeted);
		assert_text(got.text, "no");
		if (m.greeted)
			assert_same(&got.hello, &sample);
		buffer_clear(&out);
	}
	control_encode_arrived(&out, &arrived);
	assert_int_equal(control_type(buffer_bytes(&out)), CONTROL_ARRIVED);
	assert_true(control_decode_arrived(buffer_bytes(&out), &got_arrived));
	assert_int_equal(got_arrived.version, 2);
	assert_same(&got_arrived.hello, &sample);
	for (size_t n = 0; n < buffer_length(&out); n++)
		assert_false(control_decode_arrived((struct bytes){ buffer_bytes(&out).data, n }, &got_arrived));
	assert_string_equal(control_dial_code_name(CONTROL_DIAL_DENIED), "denied");
	assert_string_equal(control_role_name(CONTROL_TUNNEL), "tunnel");
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_agree_where_they_overlap),
		cmocka_unit_test(a_hello_comes_back),
		cmocka_unit_test(the_largest_hello_is_within_the_bound),
		cmocka_unit_test(other_versions_are_understood),
		cmocka_unit_test(a_piece_of_a_hello_is_none),
		cmocka_unit_test(what_is_no_hello_is_refused),
		cmocka_unit_test(identity_and_dial_come_back),
		cmocka_unit_test(dialed_and_arrived_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
