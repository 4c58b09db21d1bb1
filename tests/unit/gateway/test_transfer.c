/* Transfers: the same results by io_uring and one by one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/gateway/transfer.h"

#define PAIRS 100

static int ours[PAIRS], theirs[PAIRS];
static bool has_ring;

static int set_up(void **state)
{
	(void)state;
	for (int i = 0; i < PAIRS; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
			return -1;
		ours[i] = pair[0];
		theirs[i] = pair[1];
	}
	return 0;
}

static int set_up_with_ring(void **state)
{
	has_ring = transfer_init();
	return set_up(state);
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < PAIRS; i++) {
		close(ours[i]);
		close(theirs[i]);
	}
	transfer_fini();
	return 0;
}

static struct transfer sending(int i, const char *text)
{
	return (struct transfer){ .fd = ours[i], .data = (char *)text, .size = strlen(text) };
}

static struct transfer receiving(int i, char *room, size_t size)
{
	return (struct transfer){ .fd = ours[i], .receives = true, .data = room, .size = size };
}

static void many_go_at_once(void **state)
{
	struct transfer list[2 * PAIRS];
	char texts[PAIRS][8], rooms[PAIRS][8], heard[8];

	(void)state;
	for (int i = 0; i < PAIRS; i++) {
		snprintf(texts[i], sizeof(texts[i]), "n%d", i);
		list[i] = sending(i, texts[i]);
		list[PAIRS + i] = receiving(i, rooms[i], sizeof(rooms[i]));
		assert_int_equal(write(theirs[i], texts[i], strlen(texts[i])), strlen(texts[i]));
	}
	transfer_many(list, 2 * PAIRS);
	for (int i = 0; i < PAIRS; i++) {
		size_t length = strlen(texts[i]);

		assert_int_equal(list[i].result, length);
		assert_int_equal(list[PAIRS + i].result, length);
		assert_memory_equal(rooms[i], texts[i], length);
		assert_int_equal(read(theirs[i], heard, sizeof(heard)), length);
		assert_memory_equal(heard, texts[i], length);
	}
}

static void few_do_too(void **state)
{
	char room[8];
	struct transfer list[] = { sending(0, "one"), receiving(1, room, sizeof(room)) };

	(void)state;
	assert_int_equal(write(theirs[1], "two", 3), 3);
	transfer_many(list, 2);
	assert_int_equal(list[0].result, 3);
	assert_int_equal(list[1].result, 3);
	transfer_many(list, 0);
}

/* Who has nothing, takes nothing, or is gone, does not hold up the others. */
static void each_has_its_own_result(void **state)
{
	static char big[1 << 22];
	char room[5][8];
	struct transfer list[] = {
		receiving(0, room[0], 8), sending(1, "x"), receiving(2, room[2], 8), sending(3, "y"),
		{ .fd = ours[4], .data = big, .size = sizeof(big) }, receiving(5, room[3], 2), sending(6, "z"),
	};

	(void)state;
	close(theirs[1]);
	close(theirs[2]);
	assert_int_equal(write(theirs[5], "abc", 3), 3);
	transfer_many(list, 7);
	assert_int_equal(list[0].result, -EAGAIN);
	assert_int_equal(list[1].result, -EPIPE);
	assert_int_equal(list[2].result, 0);
	assert_int_equal(list[3].result, 1);
	assert_in_range(list[4].result, 1, sizeof(big) - 1);
	assert_int_equal(list[5].result, 2);
	assert_int_equal(list[6].result, 1);

	transfer_many(&list[3], 4);
	assert_int_equal(list[4].result, -EAGAIN);
	assert_int_equal(list[5].result, 1);
	theirs[1] = theirs[2] = -1;
}

static void the_ring_is_full_once(void **state)
{
	struct transfer list[TRANSFER_MOST];

	(void)state;
	for (int again = 0; again < 3; again++) {
		for (int i = 0; i < TRANSFER_MOST; i++)
			list[i] = sending(i % PAIRS, "w");
		transfer_many(list, TRANSFER_MOST);
		for (int i = 0; i < TRANSFER_MOST; i++)
			assert_int_equal(list[i].result, 1);
	}
}

#define BOTH_WAYS(test)                                                                    \
	{ #test ", one by one", test, set_up, tear_down, NULL },                           \
	{ #test ", by the ring", test, set_up_with_ring, tear_down, NULL }

/* Else all of them went one by one. */
static void there_was_a_ring(void **state)
{
	(void)state;
	if (!has_ring)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_WAYS(many_go_at_once),
		BOTH_WAYS(few_do_too),
		BOTH_WAYS(each_has_its_own_result),
		BOTH_WAYS(the_ring_is_full_once),
		cmocka_unit_test(there_was_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
