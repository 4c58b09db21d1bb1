/* Questions to children: whole answers, late ones, dead ones, cancelled ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/msgpack.h"
#include "supervisor/query.h"

struct asking {
	struct ev_loop *loop;
	struct query_table table;
	int ended;
	bool partial;
	uint32_t rows;
};

static void on_done(struct query *q)
{
	struct asking *a = q->owner;

	a->ended++;
	a->partial = q->partial;
	for (uint32_t i = 0; i < q->asked; i++)
		a->rows += q->answers[i].count;
}

static int start(void **state)
{
	struct asking *a = test_calloc(1, sizeof(*a));

	a->loop = ev_loop_new(EVFLAG_AUTO);
	query_table_init(&a->table, a->loop);
	*state = a;
	return 0;
}

static int stop(void **state)
{
	struct asking *a = *state;

	query_table_fini(&a->table);
	ev_loop_destroy(a->loop);
	test_free(a);
	return 0;
}

static struct query *ask_two(struct asking *a, uint64_t timeout)
{
	struct query *q = query_new(&a->table, on_done, a);

	query_expect(q, CONTROL_ACTOR, 0);
	query_expect(q, CONTROL_ACTOR, 1);
	query_begin(q, timeout);
	return q;
}

static void say(struct asking *a, uint32_t number, uint32_t index, uint32_t count, bool last)
{
	struct control_rows rows = { .query = number, .last = last };
	struct buffer text = { 0 };

	msgpack_write_array(&text, count);
	for (uint32_t i = 0; i < count; i++)
		msgpack_write_map(&text, 0);
	rows.rows = buffer_bytes(&text);
	query_on_rows(&a->table, CONTROL_ACTOR, index, &rows);
	buffer_fini(&text);
}

static void turn(struct asking *a)
{
	ev_run(a->loop, EVRUN_NOWAIT);
}

static void it_ends_when_all_have_answered(void **state)
{
	struct asking *a = *state;
	uint32_t number = ask_two(a, 60000)->number;

	say(a, number, 0, 2, false);
	say(a, number, 0, 1, true);
	turn(a);
	assert_int_equal(a->ended, 0);
	say(a, number, 1, 4, true);
	assert_int_equal(a->ended, 0); /* never from inside a child's message */
	turn(a);
	assert_int_equal(a->ended, 1);
	assert_false(a->partial);
	assert_int_equal(a->rows, 7);
	say(a, number, 1, 4, true); /* too much said is not heard */
	turn(a);
	assert_int_equal(a->ended, 1);
}

static void a_dead_child_makes_it_partial(void **state)
{
	struct asking *a = *state;
	uint32_t number = ask_two(a, 60000)->number;

	query_on_gone(&a->table, CONTROL_GATEWAY, 0);
	query_on_gone(&a->table, CONTROL_ACTOR, 0);
	say(a, number, 0, 5, true); /* its successor owes nothing */
	say(a, number, 1, 1, true);
	turn(a);
	assert_int_equal(a->ended, 1);
	assert_true(a->partial);
	assert_int_equal(a->rows, 1);
}

static void time_makes_it_partial(void **state)
{
	struct asking *a = *state;
	uint32_t number = ask_two(a, 1)->number;

	say(a, number, 1, 3, true);
	while (a->ended == 0)
		ev_run(a->loop, EVRUN_ONCE);
	assert_true(a->partial);
	assert_int_equal(a->rows, 3);
}

static void nobody_to_ask_is_an_answer(void **state)
{
	struct asking *a = *state;

	query_begin(query_new(&a->table, on_done, a), 60000);
	turn(a);
	assert_int_equal(a->ended, 1);
	assert_false(a->partial);
}

static void a_cancelled_one_is_never_heard_of(void **state)
{
	struct asking *a = *state;
	struct query *q = ask_two(a, 60000);
	uint32_t number = q->number;

	query_cancel(q);
	say(a, number, 0, 1, true);
	say(a, number, 1, 1, true);
	turn(a);
	turn(a);
	assert_int_equal(a->ended, 0);
	assert_null(a->table.first);
	query_cancel(NULL);
}

static void rows_that_are_none_make_it_partial(void **state)
{
	struct asking *a = *state;
	struct query *q = ask_two(a, 60000);
	struct control_rows rows = { .query = q->number, .last = true, .rows = { "\x93\x80", 2 } };

	query_on_rows(&a->table, CONTROL_ACTOR, 0, &rows);
	say(a, q->number, 1, 1, true);
	turn(a);
	assert_true(a->partial);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(it_ends_when_all_have_answered),
		TEST(a_dead_child_makes_it_partial),
		TEST(time_makes_it_partial),
		TEST(nobody_to_ask_is_an_answer),
		TEST(a_cancelled_one_is_never_heard_of),
		TEST(rows_that_are_none_make_it_partial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
