/* The state directory: locks, what is fixed for ever, the token, and sockets in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/supervisor/scratch.h"
#include "supervisor/directory.h"
#include "supervisor/identity.h"
#include "supervisor/listener.h"

#define HEX32 "00112233445566778899aabbccddeeff"

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void directories_are_made_for_owner_and_group(void **state)
{
	const char *path = scratch_path(*state, "a/b/c");
	struct buffer error = { 0 };

	assert_int_equal(directory_prepare(path, "state", &error), 0);
	assert_int_equal(mode_of(path), 0750);
	assert_int_equal(directory_prepare(path, "state", &error), 0);
	scratch_write(*state, "file", "");
	assert_int_equal(directory_prepare(scratch_path(*state, "file"), "state", &error), -ENOTDIR);
	assert_true(buffer_length(&error) > 0);
	buffer_fini(&error);
}

static void a_directory_has_one_server(void **state)
{
	struct buffer error = { 0 };
	int first, second;

	assert_int_equal(directory_lock(*state, "lock", "state", &first, &error), 0);
	assert_int_equal(directory_lock(*state, "lock", "state", &second, &error), -EWOULDBLOCK);
	buffer_append(&error, "", 1);
	assert_non_null(strstr(buffer_bytes(&error).data, "belongs to a running server, pid "));
	close(first);
	assert_int_equal(directory_lock(*state, "lock", "state", &second, &error), 0);
	close(second);
	buffer_fini(&error);
}

static void shards_and_key_are_made_once(void **state)
{
	struct identity first = { 0 }, second = { 0 };
	struct buffer error = { 0 };

	assert_int_equal(identity_load(*state, 64, false, &first, &error), 0);
	assert_int_equal(mode_of(scratch_path(*state, "cluster")), 0600);
	assert_int_equal(first.shards, 64);
	assert_int_equal(first.starts, 1);
	/* The default differs, but nobody has asked for it. */
	assert_int_equal(identity_load(*state, 1024, false, &second, &error), 0);
	assert_int_equal(second.shards, 64);
	assert_int_equal(second.starts, 2);
	assert_memory_equal(first.key, second.key, sizeof(first.key));
	assert_memory_equal(first.cluster, second.cluster, sizeof(first.cluster));
	assert_true(first.node != 0 && first.node == second.node);
	assert_int_equal(identity_load(*state, 64, true, &second, &error), 0);
	assert_int_equal(identity_load(*state, 128, true, &second, &error), -EINVAL);
	assert_int_equal(second.starts, 3); /* untouched */
	buffer_fini(&error);
}

static void who_has_left_knows_it_until_it_joins_again(void **state)
{
	struct identity first = { 0 }, second = { 0 }, third = { 0 };
	struct buffer error = { 0 };

	assert_int_equal(identity_load(*state, 64, false, &first, &error), 0);
	assert_false(first.left);
	assert_int_equal(identity_renew(*state, &first, &error), 0);
	assert_int_equal(identity_load(*state, 64, false, &second, &error), 0);
	assert_true(second.left && !second.joined);
	assert_true(second.node != first.node && second.starts == 2);
	assert_memory_not_equal(first.cluster, second.cluster, sizeof(first.cluster));
	second.left = false;
	second.joined = true;
	assert_int_equal(identity_adopt(*state, &second, &third, &error), 0);
	assert_int_equal(identity_load(*state, 64, false, &third, &error), 0);
	assert_true(third.joined && !third.left);
	buffer_fini(&error);
}

static void an_identity_of_an_earlier_version_gets_what_it_lacks(void **state)
{
	static const unsigned char none[16];
	struct identity first = { 0 }, second = { 0 };
	struct buffer error = { 0 };

	scratch_write(*state, "cluster", "stage-cluster 1\nshards 77\nkey " HEX32 HEX32 "\n");
	assert_int_equal(identity_load(*state, 64, false, &first, &error), 0);
	assert_true(first.shards == 77 && first.key[0] == 0x00 && first.key[15] == 0xff);
	assert_true(first.node != 0 && memcmp(first.cluster, none, sizeof(none)) != 0);
	assert_int_equal(mode_of(scratch_path(*state, "cluster")), 0600);
	assert_int_equal(identity_load(*state, 64, false, &second, &error), 0);
	assert_true(second.shards == 77 && second.node == first.node);
	assert_memory_equal(first.key, second.key, sizeof(first.key));
	assert_memory_equal(first.cluster, second.cluster, sizeof(first.cluster));
	buffer_fini(&error);
}

