/* What supervisors say to each other, there and back. */
#include "tests/unit/proto/support.h"

#include "proto/cluster.h"
#include "common/hash.h"
#include "proto/talk.h"

static const char cluster[CLUSTER_ID_SIZE] = "0123456789abcde";
static const char key[HASH_KEY_SIZE] = "a key that maps an address";

static struct talk_welcome a_welcome(void)
{
	return (struct talk_welcome){ .cluster = { cluster, sizeof(cluster) }, .key = { key, sizeof(key) }, .shards = 1024 };
}

static void a_command_travels_to_the_leader_and_its_answer_back(void **state)
{
	struct buffer out = { 0 };
	struct talk_propose propose;
	struct talk_taken taken;

	(void)state;
	talk_encode_propose(&out, &(struct talk_propose){ UINT64_MAX, BYTES_LITERAL("\0command") });
	assert_int_equal(talk_type(buffer_bytes(&out)), TALK_PROPOSE);
	assert_true(talk_decode_propose(buffer_bytes(&out), &propose));
	assert_true(propose.rid == UINT64_MAX && bytes_equal(propose.command, BYTES_LITERAL("\0command")));
	assert_false(talk_decode_taken(buffer_bytes(&out), &taken));
	buffer_clear(&out);
	talk_encode_taken(&out, &(struct talk_taken){ 7, TALK_NOT_LEADER, BYTES_LITERAL("b:1") });
	assert_true(talk_decode_taken(buffer_bytes(&out), &taken));
	assert_true(taken.rid == 7 && taken.code == TALK_NOT_LEADER && bytes_equal(taken.leader, BYTES_LITERAL("b:1")));
	buffer_fini(&out);
}

static void who_asks_to_join_is_told_all_it_needs(void **state)
{
	struct talk_welcome m = a_welcome();
	struct buffer out = { 0 };
	struct talk_join join;

	(void)state;
	talk_encode_join(&out, &(struct talk_join){ 3, 1, 2, true });
	assert_true(talk_decode_join(buffer_bytes(&out), &join));
	assert_true(join.weight == 3 && join.oldest == 1 && join.newest == 2 && join.shared);
	buffer_clear(&out);
	talk_encode_welcome(&out, &m);
	assert_true(talk_decode_welcome(buffer_bytes(&out), &m));
	assert_memory_equal(m.cluster.data, cluster, sizeof(cluster));
	assert_memory_equal(m.key.data, key, sizeof(key));
	assert_int_equal(m.shards, 1024);
	buffer_fini(&out);
}

static void half_a_welcome_is_none(void **state)
{
	struct talk_welcome m = a_welcome(), ret;
	struct buffer out = { 0 };

	(void)state;
	m.key.len--;
	talk_encode_welcome(&out, &m);
	assert_false(talk_decode_welcome(buffer_bytes(&out), &ret));
	buffer_clear(&out);
	m = a_welcome();
	m.shards = 0;
	talk_encode_welcome(&out, &m);
	assert_false(talk_decode_welcome(buffer_bytes(&out), &ret));
	/* A refusal needs none of it. */
	buffer_clear(&out);
	talk_encode_welcome(&out, &(struct talk_welcome){ .code = TALK_REFUSED, .reason = BYTES_LITERAL("name-taken"), .text = BYTES_LITERAL("…") });
	assert_true(talk_decode_welcome(buffer_bytes(&out), &ret));
	assert_true(bytes_equal(ret.reason, BYTES_LITERAL("name-taken")));
	for (size_t cut = 0; cut < buffer_length(&out); cut++)
		assert_false(talk_decode_welcome((struct bytes){ buffer_bytes(&out).data, cut }, &ret));
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_travels_to_the_leader_and_its_answer_back),
		cmocka_unit_test(who_asks_to_join_is_told_all_it_needs),
		cmocka_unit_test(half_a_welcome_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
