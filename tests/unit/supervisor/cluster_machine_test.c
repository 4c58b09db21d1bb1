/* The replicated machine, read aloud: what each command makes of a cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/msgpack.h"
#include "tests/unit/supervisor/cluster_says.h"

static void refused(struct machine_result done, const char *reason)
{
	assert_int_equal(done.code, MACHINE_REFUSED);
	assert_string_equal(done.reason, reason);
}

static void done(struct machine_result done)
{
	assert_int_equal(done.code, MACHINE_DONE);
	assert_null(done.reason);
}

static void unchanged(struct machine_result done)
{
	assert_int_equal(done.code, MACHINE_UNCHANGED);
}

static enum machine_state state_of(const struct machine *m, uint64_t id)
{
	assert_non_null(machine_member(m, id));
	return machine_member(m, id)->state;
}

static void owned(const struct machine *m, uint32_t shard, uint64_t owner, uint32_t epoch)
{
	assert_int_equal(machine_owner(m, shard), owner);
	assert_int_equal(m->shards[shard].epoch, epoch);
	assert_int_equal(m->shards[shard].to, MACHINE_NOBODY);
}

static void a_cluster_is_founded_once_and_its_first_member_owns_all(void **state)
{
	struct machine m = { 0 };

	(void)state;
	refused(says_renew(&m, 7, 1, 1), "no cluster was founded here");
	done(says_found(&m, true, 8, 7));
	assert_int_equal(state_of(&m, 7), MACHINE_UP);
	assert_int_equal(machine_shares(&m, 7), 8);
	owned(&m, 3, 7, 1);
	unchanged(says_found(&m, true, 8, 7));
	assert_int_equal(m.applied, 1);
	machine_fini(&m);
	machine_fini(&m);
	machine_fini(NULL);
}

static void a_node_joins_and_comes_up_with_its_first_renewal(void **state)
{
	struct machine m = says_cluster(true, 8, 1);

	(void)state;
	done(says_add(&m, 2, 1));
	assert_int_equal(state_of(&m, 2), MACHINE_JOINING);
	refused(says_move(&m, 0, 2), "shards can only move to a member that is up");
	unchanged(says_add(&m, 2, 1));
	refused(says_add(&m, 2, 5), "a member with this id is another node");
	done(says_renew(&m, 2, 1, 1));
	assert_int_equal(state_of(&m, 2), MACHINE_UP);
	assert_int_equal(machine_shares(&m, 2), 0);
	assert_int_equal(machine_member_named(&m, bytes_of("node2"))->id, 2);
	machine_fini(&m);
}

static void names_and_addresses_are_one_members_own(void **state)
{
	struct machine m = says_cluster(true, 8, 2);
	struct machine_node other = { 3, bytes_of("node1"), bytes_of("host3:7000"), 1, 1, 1 };
	struct buffer out = { 0 };

	(void)state;
	machine_encode_add(&out, &other);
	refused(says(&m, &out), "a member has this name");
	other.name = bytes_of("node3");
	other.address = bytes_of("host1:7000");
	machine_encode_add(&out, &other);
	refused(says(&m, &out), "a member has this address");
	other.address = bytes_of("nowhere");
	machine_encode_add(&out, &other);
	refused(says(&m, &out), "not an address");
	machine_fini(&m);
}

static void a_node_tells_its_new_address_and_versions_but_not_after_its_successor(void **state)
{
	struct machine m = says_cluster(true, 8, 2);
	struct machine_node node = { 2, bytes_of("node2"), bytes_of("elsewhere:1"), 4, 1, 2 };
	struct buffer out = { 0 };

	(void)state;
	machine_encode_update(&out, &node, 2);
	done(says(&m, &out));
	assert_string_equal(machine_member(&m, 2)->address, "elsewhere:1");
	assert_int_equal(machine_member(&m, 2)->newest, 2);
	done(says_renew(&m, 2, 3, 1));
	machine_encode_update(&out, &node, 2);
	refused(says(&m, &out), "a later process of this member has renewed");
	node.name = bytes_of("another");
	machine_encode_update(&out, &node, 3);
	refused(says(&m, &out), "a member keeps its name");
	machine_fini(&m);
}

static void old_renewals_count_for_nothing(void **state)
{
	struct machine m = says_cluster(true, 8, 2);

	(void)state;
	done(says_renew(&m, 2, 1, 5));
	unchanged(says_renew(&m, 2, 1, 5));
	unchanged(says_renew(&m, 2, 1, 4));
	done(says_renew(&m, 2, 2, 1));
	unchanged(says_renew(&m, 2, 1, 6));
	assert_int_equal(machine_member(&m, 2)->incarnation, 2);
	assert_int_equal(machine_member(&m, 2)->renewal, 1);
	refused(says_renew(&m, 9, 1, 1), "no such member");
	machine_fini(&m);
}

static void who_has_renewed_since_is_not_declared_down(void **state)
{
	struct machine m = says_cluster(true, 8, 2);

	(void)state;
	done(says_renew(&m, 2, 1, 2));
	refused(says_down(&m, 2, 1, 1), "it has renewed since");
	/* The same number, but of the process that came after. */
	done(says_renew(&m, 2, 2, 2));
	refused(says_down(&m, 2, 1, 2), "it has renewed since");
	done(says_down(&m, 2, 2, 2));
	assert_int_equal(state_of(&m, 2), MACHINE_DOWN);
	unchanged(says_down(&m, 2, 2, 2));
	unchanged(says_renew(&m, 2, 2, 2));
	done(says_renew(&m, 2, 2, 3));
	assert_int_equal(state_of(&m, 2), MACHINE_UP);
	machine_fini(&m);
}

