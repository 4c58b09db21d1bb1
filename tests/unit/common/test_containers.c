/* Buffers, maps, timers and histograms against plain models of themselves. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buffer.h"
#include "common/histogram.h"
#include "common/hash.h"
#include "common/map.h"
#include "common/timer.h"

static void a_buffer_is_a_queue_of_bytes(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 50; i++)
			buffer_printf(&b, "%03d,", round);
		assert_memory_equal(buffer_bytes(&b).data, round ? "" : "000,", round ? 0 : 4);
		buffer_consume(&b, 190);
	}
	assert_int_equal(buffer_length(&b), 200 * 10);
	assert_memory_equal(buffer_bytes(&b).data + buffer_length(&b) - 4, "199,", 4);
	buffer_clear(&b);
	buffer_trim(&b);
	assert_null(b.data);
}

static struct bytes key_of(int i, char text[16])
{
	return (struct bytes){ text, (size_t)snprintf(text, 16, "key-%d", i) };
}

static void a_map_keeps_what_is_put_until_it_is_removed(void **state)
{
	enum { COUNT = 5000 };
	static int values[COUNT];
	struct map m = { 0 };
	char text[16];
	size_t at = 0, seen = 0;
	void *value;

	(void)state;
	for (int i = 0; i < COUNT; i++)
		assert_null(map_put(&m, key_of(i, text), &values[i]));
	for (int i = 0; i < COUNT; i += 3)
		assert_ptr_equal(map_remove(&m, key_of(i, text)), &values[i]);
	for (int i = 0; i < COUNT; i++)
		assert_ptr_equal(map_get(&m, key_of(i, text)), i % 3 ? &values[i] : NULL);
	assert_ptr_equal(map_put(&m, key_of(1, text), &values[0]), &values[1]);
	while (map_next(&m, &at, NULL, &value))
		seen++;
	assert_int_equal(seen, m.count);
	map_fini(&m);
}

/* Most keys stand at their own place; a guess is never another key's value. */
static void a_map_guesses_most_values_by_their_hash(void **state)
{
	enum { COUNT = 5000 };
	static int values[COUNT];
	struct map m = { 0 };
	char text[16];
	int right = 0;

	(void)state;
	map_prefetch(&m, 1);
	assert_null(map_guess(&m, 1));
	for (int i = 0; i < COUNT; i++)
		map_put(&m, key_of(i, text), &values[i]);
	for (int i = 0; i < COUNT; i++) {
		uint64_t hash = hash_local(key_of(i, text));
		void *guess;

		map_prefetch(&m, hash);
		guess = map_guess(&m, hash);
		assert_true(guess == NULL || guess == &values[i]);
		right += guess != NULL;
	}
	assert_in_range(right, COUNT / 2, COUNT);
	for (int i = 0; i < COUNT; i++)
		map_remove(&m, key_of(i, text));
	for (int i = 0; i < COUNT; i++)
		assert_null(map_guess(&m, hash_local(key_of(i, text))));
	map_fini(&m);
}

static void a_map_may_lose_the_entry_that_is_looked_at(void **state)
{
	struct map m = { 0 };
	struct bytes key;
	char text[16];
	size_t at = 0;
	void *value;

	(void)state;
	for (int i = 0; i < 1000; i++)
		map_put(&m, key_of(i, text), &m);
	while (map_next(&m, &at, &key, &value))
		assert_ptr_equal(map_remove(&m, key), &m);
	assert_int_equal(m.count, 0);
	/* Graves do not fill it up for ever. */
	for (int i = 0; i < 100000; i++) {
		map_put(&m, key_of(i, text), &m);
		map_remove(&m, key_of(i, text));
	}
	assert_true(m.capacity <= 4096);
	map_fini(&m);
}

struct numbered {
	struct timer timer;
	uint64_t at;
};

static struct timers timers;
static uint64_t last_fired;
static int fired;

static void on_fire(struct timer *timer)
{
	struct numbered *n = (struct numbered *)timer;

	assert_true(n->at >= last_fired);
	last_fired = n->at;
	fired++;
}

static void timers_fire_in_order_whatever_is_set_and_cleared(void **state)
{
	enum { COUNT = 2000 };
	static struct numbered all[COUNT];
	int wanted = COUNT;

	(void)state;
	srand(7);
	for (int i = 0; i < COUNT; i++) {
		all[i].at = (uint64_t)(rand() % 1000);
		timer_set(&timers, &all[i].timer, all[i].at, on_fire);
	}
	for (int i = 0; i < COUNT; i += 5) {
		timer_clear(&timers, &all[i].timer);
		timer_clear(&timers, &all[i].timer);
		wanted--;
	}
	for (int i = 1; i < COUNT; i += 5) { /* moved */
		all[i].at = (uint64_t)(rand() % 1000);
		timer_set(&timers, &all[i].timer, all[i].at, on_fire);
	}
	for (uint64_t now = 0; now < 1000; now += 37)
		timers_run(&timers, now);
	timers_run(&timers, 1000);
	assert_int_equal(fired, wanted);
	assert_false(timers_next(&timers, &last_fired));
	timers_fini(&timers);
}

static uint64_t fired_numbers[8];
static int fired_count;

static void on_fire_note(struct timer *timer)
{
	fired_numbers[fired_count++] = ((struct numbered *)timer)->at;
}

static void timers_of_one_moment_fire_as_they_were_set(void **state)
{
	static struct timers wheel;
	static struct numbered all[4];
	uint64_t next;

	(void)state;
	timers_run(&wheel, 123456789);
	for (uint64_t i = 0; i < 4; i++) {
		all[i].at = i;
		timer_set(&wheel, &all[i].timer, 123456789 + 70000, on_fire_note);
	}
	for (uint64_t now = 123456789; timers_next(&wheel, &next); now = next) {
		assert_true(next > now && next <= 123456789 + 70000);
		timers_run(&wheel, next);
	}
	assert_int_equal(fired_count, 4);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(fired_numbers[i], i);
	/* What is due already fires at the next run. */
	timer_set(&wheel, &all[0].timer, 5, on_fire_note);
	timers_run(&wheel, 123456789 + 70000);
	assert_int_equal(fired_count, 5);
	timers_fini(&wheel);
}

static void quantiles_are_three_percent_off_at_most(void **state)
{
	static struct histogram h;

	(void)state;
	histogram_reset(&h);
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		histogram_record(&h, i * 1000);
	for (double q = 0.01; q < 1; q += 0.01) {
		double exact = q * 100000 * 1000, got = (double)histogram_quantile(&h, q);

		assert_true(got > exact * 0.97 - 2000 && got < exact * 1.03 + 2000);
	}
	assert_int_equal(histogram_quantile(&h, 1), 100000 * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_is_a_queue_of_bytes),
		cmocka_unit_test(a_map_keeps_what_is_put_until_it_is_removed),
		cmocka_unit_test(a_map_guesses_most_values_by_their_hash),
		cmocka_unit_test(a_map_may_lose_the_entry_that_is_looked_at),
		cmocka_unit_test(timers_fire_in_order_whatever_is_set_and_cleared),
		cmocka_unit_test(timers_of_one_moment_fire_as_they_were_set),
		cmocka_unit_test(quantiles_are_three_percent_off_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