static void a_damaged_identity_is_never_replaced(void **state)
{
	static const char *const damaged[] = {
		"", "stage-cluster 1\nshards 64\n", "stage-cluster 1\nshards 0\nkey 00\n",
		"stage-cluster 1\nshards 64\nkey 00112233445566778899aabbccddeeff00112233445566778899aabbccddee\n",
		"stage-cluster 1\nshards 64\nkey zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
		"stage-cluster 2\nshards 64\nkey " HEX32 HEX32 "\n",
		"stage-cluster 2\nshards 64\nkey " HEX32 HEX32 "\nid " HEX32 "\nnode 0000000000000000\n",
		"stage-cluster 2\nshards 64\nkey " HEX32 HEX32 "\nid " HEX32 "\nnode 00112233445566\n",
		"stage-cluster 3\nshards 64\nkey " HEX32 HEX32 "\nid " HEX32 "\nnode 0011223344556677\n",
		"stage-cluster 1\nshards 99999\nkey 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
	};
	struct buffer error = { 0 };
	struct identity found;

	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		scratch_write(*state, "cluster", damaged[i]);
		assert_int_equal(identity_load(*state, 64, false, &found, &error), -EINVAL);
	}
	buffer_fini(&error);
}

static void the_token_is_made_once_and_the_owners_alone(void **state)
{
	const char *file = scratch_path(*state, "token");
	char first[IDENTITY_TOKEN_MAX], second[IDENTITY_TOKEN_MAX];
	struct buffer error = { 0 };

	assert_int_equal(identity_token(file, first, &error), 0);
	assert_int_equal(strlen(first), 64);
	assert_int_equal(mode_of(file), 0600);
	assert_int_equal(identity_token(file, second, &error), 0);
	assert_string_equal(first, second);
	chmod(file, 0640);
	assert_int_equal(identity_token(file, second, &error), -EPERM);
	chmod(file, 0600);
	scratch_write(*state, "token", "short\n");
	assert_int_equal(identity_token(file, second, &error), -EINVAL);
	scratch_write(*state, "token", "a-word-of-my-own-choice\n");
	assert_int_equal(identity_token(file, second, &error), 0);
	assert_string_equal(second, "a-word-of-my-own-choice");
	buffer_fini(&error);
}

static void a_dead_servers_socket_is_replaced_a_living_ones_is_not(void **state)
{
	struct listener first = { 0 }, second = { 0 };
	struct buffer error = { 0 };

	assert_int_equal(listener_unix(&first, *state, "admin.sock", &error), 0);
	assert_int_equal(mode_of(first.address), 0660);
	assert_int_equal(listener_unix(&second, *state, "admin.sock", &error), -EADDRINUSE);
	close(first.fd); /* it died without unlinking */
	assert_int_equal(listener_unix(&second, *state, "admin.sock", &error), 0);
	listener_fini(&second);
	assert_int_equal(access(first.address, F_OK), -1);
	buffer_fini(&error);
}

static void port_0_picks_one_and_tells_which(void **state)
{
	static const char *const addresses[] = { "127.0.0.1:0", "*:0", "127.0.0.2:0" };
	struct buffer error = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct listener first = { 0 }, second = { 0 };
		assert_int_equal(listener_tcp(&first, addresses[i], "client", &error), 0);
		assert_memory_equal(first.address, addresses[i], strlen(addresses[i]) - 1);
		assert_null(strstr(first.address, ":0"));
		assert_int_equal(listener_tcp(&second, first.address, "client", &error), -EADDRINUSE);
		listener_fini(&first);
		assert_int_equal(listener_tcp(&second, "nonsense", "client", &error), -EINVAL);
	}
	buffer_fini(&error);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
	const struct CMUnitTest tests[] = {
		TEST(directories_are_made_for_owner_and_group),
		TEST(a_directory_has_one_server),
		TEST(shards_and_key_are_made_once),
		TEST(who_has_left_knows_it_until_it_joins_again),
		TEST(an_identity_of_an_earlier_version_gets_what_it_lacks),
		TEST(a_damaged_identity_is_never_replaced),
		TEST(the_token_is_made_once_and_the_owners_alone),
		TEST(a_dead_servers_socket_is_replaced_a_living_ones_is_not),
		TEST(port_0_picks_one_and_tells_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