static void the_dead_ones_shards_go_to_the_living_by_weight(void **state)
{
	struct machine m = says_cluster(true, 12, 1);

	(void)state;
	done(says_add(&m, 2, 1));
	done(says_add(&m, 3, 3));
	done(says_renew(&m, 2, 1, 1));
	done(says_renew(&m, 3, 1, 1));
	done(says_move(&m, 5, 2));
	done(says_dead(&m, 1));
	assert_int_equal(machine_shares(&m, 1), 0);
	assert_int_equal(machine_shares(&m, 2), 3);
	assert_int_equal(machine_shares(&m, 3), 9);
	owned(&m, 5, 2, 2); /* it was on its way there */
	machine_fini(&m);
}

static void where_nobody_is_up_shards_wait_for_the_first_who_comes(void **state)
{
	struct machine m = says_cluster(true, 4, 2);

	(void)state;
	done(says_drain(&m, 2, true));
	done(says_dead(&m, 1));
	owned(&m, 0, MACHINE_NOBODY, 1); /* 2 is alive, but wants none */
	done(says_drain(&m, 2, false));
	owned(&m, 0, 2, 2);
	done(says_dead(&m, 2));
	owned(&m, 0, MACHINE_NOBODY, 2);
	done(says_renew(&m, 1, 1, 2));
	owned(&m, 0, 1, 3);
	machine_fini(&m);
}

static void with_stores_of_their_own_the_dead_keep_their_shards(void **state)
{
	struct machine m = says_cluster(false, 4, 2);

	(void)state;
	done(says_move(&m, 0, 2));
	done(says_moved(&m, 0));
	done(says_dead(&m, 1));
	owned(&m, 1, 1, 1);
	refused(says_move(&m, 1, 2), "none of these shards can move");
	done(says_renew(&m, 1, 2, 1));
	owned(&m, 1, 1, 1);
	machine_fini(&m);
}

static void a_shard_moves_when_its_owner_has_let_go(void **state)
{
	struct machine m = says_cluster(false, 4, 3);

	(void)state;
	done(says_move(&m, 2, 3));
	assert_int_equal(machine_owner(&m, 2), 1);
	assert_int_equal(machine_incoming(&m, 3), 1);
	assert_int_equal(machine_outgoing(&m, 1), 1);
	refused(says_move(&m, 2, 2), "none of these shards can move");
	done(says_moved(&m, 2));
	owned(&m, 2, 3, 2);
	refused(says_moved(&m, 2), "malformed"); /* nothing moves: there is no number of a move */
	refused(says_move(&m, 2, 3), "none of these shards can move");
	refused(says_move(&m, 4, 3), "no such shard");
	machine_fini(&m);
}

static void a_move_that_was_cancelled_leaves_no_way_in(void **state)
{
	struct machine m = says_cluster(true, 4, 2);
	struct machine_gone gone = { .shard = 1, .epoch = 1 };
	struct buffer out = { 0 };

	(void)state;
	done(says_move(&m, 1, 2));
	gone.move = m.shards[1].move;
	done(says_cancel(&m, 1));
	owned(&m, 1, 1, 1);
	unchanged(says_cancel(&m, 1));
	/* Begun anew: the owner, which went on, has not let go this time. */
	done(says_move(&m, 1, 2));
	machine_encode_moved(&out, 1, &gone, 1);
	refused(says(&m, &out), "none of these shards is being moved like this");
	/* And what one process let go of, its successor has not. */
	gone.move = m.shards[1].move;
	done(says_renew(&m, 1, 2, 1));
	owned(&m, 1, 1, 1);
	machine_encode_moved(&out, 1, &gone, 1);
	refused(says(&m, &out), "none of these shards is being moved like this");
	machine_fini(&m);
}

