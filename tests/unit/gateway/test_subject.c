/* What a watch is owed: conflation, min=, resumption and snapshots are one mechanism. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "proto/json.h"
#include "worker/gateway/subject.h"

static struct subject *subject;
static const struct bytes nothing = { NULL, 0 };

static int set_up(void **state)
{
	(void)state;
	subject = subject_new(BYTES_LITERAL("players.1"), 7);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	subject_free(subject);
	return 0;
}

static void change(uint64_t number, const char *json)
{
	struct buffer packed = { 0 };

	assert_int_equal(json_parse(bytes_of(json), &packed, NULL), JSON_OK);
	subject_change(subject, (struct version){ 1, number }, buffer_bytes(&packed), nothing);
	buffer_fini(&packed);
}

static void expect_owed_and_removed(const struct watch *w, const char *wanted, const char *wanted_removed)
{
	struct buffer json = { 0 }, removed = { 0 };

	watch_owed(w, &json, &removed);
	buffer_append(&json, "", 1);
	buffer_append(&removed, "", 1);
	assert_string_equal(buffer_bytes(&json).data, wanted);
	assert_string_equal(buffer_bytes(&removed).data, wanted_removed);
	buffer_fini(&json);
	buffer_fini(&removed);
}

static void expect_owed(const struct watch *w, const char *wanted)
{
	expect_owed_and_removed(w, wanted, "");
}

static struct watch watching(struct bytes members)
{
	return (struct watch){ .subject = subject, .members = members, .seen = subject->version };
}

#define HP BYTES_LITERAL("\x91\xa2hp") /* ["hp"] */

static void a_watch_is_owed_what_changed_since_it_looked(void **state)
{
	struct watch w;

	(void)state;
	change(1, "{\"hp\":100,\"dead\":false}");
	w = watching((struct bytes){ NULL, 0 });
	expect_owed(&w, "{}");
	change(2, "{\"hp\":90}");
	expect_owed(&w, "{\"hp\":90}");
	watch_sent(&w, 1000);
	expect_owed(&w, "{}");
}

static void many_changes_fold_into_the_newest_values(void **state)
{
	struct watch w;

	(void)state;
	change(1, "{\"hp\":100,\"n\":0}");
	w = watching((struct bytes){ NULL, 0 });
	for (uint64_t i = 2; i < 500; i++)
		change(i, i % 2 ? "{\"hp\":50}" : "{\"n\":7}");
	expect_owed(&w, "{\"hp\":50,\"n\":7}");
	watch_sent(&w, 1000);
	assert_int_equal(w.seen.number, 499);
}

static void only_the_named_members_concern_it(void **state)
{
	static const char changed[] = "\x81\xa1n\x05", both[] = "\x82\xa1n\x05\xa2hp\x01";
	struct watch w;

	(void)state;
	change(1, "{\"hp\":100,\"n\":0}");
	w = watching(HP);
	assert_false(watch_concerned(&w, (struct bytes){ changed, sizeof(changed) - 1 }, nothing));
	assert_true(watch_concerned(&w, (struct bytes){ both, sizeof(both) - 1 }, nothing));
	change(2, "{\"n\":5,\"hp\":1}");
	expect_owed(&w, "{\"hp\":1}");
}

static void what_is_past_is_not_learnt(void **state)
{
	static const char former[] = "\x81\xa2hp\x01";
	struct watch w;

	(void)state;
	change(5, "{\"hp\":50}");
	w = watching(HP);
	watch_sent(&w, 10);
	assert_true(subject_is_past(subject, (struct version){ 1, 4 }));
	assert_false(subject_is_past(subject, (struct version){ 2, 4 })); /* another numbering */
	subject_learn(subject, (struct version){ 1, 4 }, (struct bytes){ former, sizeof(former) - 1 });
	assert_int_equal(subject->version.number, 5);
	assert_false(watch_is_owed(&w));
}

static void a_replaced_subject_is_owed_whole(void **state)
{
	static const char all[] = "\x82\xa2hp\x64\xa3new\xc3";
	struct watch w, named;

	(void)state;
	change(5, "{\"hp\":1,\"old\":2}");
	w = watching((struct bytes){ NULL, 0 });
	named = watching(HP);
	subject_replace(subject, (struct version){ 2, 6 }, (struct bytes){ all, sizeof(all) - 1 });
	w.renew = named.renew = true;
	expect_owed(&w, "{\"hp\":100,\"new\":true}");
	expect_owed(&named, "{\"hp\":100}");
	watch_sent(&w, 10);
	assert_false(w.renew);
	assert_int_equal(w.seen.epoch, 2);
}

/* ["hp","n"] */
#define HP_AND_N BYTES_LITERAL("\x92\xa2hp\xa1n")

static void what_is_removed_is_said_once_and_can_come_back(void **state)
{
	struct watch w, named;

	(void)state;
	change(1, "{\"hp\":1,\"n\":2,\"x\":3}");
	w = watching(nothing);
	named = watching(HP);
	subject_change(subject, (struct version){ 1, 2 }, nothing, HP_AND_N);
	assert_true(watch_concerned(&named, nothing, HP_AND_N));
	assert_false(watch_concerned(&named, nothing, BYTES_LITERAL("\x91\xa1n")));
	expect_owed_and_removed(&w, "{}", "hp,n");
	expect_owed_and_removed(&named, "{}", "hp");
	change(3, "{\"hp\":7}");
	expect_owed_and_removed(&w, "{\"hp\":7}", "n");
	watch_sent(&w, 10);
	expect_owed_and_removed(&w, "{}", "");
	w.renew = true;
	expect_owed_and_removed(&w, "{\"hp\":7,\"x\":3}", "");
}

