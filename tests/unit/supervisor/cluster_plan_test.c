/* The leader's plan, read aloud: moves, removals, and who votes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/cluster/plan.h"
#include "tests/unit/supervisor/cluster_says.h"

/* --- shards --- */

/* Carries plans out until there is none; how many shards moved. */
static uint32_t settle(struct machine *m, uint32_t limit)
{
	struct plan_move moves[64];
	uint32_t total = 0, count;

	assert_true(limit <= 64);
	while ((count = plan_moves(m, limit, moves)) > 0) {
		assert_true(count <= limit);
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(machine_owner(m, moves[i].shard), moves[i].from);
			assert_int_equal(says_move(m, moves[i].shard, moves[i].to).code, MACHINE_DONE);
		}
		assert_true(machine_moving(m) <= limit);
		for (uint32_t i = 0; i < count; i++)
			assert_int_equal(says_moved(m, moves[i].shard).code, MACHINE_DONE);
		total += count;
	}
	return total;
}

static void a_new_member_gets_its_share_with_the_fewest_moves(void **state)
{
	struct machine m = says_cluster(true, 16, 2);

	(void)state;
	assert_int_equal(settle(&m, 3), 8);
	assert_int_equal(machine_shares(&m, 2), 8);
	says_add(&m, 3, 2);
	assert_int_equal(settle(&m, 64), 0); /* joining: not yet */
	says_renew(&m, 3, 1, 1);
	assert_int_equal(settle(&m, 64), 8);
	assert_int_equal(machine_shares(&m, 1), 4);
	assert_int_equal(machine_shares(&m, 3), 8);
	machine_fini(&m);
}

static void what_does_not_divide_stays_where_it_is(void **state)
{
	struct machine m = says_cluster(true, 7, 3);

	(void)state;
	assert_int_equal(settle(&m, 2), 4); /* 3, 2, 2: the odd one stays with 1 */
	assert_int_equal(machine_shares(&m, 1), 3);
	machine_fini(&m);
}

static void shards_in_flight_count_and_runs_stand_together(void **state)
{
	struct machine m = says_cluster(true, 12, 3);
	struct plan_move moves[8];

	(void)state;
	assert_int_equal(plan_moves(&m, 6, moves), 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(moves[i].to, i < 4 ? 2 : 3);
	for (uint32_t i = 0; i < 4; i++)
		says_move(&m, moves[i].shard, moves[i].to);
	assert_int_equal(plan_moves(&m, 6, moves), 2);
	assert_int_equal(moves[0].to, 3);
	assert_int_equal(plan_moves(&m, 4, moves), 0);
	machine_fini(&m);
}

static void who_drains_gives_all_away_and_gets_its_share_back(void **state)
{
	struct machine m = says_cluster(false, 12, 3);

	(void)state;
	settle(&m, 64);
	says_drain(&m, 2, true);
	assert_int_equal(settle(&m, 64), 4);
	assert_int_equal(machine_shares(&m, 2), 0);
	says_drain(&m, 2, false);
	assert_int_equal(settle(&m, 64), 4);
	/* Nobody to give to: it keeps them. */
	for (uint64_t id = 1; id <= 3; id++)
		says_drain(&m, id, true);
	assert_int_equal(settle(&m, 64), 0);
	machine_fini(&m);
}

static void a_dead_owners_own_store_is_left_alone(void **state)
{
	struct machine m = says_cluster(false, 12, 3);

	(void)state;
	settle(&m, 64);
	says_dead(&m, 1);
	assert_int_equal(settle(&m, 64), 0);
	says_drain(&m, 2, true);
	assert_int_equal(settle(&m, 64), 4);
	assert_int_equal(machine_shares(&m, 1), 4);
	machine_fini(&m);
}

static void moves_that_cannot_end_are_given_up(void **state)
{
	struct machine m = says_cluster(false, 8, 3);
	uint32_t shards[8];

	(void)state;
	says_move(&m, 0, 2);
	says_move(&m, 1, 3);
	assert_int_equal(plan_cancels(&m, shards, 8), 0);
	says_drain(&m, 3, true);
	assert_int_equal(plan_cancels(&m, shards, 8), 1);
	assert_int_equal(shards[0], 1);
	says_dead(&m, 1);
	assert_int_equal(plan_cancels(&m, shards, 8), 2);
	assert_int_equal(plan_cancels(&m, shards, 1), 1);
	machine_fini(&m);
}

static void who_leaves_is_removed_when_it_has_nothing_left(void **state)
{
	struct machine m = says_cluster(true, 8, 2);

	(void)state;
	settle(&m, 64);
	assert_int_equal(plan_removal(&m), MACHINE_NOBODY);
	says_leave(&m, 1);
	assert_int_equal(plan_removal(&m), MACHINE_NOBODY);
	settle(&m, 64);
	assert_int_equal(plan_removal(&m), 1);
	says_remove(&m, 1, false);
	assert_int_equal(plan_removal(&m), MACHINE_NOBODY);
	machine_fini(&m);
}

/* --- who votes --- */

struct engine {
	struct plan_server servers[16];
	uint32_t count;
	uint64_t leader;
};

static struct plan_server *server(struct engine *e, uint64_t id)
{
	for (uint32_t i = 0; i < e->count; i++)
		if (e->servers[i].id == id)
			return &e->servers[i];
	return NULL;
}

static uint32_t voting(const struct engine *e, bool alive)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->count; i++)
		n += e->servers[i].role == PLAN_VOTER && (e->servers[i].alive || !alive);
	return n;
}