static void an_owner_goes_above_the_epochs_that_its_store_has_seen(void **state)
{
	static const char nothing[] = "none of these shards is its own in that epoch";
	struct machine m = says_cluster(true, 4, 2);

	(void)state;
	done(says_raise(&m, 1, 1, 1, 7));
	owned(&m, 1, 1, 8);
	owned(&m, 0, 1, 1);
	refused(says_raise(&m, 1, 1, 1, 7), nothing); /* said twice */
	done(says_raise(&m, 1, 1, 8, 8));             /* the same, seen by a store that starts anew */
	owned(&m, 1, 1, 9);
	refused(says_raise(&m, 1, 1, 9, 8), nothing); /* it is above them already */
	refused(says_raise(&m, 1, 2, 9, 12), nothing);
	/* Its move is none any more: it was let go of in the former epoch. */
	done(says_move(&m, 1, 2));
	done(says_raise(&m, 1, 1, 9, 20));
	owned(&m, 1, 1, 21);
	assert_true(m.shards[1].to == MACHINE_NOBODY);
	/* Who has lost it raises nothing over its successor. */
	done(says_move(&m, 1, 2));
	done(says_moved(&m, 1));
	refused(says_raise(&m, 1, 1, 21, 22), nothing);
	owned(&m, 1, 2, 22);
	/* An epoch that leaves no room is none. */
	refused(says_raise(&m, 1, 2, 22, MACHINE_EPOCH_MAX), nothing);
	done(says_raise(&m, 1, 2, 22, MACHINE_EPOCH_MAX - 1));
	owned(&m, 1, 2, MACHINE_EPOCH_MAX);
	refused(says_raise(&m, 1, 2, MACHINE_EPOCH_MAX, MACHINE_EPOCH_MAX), nothing);
	refused(says_raise(&m, 4, 1, 1, 7), "no such shard");
	machine_fini(&m);
}

static void a_move_to_who_is_not_up_any_more_ends_where_it_began(void **state)
{
	struct machine m = says_cluster(true, 4, 3);

	(void)state;
	done(says_move(&m, 0, 2));
	done(says_move(&m, 1, 3));
	done(says_dead(&m, 2));
	owned(&m, 0, 1, 1);
	done(says_drain(&m, 3, true));
	done(says_moved(&m, 1));
	owned(&m, 1, 1, 1);
	machine_fini(&m);
}

static void what_an_operator_wishes_outlives_a_death(void **state)
{
	struct machine m = says_cluster(true, 4, 3);

	(void)state;
	done(says_drain(&m, 2, true));
	unchanged(says_drain(&m, 2, true));
	done(says_dead(&m, 2));
	done(says_renew(&m, 2, 2, 1));
	assert_int_equal(state_of(&m, 2), MACHINE_DRAINING);
	done(says_leave(&m, 2));
	assert_int_equal(state_of(&m, 2), MACHINE_LEAVING);
	unchanged(says_drain(&m, 2, true));
	done(says_drain(&m, 2, false));
	assert_int_equal(state_of(&m, 2), MACHINE_UP);
	machine_fini(&m);
}

static void a_member_leaves_when_it_owns_nothing_and_never_comes_back(void **state)
{
	struct machine m = says_cluster(true, 2, 2);

	(void)state;
	refused(says_remove(&m, 1, false), "it is not leaving");
	done(says_leave(&m, 1));
	refused(says_leave(&m, 2), "no other member stays");
	refused(says_remove(&m, 1, false), "it still owns shards");
	done(says_move(&m, 0, 2));
	done(says_move(&m, 1, 2));
	done(says_moved(&m, 0));
	done(says_moved(&m, 1));
	done(says_remove(&m, 1, false));
	assert_null(machine_member(&m, 1));
	unchanged(says_remove(&m, 1, false));
	refused(says_add(&m, 1, 1), "this member was removed");
	refused(says_remove(&m, 2, false), "the last member stays");
	machine_fini(&m);
}