#define OWNER 3
#define FORMER 4
#define EPOCH 11

static enum subject_word word(uint32_t from, enum ipc_event_kind kind, uint32_t epoch, uint64_t number)
{
	return subject_word(subject, from, EPOCH, kind, (struct version){ epoch, number });
}

static void only_its_source_is_heard(void **state)
{
	(void)state;
	change(5, "{\"hp\":1}");
	assert_int_equal(word(OWNER, IPC_EVENT_CHANGE, 1, 6), SUBJECT_PAST);
	subject_follow(subject, OWNER, EPOCH);
	assert_int_equal(word(FORMER, IPC_EVENT_CHANGE, 1, 6), SUBJECT_PAST);
	assert_int_equal(word(OWNER, IPC_EVENT_CHANGE, 1, 5), SUBJECT_PAST);
	assert_int_equal(word(OWNER, IPC_EVENT_CHANGE, 1, 7), SUBJECT_NEXT);
	assert_int_equal(word(OWNER, IPC_EVENT_CHANGE, 2, 1), SUBJECT_APART);
	assert_int_equal(word(OWNER, IPC_EVENT_SNAPSHOT, 2, 1), SUBJECT_ANEW);
	assert_int_equal(word(OWNER, IPC_EVENT_END, 1, 5), SUBJECT_OVER);
	subject_part(subject);
	assert_int_equal(word(OWNER, IPC_EVENT_CHANGE, 1, 7), SUBJECT_PAST);
}

static void of_a_former_source_only_the_next_change_counts(void **state)
{
	static char question;

	(void)state;
	change(5, "{\"hp\":1}");
	for (unsigned way = 0; way < 2; way++) {
		subject_follow(subject, FORMER, way == 0 ? EPOCH - 1 : EPOCH);
		subject->renewal = way == 1 ? (void *)&question : NULL;
		assert_int_equal(word(FORMER, IPC_EVENT_CHANGE, 1, 6), SUBJECT_NEXT);
		assert_int_equal(word(FORMER, IPC_EVENT_CHANGE, 2, 1), SUBJECT_APART);
		assert_int_equal(word(FORMER, IPC_EVENT_SNAPSHOT, 1, 6), SUBJECT_APART);
		assert_int_equal(word(FORMER, IPC_EVENT_END, 1, 6), SUBJECT_APART);
	}
}

static void after_the_end_it_holds_nothing(void **state)
{
	(void)state;
	change(5, "{\"hp\":1}");
	subject_follow(subject, OWNER, EPOCH);
	subject_reset(subject);
	assert_int_equal(subject->version.epoch, 0);
	assert_int_equal(subject->count, 0);
	assert_false(subject_follows(subject, OWNER, EPOCH));
}

/* Another client's snapshot tells an older watch nothing that it has already. */
static void a_snapshot_makes_only_what_was_unknown_new(void **state)
{
	static const char snapshot[] = "\x83\xa2hp\x64\xa1n\x05\xa1z\x01";
	struct watch w;

	(void)state;
	change(1, "{\"hp\":100,\"n\":0}");
	w = watching(nothing);
	assert_false(watch_is_owed(&w));
	subject_learn(subject, (struct version){ 1, 4 }, (struct bytes){ snapshot, sizeof(snapshot) - 1 });
	assert_true(watch_is_owed(&w));
	expect_owed(&w, "{\"n\":5,\"z\":1}");
	watch_sent(&w, 10);
	assert_false(watch_is_owed(&w));
}

static void min_spaces_events_from_the_first_on(void **state)
{
	struct watch w;

	(void)state;
	change(1, "{\"hp\":1}");
	w = watching((struct bytes){ NULL, 0 });
	w.min_ms = 500;
	assert_int_equal(watch_due(&w, 1000), 1000);
	watch_sent(&w, 1000);
	assert_int_equal(watch_due(&w, 1100), 1500);
	assert_int_equal(watch_due(&w, 1500), 1500);
	assert_int_equal(watch_due(&w, 9000), 9000);
}

static void it_is_unused_without_watches_relays_and_questions(void **state)
{
	struct watch w = { 0 };

	(void)state;
	assert_true(subject_unused(subject));
	subject->asking = 1;
	assert_false(subject_unused(subject));
	subject->asking = 0;
	for (uint32_t worker = 0; worker < 256; worker += 51) {
		subject_set_relay(subject, worker, true);
		assert_true(subject_has_relay(subject, worker));
		assert_false(subject_unused(subject));
		subject_set_relay(subject, worker, false);
		assert_false(subject_has_relay(subject, worker));
	}
	TAILQ_INSERT_TAIL(&subject->watches, &w, of_subject);
	assert_false(subject_unused(subject));
	TAILQ_REMOVE(&subject->watches, &w, of_subject);
	assert_true(subject_unused(subject));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_watch_is_owed_what_changed_since_it_looked), T(many_changes_fold_into_the_newest_values),
		T(only_the_named_members_concern_it), T(what_is_past_is_not_learnt),
		T(only_the_named_members_concern_it), T(a_replaced_subject_is_owed_whole),
		T(only_its_source_is_heard), T(of_a_former_source_only_the_next_change_counts),
		T(after_the_end_it_holds_nothing),
		T(what_is_removed_is_said_once_and_can_come_back), T(a_snapshot_makes_only_what_was_unknown_new),
		T(min_spaces_events_from_the_first_on), T(it_is_unused_without_watches_relays_and_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
