/* What has killed workers: counted, held, forgotten, released, kept in a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "supervisor/quarantine.h"

static const struct quarantine_limits limits = { .message = 2, .actor = 4, .period = 1000 };
static struct quarantine q;

static enum quarantine_verdict blame(const char *address, uint64_t fingerprint, bool waking, uint64_t now)
{
	return quarantine_blame(&q, &limits, &(struct quarantine_blame){
		.address = bytes_of(address), .method = BYTES_LITERAL("attack"), .cause = BYTES_LITERAL("hang"),
		.fingerprint = fingerprint, .waking = waking }, now);
}

static const struct quarantine_entry *entry(const char *address, bool whole)
{
	for (uint32_t i = 0; i < q.count; i++)
		if (q.entries[i].whole == whole && strcmp(q.entries[i].address, address) == 0)
			return &q.entries[i];
	return NULL;
}

static int fini(void **state)
{
	(void)state;
	quarantine_fini(&q);
	return 0;
}

static void a_message_is_held_at_its_second_death(void **state)
{
	(void)state;
	assert_int_equal(blame("a.1", 7, false, 10), QUARANTINE_NOTED);
	assert_int_equal(blame("a.1", 8, false, 11), QUARANTINE_NOTED); /* another message */
	assert_int_equal(blame("a.2", 7, false, 12), QUARANTINE_NOTED); /* another actor */
	assert_int_equal(blame("a.1", 7, false, 13), QUARANTINE_HELD);
	assert_true(entry("a.1", false)->held);
	assert_int_equal(entry("a.1", false)->times, 2);
	assert_int_equal(entry("a.1", false)->first, 10);
	assert_int_equal(entry("a.1", false)->last, 13);
	assert_string_equal(entry("a.1", false)->cause, "hang");
	assert_false(entry("a.2", false)->held);
}

static void an_actor_is_held_at_the_fourth_death_of_whichever_messages(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(blame("a.1", i, false, i), QUARANTINE_NOTED);
	assert_null(entry("a.1", true));
	assert_int_equal(blame("a.1", 4, false, 4), QUARANTINE_HELD);
	assert_true(entry("a.1", true)->held);
	assert_int_equal(entry("a.1", true)->times, 4);
}

static void an_activation_that_kills_twice_holds_the_actor(void **state)
{
	(void)state;
	assert_int_equal(blame("a.1", 0, true, 1), QUARANTINE_NOTED);
	assert_int_equal(blame("a.1", 0, true, 2), QUARANTINE_HELD);
	assert_true(entry("a.1", true)->held);
}

static void deaths_that_led_to_nothing_are_forgotten_after_the_period(void **state)
{
	(void)state;
	blame("a.1", 7, false, 1000);
	assert_int_equal(blame("a.1", 7, false, 2001), QUARANTINE_NOTED);
	assert_int_equal(entry("a.1", false)->times, 1);
	assert_int_equal(blame("a.1", 7, false, 3001), QUARANTINE_HELD); /* at its edge it counts */
	blame("b.1", 1, false, 9000);
	assert_true(entry("a.1", false)->held); /* what is held waits for an operator */
}

static void zero_never_holds(void **state)
{
	const struct quarantine_limits never = { .message = 0, .actor = 0, .period = 1000 };
	const struct quarantine_blame one = { BYTES_LITERAL("a.1"), BYTES_LITERAL("m"), BYTES_LITERAL("c"), 1, false };

	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(quarantine_blame(&q, &never, &one, i), QUARANTINE_NOTED);
	assert_int_equal(q.count, 1);
}

static void release_forgets_everything_of_an_address(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		blame("a.1", i / 2, false, i);
	blame("a.2", 1, false, 5);
	assert_int_equal(quarantine_release(&q, BYTES_LITERAL("a.1")), 3); /* two messages, the actor */
	assert_int_equal(quarantine_release(&q, BYTES_LITERAL("a.1")), 0);
	assert_int_equal(q.count, 1);
	assert_int_equal(blame("a.1", 0, false, 6), QUARANTINE_NOTED); /* it begins anew */
}