static void a_lost_disk_is_given_up_by_an_operator_only(void **state)
{
	struct machine m = says_cluster(false, 4, 3);

	(void)state;
	refused(says_remove(&m, 1, true), "it is not down");
	done(says_dead(&m, 1));
	refused(says_remove(&m, 1, false), "it still owns shards");
	done(says_remove(&m, 1, true));
	assert_int_equal(machine_shares(&m, 2), 2);
	assert_int_equal(machine_shares(&m, 3), 2);
	assert_int_equal(m.shards[0].epoch, 2);
	machine_fini(&m);
}

static void what_cannot_be_read_changes_nothing(void **state)
{
	struct machine m = says_cluster(true, 4, 2);
	static const char cases[][12] = { "", "\x93", "\x93\x02\x04\x01\x01\x01", "\x92\x01\x63", "\xc0",
		                          "\x93\x01\x07\x02\x02", "\x94\x01\x08\x02\x91\xff" };
	struct machine_result result;
	struct buffer out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		machine_apply(&m, bytes_of(cases[i]), &result);
		assert_int_equal(result.code, MACHINE_REFUSED);
		assert_non_null(result.reason);
	}
	/* Seven zeros are padding, eight are something else. */
	machine_encode_leave(&out, 2);
	buffer_append(&out, "\0\0\0\0\0\0\0\0", 8);
	machine_apply(&m, buffer_bytes(&out), &result);
	refused(result, "malformed");
	machine_apply(&m, (struct bytes){ buffer_bytes(&out).data, buffer_length(&out) - 1 }, &result);
	done(result);
	buffer_fini(&out);
	machine_fini(&m);
}

static void a_snapshot_that_breaks_an_invariant_is_not_taken(void **state)
{
	struct machine m = says_cluster(true, 4, 2);
	struct buffer out = { 0 };

	(void)state;
	m.shards[0].owner = 2;
	m.shards[0].to = 2;
	m.shards[0].move = 1;
	machine_snapshot(&m, &out);
	assert_false(machine_restore(&m, buffer_bytes(&out)));
	assert_int_equal(m.shards[0].to, 2);
	for (size_t i = 0; i < buffer_length(&out); i++)
		assert_false(machine_restore(&m, (struct bytes){ buffer_bytes(&out).data, i }));
	buffer_fini(&out);
	machine_fini(&m);
}

static void states_and_commands_have_names(void **state)
{
	(void)state;
	assert_string_equal(machine_state_name(MACHINE_JOINING), "joining");
	assert_string_equal(machine_state_name(MACHINE_LEAVING), "leaving");
	assert_true(machine_state_follows(MACHINE_JOINING, MACHINE_UP));
	assert_false(machine_state_follows(MACHINE_JOINING, MACHINE_DOWN));
	for (unsigned i = 1; i < MACHINE_COMMAND_COUNT; i++)
		assert_string_not_equal(machine_command_name(i), "?");
	assert_string_equal(machine_command_name(0), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_is_founded_once_and_its_first_member_owns_all),
		cmocka_unit_test(a_node_joins_and_comes_up_with_its_first_renewal),
		cmocka_unit_test(names_and_addresses_are_one_members_own),
		cmocka_unit_test(a_node_tells_its_new_address_and_versions_but_not_after_its_successor),
		cmocka_unit_test(old_renewals_count_for_nothing),
		cmocka_unit_test(who_has_renewed_since_is_not_declared_down),
		cmocka_unit_test(the_dead_ones_shards_go_to_the_living_by_weight),
		cmocka_unit_test(where_nobody_is_up_shards_wait_for_the_first_who_comes),
		cmocka_unit_test(with_stores_of_their_own_the_dead_keep_their_shards),
		cmocka_unit_test(a_shard_moves_when_its_owner_has_let_go),
		cmocka_unit_test(a_move_that_was_cancelled_leaves_no_way_in),
		cmocka_unit_test(an_owner_goes_above_the_epochs_that_its_store_has_seen),
		cmocka_unit_test(a_move_to_who_is_not_up_any_more_ends_where_it_began),
		cmocka_unit_test(what_an_operator_wishes_outlives_a_death),
		cmocka_unit_test(a_member_leaves_when_it_owns_nothing_and_never_comes_back),
		cmocka_unit_test(a_lost_disk_is_given_up_by_an_operator_only),
		cmocka_unit_test(what_cannot_be_read_changes_nothing),
		cmocka_unit_test(a_snapshot_that_breaks_an_invariant_is_not_taken),
		cmocka_unit_test(states_and_commands_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