/* What the engine makes of a change; it must still be able to decide anything. */
static void carry_out(struct engine *e, struct plan_change c)
{
	struct plan_server *s = server(e, c.id);

	switch (c.action) {
	case PLAN_ADD:
		assert_true(s == NULL && e->count < 16);
		e->servers[e->count++] = (struct plan_server){ c.id, PLAN_SPARE, true };
		break;
	case PLAN_ASSIGN:
		assert_true(s && s->role != c.role);
		assert_false(c.id == e->leader && c.role != PLAN_VOTER);
		assert_true(s->alive || c.role != PLAN_VOTER);
		s->role = c.role;
		break;
	case PLAN_REMOVE:
		assert_true(s && c.id != e->leader);
		*s = e->servers[--e->count];
		break;
	case PLAN_TRANSFER:
		assert_true(s && s->role == PLAN_VOTER && s->alive);
		e->leader = c.id;
		break;
	default:
		fail();
	}
	assert_true(voting(e, true) > voting(e, false) / 2);
}

/* Until there is nothing to change; how many changes that were. */
static uint32_t arrange(struct engine *e, const struct machine *m)
{
	struct plan_change c;
	uint32_t n = 0;

	for (; (c = plan_roles(m, e->servers, e->count, e->leader)).action != PLAN_NOTHING; n++) {
		assert_true(n < 100);
		carry_out(e, c);
	}
	return n;
}

static struct engine engine_of(const struct machine *m)
{
	struct engine e = { .servers = { { 1, PLAN_VOTER, true } }, .count = 1, .leader = 1 };

	arrange(&e, m);
	return e;
}

static void small_clusters_have_one_voter_larger_ones_three_and_five(void **state)
{
	static const uint32_t voters[] = { 0, 1, 1, 3, 3, 3, 3, 5, 5 };

	(void)state;
	for (uint32_t count = 1; count <= 8; count++) {
		struct machine m = says_cluster(true, 4, count);
		struct engine e = engine_of(&m);

		assert_int_equal(e.count, count);
		assert_int_equal(voting(&e, true), voters[count]);
		for (uint32_t i = 0; i < e.count; i++)
			assert_int_not_equal(e.servers[i].role, PLAN_SPARE);
		machine_fini(&m);
	}
}

static void an_even_number_of_voters_is_not_stopped_at(void **state)
{
	struct machine m = says_cluster(true, 4, 3);
	struct engine e = engine_of(&m);

	(void)state;
	server(&e, 2)->role = server(&e, 3)->role = PLAN_STANDBY;
	server(&e, 3)->alive = false;
	assert_int_equal(arrange(&e, &m), 0); /* with two, either one's end would be the end */
	server(&e, 3)->alive = true;
	assert_int_equal(arrange(&e, &m), 2);
	machine_fini(&m);
}