static void the_oldest_that_is_not_held_makes_room(void **state)
{
	char address[32];

	(void)state;
	blame("held.1", 1, true, 1);
	blame("held.1", 1, true, 2);
	for (uint64_t i = 1; i < QUARANTINE_MAX; i++) {
		snprintf(address, sizeof(address), "a.%u", (unsigned)i);
		blame(address, 1, false, 2 + i % 900);
	}
	assert_int_equal(q.count, QUARANTINE_MAX);
	assert_int_equal(blame("new.1", 1, false, 950), QUARANTINE_NOTED);
	assert_int_equal(q.count, QUARANTINE_MAX);
	assert_non_null(entry("held.1", true));
	assert_null(entry("a.900", false)); /* the first with the oldest time */
}

static void nothing_held_is_ever_dropped_for_want_of_room(void **state)
{
	char address[32];

	(void)state;
	for (unsigned i = 0; i < QUARANTINE_MAX; i++) {
		snprintf(address, sizeof(address), "a.%u", i);
		blame(address, 0, true, 1);
		blame(address, 0, true, 1);
	}
	assert_int_equal(blame("new.1", 1, false, 2), QUARANTINE_FULL);
	assert_int_equal(q.count, QUARANTINE_MAX);
}

static void it_comes_back_from_its_file(void **state)
{
	struct quarantine before;
	struct buffer text = { 0 }, error = { 0 };

	(void)state;
	blame("a.1", UINT64_MAX, false, 1);
	blame("a.1", UINT64_MAX, false, 2);
	blame("players.%20x", 0, true, 3);
	quarantine_format(&q, &text);
	before = q;
	q = (struct quarantine){ 0 };
	assert_int_equal(quarantine_parse(&q, buffer_bytes(&text), &error), 0);
	assert_int_equal(q.count, before.count);
	for (uint32_t i = 0; i < q.count; i++)
		assert_memory_equal(&q.entries[i], &before.entries[i], sizeof(q.entries[i]));
	quarantine_fini(&before);
	buffer_fini(&text);
}

static void a_damaged_file_changes_nothing_and_is_told_with_its_line(void **state)
{
	static const char *const damaged[] = {
		"stage-quarantine 2\n",
		"stage-quarantine 1\nheld message 0 0 1 1 a.1 m hang\n",
		"stage-quarantine 1\nheld message 0 1 1 1 a..1 m hang\n",
		"stage-quarantine 1\nhold message 0 1 1 1 a.1 m hang\n",
		"stage-quarantine 1\nheld message 0 1 1 1 a.1 m hang",
		"stage-quarantine 1\nheld message x 1 1 1 a.1 m hang\n",
	};

	(void)state;
	blame("a.1", 1, false, 1);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct buffer error = { 0 };

		assert_int_equal(quarantine_parse(&q, bytes_of(damaged[i]), &error), -EINVAL);
		buffer_append(&error, "", 1);
		assert_string_equal(buffer_bytes(&error).data, i == 0 ? "line 1 is not understood\n" : "line 2 is not understood\n");
		assert_int_equal(q.count, 1);
		buffer_fini(&error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_message_is_held_at_its_second_death, fini),
		cmocka_unit_test_teardown(an_actor_is_held_at_the_fourth_death_of_whichever_messages, fini),
		cmocka_unit_test_teardown(an_activation_that_kills_twice_holds_the_actor, fini),
		cmocka_unit_test_teardown(deaths_that_led_to_nothing_are_forgotten_after_the_period, fini),
		cmocka_unit_test_teardown(zero_never_holds, fini),
		cmocka_unit_test_teardown(release_forgets_everything_of_an_address, fini),
		cmocka_unit_test_teardown(the_oldest_that_is_not_held_makes_room, fini),
		cmocka_unit_test_teardown(nothing_held_is_ever_dropped_for_want_of_room, fini),
		cmocka_unit_test_teardown(it_comes_back_from_its_file, fini),
		cmocka_unit_test_teardown(a_damaged_file_changes_nothing_and_is_told_with_its_line, fini),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
