/* The scoreboard: what is written is read, and whatever a dying process has left there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "proto/scoreboard.h"

static struct scoreboard_entry entry(enum scoreboard_kind kind)
{
	return (struct scoreboard_entry){
		.kind = kind, .began_ns = 10, .ran_ns = 20, .fingerprint = 30, .class_name = BYTES_LITERAL("players"),
		.address = BYTES_LITERAL("players.42"), .method = BYTES_LITERAL("attack"),
	};
}

static void what_is_shown_is_read_until_it_ends(void **state)
{
	struct scoreboard board = { 0 };
	struct scoreboard_entry e = entry(SCOREBOARD_MESSAGE), read;
	struct scoreboard_signal signal;

	(void)state;
	scoreboard_begin(&board, &e);
	scoreboard_note_signal(&board, 11, true, 0x10);
	scoreboard_read(&board, &read, &signal);
	assert_int_equal(read.kind, SCOREBOARD_MESSAGE);
	assert_int_equal(read.began_ns, 10);
	assert_int_equal(read.ran_ns, 20);
	assert_int_equal(read.fingerprint, 30);
	assert_true(bytes_equal(read.class_name, e.class_name));
	assert_true(bytes_equal(read.address, e.address));
	assert_true(bytes_equal(read.method, e.method));
	assert_int_equal(signal.number, 11);
	assert_int_equal(signal.from_within, 1);
	assert_int_equal(signal.address, 0x10);
	assert_false(read.aside);
	scoreboard_set_aside(&board);
	scoreboard_read(&board, &read, &signal);
	assert_int_equal(read.kind, SCOREBOARD_MESSAGE);
	assert_true(read.aside);
	scoreboard_begin(&board, &e);
	scoreboard_end(&board);
	scoreboard_read(&board, &read, &signal);
	assert_int_equal(read.kind, SCOREBOARD_IDLE);
	assert_int_equal(read.address.len, 0);
}

static void without_a_board_nothing_happens(void **state)
{
	struct scoreboard_entry e = entry(SCOREBOARD_MESSAGE);

	(void)state;
	scoreboard_begin(NULL, &e);
	scoreboard_note_signal(NULL, 11, true, 0);
	scoreboard_end(NULL);
}

static void a_damaged_board_says_nothing(void **state)
{
	struct scoreboard_entry read, e = entry(SCOREBOARD_WAKING);
	struct scoreboard_signal signal;
	struct scoreboard boards[5];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		boards[i] = (struct scoreboard){ 0 };
		scoreboard_begin(&boards[i], &e);
	}
	boards[0].kind = SCOREBOARD_KIND_COUNT;
	boards[1].address.length = 60000;
	boards[2].address.bytes[3] = '\n';
	boards[3].method.length = 0;
	boards[4].class_name.length = SCOREBOARD_CLASS_MAX + 1;
	for (size_t i = 0; i < 5; i++) {
		scoreboard_read(&boards[i], &read, &signal);
		assert_int_equal(read.kind, SCOREBOARD_IDLE);
	}
}

static void garbage_never_leads_outside_of_the_board(void **state)
{
	struct scoreboard board;

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		struct scoreboard_entry read;
		struct scoreboard_signal signal;
		unsigned char *bytes = (unsigned char *)&board;

		for (size_t i = 0; i < sizeof(board); i++)
			bytes[i] = (unsigned char)rand();
		board.kind = SCOREBOARD_LOADING;
		board.class_name.length %= 100;
		board.address.length %= 300;
		board.method.length %= 80;
		scoreboard_read(&board, &read, &signal);
		assert_true(read.kind == SCOREBOARD_IDLE ||
		            (read.class_name.len <= SCOREBOARD_CLASS_MAX && read.address.len <= ADDRESS_MAX &&
		             read.method.len <= NAME_MAX_LENGTH));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shown_is_read_until_it_ends),
		cmocka_unit_test(without_a_board_nothing_happens),
		cmocka_unit_test(a_damaged_board_says_nothing),
		cmocka_unit_test(garbage_never_leads_outside_of_the_board),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