static void a_dead_voters_place_goes_to_a_standby(void **state)
{
	struct machine m = says_cluster(true, 4, 4);
	struct engine e = engine_of(&m);
	struct plan_change c;

	(void)state;
	server(&e, 2)->alive = false;
	assert_int_equal(arrange(&e, &m), 0); /* not heard for a moment: that is not down */
	says_dead(&m, 2);
	c = plan_roles(&m, e.servers, e.count, e.leader);
	assert_true(c.action == PLAN_ASSIGN && c.id == 4 && c.role == PLAN_VOTER);
	carry_out(&e, c);
	c = plan_roles(&m, e.servers, e.count, e.leader);
	assert_true(c.action == PLAN_ASSIGN && c.id == 2 && c.role == PLAN_STANDBY);
	carry_out(&e, c);
	assert_int_equal(arrange(&e, &m), 0);
	says_dead(&m, 3); /* and no standby is left */
	server(&e, 3)->alive = false;
	assert_int_equal(arrange(&e, &m), 0);
	assert_int_equal(voting(&e, false), 3);
	machine_fini(&m);
}

static void a_leader_that_leaves_hands_over_first(void **state)
{
	struct machine m = says_cluster(true, 4, 2);
	struct engine e = engine_of(&m);

	(void)state;
	says_leave(&m, 1);
	arrange(&e, &m);
	assert_int_equal(e.leader, 2);
	assert_int_equal(server(&e, 1)->role, PLAN_STANDBY); /* it needs the log to give its shards away */
	settle(&m, 4);
	says_remove(&m, 1, false);
	arrange(&e, &m);
	assert_null(server(&e, 1));
	assert_int_equal(voting(&e, false), 1);
	machine_fini(&m);
}

static void whatever_dies_and_leaves_the_plan_ends_and_keeps_its_quorum(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct machine m = says_cluster(true, 4, 7);
		struct engine e = engine_of(&m);

		for (int i = 0; i < 6; i++) {
			uint64_t id = 1 + (random = random * 1664525 + 1013904223) / 65536 % 7;
			struct plan_server *s = server(&e, id);

			if (s && id != e.leader && random / 256 % 3 == 0 && voting(&e, true) > voting(&e, false) / 2 + 1) {
				s->alive = false;
				says_dead(&m, id);
			} else if (s && random / 256 % 3 == 1) {
				says_leave(&m, id);
			} else if (s && machine_member(&m, id)) {
				s->alive = true;
				says_renew(&m, id, 2, 1 + machine_member(&m, id)->renewal);
			}
			settle(&m, 4);
			if (plan_removal(&m) != MACHINE_NOBODY)
				says_remove(&m, plan_removal(&m), false);
			arrange(&e, &m);
		}
		assert_true(machine_member(&m, e.leader) != NULL);
		machine_fini(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_member_gets_its_share_with_the_fewest_moves),
		cmocka_unit_test(what_does_not_divide_stays_where_it_is),
		cmocka_unit_test(shards_in_flight_count_and_runs_stand_together),
		cmocka_unit_test(who_drains_gives_all_away_and_gets_its_share_back),
		cmocka_unit_test(a_dead_owners_own_store_is_left_alone),
		cmocka_unit_test(moves_that_cannot_end_are_given_up),
		cmocka_unit_test(who_leaves_is_removed_when_it_has_nothing_left),
		cmocka_unit_test(small_clusters_have_one_voter_larger_ones_three_and_five),
		cmocka_unit_test(an_even_number_of_voters_is_not_stopped_at),
		cmocka_unit_test(a_dead_voters_place_goes_to_a_standby),
		cmocka_unit_test(a_leader_that_leaves_hands_over_first),
		cmocka_unit_test(whatever_dies_and_leaves_the_plan_ends_and_keeps_its_quorum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
