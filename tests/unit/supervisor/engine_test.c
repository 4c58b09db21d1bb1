/* The engine: what is agreed on is applied by every server once, in one order, whatever is
 * closed, cut off or added. Servers of one process, joined by socket pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "supervisor/cluster/engine_parts.h"
#include "tests/unit/supervisor/scratch.h"

#define SERVERS 3
#define WIRES 64
#define PATIENCE 20. /* seconds */

static const struct engine_timing quick = { 100, 20, 8, 8 };

struct server {
	uint64_t id;
	char directory[512];
	struct engine *engine;
	struct buffer applied; /* every entry, each with a comma behind it */
	bool cut, closed, failed;
};

struct dial {
	struct ev_timer timer;
	uint64_t from, to;
	struct engine_dial *request;
};

/* A stream between two servers: a descriptor to cut it by. */
struct wire {
	uint64_t from, to;
	int fd;
};

static struct ev_loop *loop;
static struct wire wires[WIRES];
static unsigned wire_count;
static struct server servers[SERVERS + 1]; /* by id */
static enum engine_status last;
static unsigned done;

/* --- the world -------------------------------------------------------------------- */

static void on_apply(void *owner, struct bytes entry)
{
	struct server *s = owner;

	buffer_append_bytes(&s->applied, entry);
	buffer_append_text(&s->applied, ",");
}

static void on_snapshot(void *owner, struct buffer *out)
{
	struct server *s = owner;

	buffer_append_bytes(out, buffer_bytes(&s->applied));
}

static bool on_restore(void *owner, struct bytes snapshot)
{
	struct server *s = owner;

	buffer_clear(&s->applied);
	buffer_append_bytes(&s->applied, snapshot);
	return true;
}

static void on_change(void *owner)
{
	(void)owner;
}

static void on_failed(void *owner, const char *text)
{
	struct server *s = owner;

	print_message("server %d failed: %s\n", (int)s->id, text);
	s->failed = true;
}

static void on_dial_due(struct ev_loop *l, struct ev_timer *w, int events)
{
	struct dial *d = (struct dial *)w;
	struct server *to = &servers[d->to];
	int fds[2];

	(void)l, (void)events;
	if (to->engine == NULL || to->cut || servers[d->from].cut) {
		engine_dialed(d->request, -1);
	} else {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
		assert_true(wire_count < WIRES);
		wires[wire_count++] = (struct wire){ d->from, d->to, dup(fds[0]) };
		engine_accept(to->engine, d->from, "x:1", fds[0]);
		engine_dialed(d->request, fds[1]);
	}
	free(d);
}

static void on_dial(void *owner, uint64_t id, const char *address, struct engine_dial *request)
{
	struct server *s = owner;
	struct dial *d = memory_new(sizeof(*d));

	(void)address;
	*d = (struct dial){ .from = s->id, .to = id, .request = request };
	ev_timer_init(&d->timer, on_dial_due, 0., 0.);
	ev_timer_start(loop, &d->timer);
}

static const struct engine_handlers handlers = {
	on_apply, on_snapshot, on_restore, on_change, on_dial, on_failed,
};

static void open_server(void **state, uint64_t id, bool found)
{
	struct server *s = &servers[id];
	struct buffer error = { 0 };
	char address[32];

	s->id = id;
	s->closed = s->cut = false;
	buffer_clear(&s->applied);
	snprintf(s->directory, sizeof(s->directory), "%s/raft%d", (const char *)*state, (int)id);
	snprintf(address, sizeof(address), "server%d:1", (int)id);
	if (engine_open(&s->engine, loop, s->directory, id, address, found, &quick, &handlers, s, &error) < 0)
		fail_msg("%.*s", (int)buffer_length(&error), buffer_bytes(&error).data);
}

/* Nothing reaches it or leaves it any more, not even what is on its way. */
static void cut(uint64_t id)
{
	servers[id].cut = true;
	for (unsigned i = 0; i < wire_count; i++)
		if (wires[i].from == id || wires[i].to == id)
			shutdown(wires[i].fd, SHUT_RDWR);
}

/* --- waiting ---------------------------------------------------------------------- */

/* libuv runs before the loop sleeps: what it has brought about is looked at soon after. */
static void on_look(struct ev_loop *l, struct ev_timer *w, int events)
{
	(void)l, (void)w, (void)events;
}

#define UNTIL(condition)                                          \
	do {                                                      \
		struct ev_timer look_;                            \
		ev_tstamp end_ = ev_time() + PATIENCE;            \
		ev_timer_init(&look_, on_look, 0.005, 0.005);     \
		ev_timer_start(loop, &look_);                     \
		while (!(condition)) {                            \
			if (ev_time() > end_)                     \
				fail_msg("not in time: %s", #condition); \
			ev_run(loop, EVRUN_ONCE);                 \
		}                                                 \
		ev_timer_stop(loop, &look_);                      \
	} while (0)

static void on_done(void *owner, enum engine_status status)
{
	(void)owner;
	last = status;
	done++;
}

static enum engine_status propose(uint64_t id, const char *entry)
{
	unsigned before = done;

	engine_propose(servers[id].engine, bytes_of(entry), on_done, NULL);
	UNTIL(done > before);
	return last;
}

static uint64_t leader(void)
{
	for (uint64_t id = 1; id <= SERVERS; id++)
		if (servers[id].engine != NULL && !servers[id].cut && engine_is_leader(servers[id].engine))
			return id;
	return 0;
}

static void on_closed(void *owner)
{
	struct server *s = owner;

	s->engine = NULL;
	s->closed = true;
}

static void close_server(uint64_t id)
{
	if (servers[id].engine == NULL)
		return;
	engine_close(servers[id].engine, on_closed, &servers[id]);
	UNTIL(servers[id].closed);
}

static bool has_applied(uint64_t id, const char *all)
{
	return bytes_equal(buffer_bytes(&servers[id].applied), bytes_of(all));
}

/* Change: done, however often the leader is busy with another. */
#define CHANGE(call)                                               \
	do {                                                       \
		do {                                               \
			unsigned before_ = done;                   \
			call;                                      \
			UNTIL(done > before_);                     \
		} while (last == ENGINE_BUSY);                     \
		assert_int_equal(last, ENGINE_DONE);               \
	} while (0)

/* The leader knows that this server has all. */
static bool has_confirmed_all(uint64_t by, uint64_t id)
{
	struct raft *r = &servers[by].engine->raft;
	raft_index match;

	return raft_match_index(r, id, &match) == 0 && match == raft_last_index(r);
}

static bool is_voter(uint64_t by, uint64_t id)
{
	struct engine_server list[SERVERS + 1];
	uint32_t count = engine_configuration(servers[by].engine, list, SERVERS + 1);

	for (uint32_t i = 0; i < count; i++)
		if (list[i].id == id)
			return list[i].role == ENGINE_VOTER;
	return false;
}

static void three(void **state)
{
	open_server(state, 1, true);
	UNTIL(leader() == 1);
	for (uint64_t id = 2; id <= SERVERS; id++) {
		char address[32];

		snprintf(address, sizeof(address), "server%d:1", (int)id);
		open_server(state, id, false);
		CHANGE(engine_add(servers[1].engine, id, address, on_done, NULL));
		CHANGE(engine_assign(servers[1].engine, id, ENGINE_VOTER, on_done, NULL));
	}
}

/* --- stories ---------------------------------------------------------------------- */

static void a_cluster_of_one_decides_at_once_and_remembers(void **state)
{
	open_server(state, 1, true);
	UNTIL(leader() == 1);
	assert_int_equal(propose(1, "a"), ENGINE_DONE);
	assert_int_equal(propose(1, "entry whose length is no multiple of eight"), ENGINE_DONE);
	assert_true(has_applied(1, "a,entry whose length is no multiple of eight,"));
	close_server(1);
	open_server(state, 1, true); /* it was founded before: nothing is begun anew */
	UNTIL(has_applied(1, "a,entry whose length is no multiple of eight,"));
}

static void who_is_added_learns_everything_even_from_a_snapshot(void **state)
{
	char all[512] = "";

	open_server(state, 1, true);
	UNTIL(leader() == 1);
	for (int i = 0; i < 40; i++) { /* more than are kept behind a snapshot */
		char entry[8];

		snprintf(entry, sizeof(entry), "e%d", i);
		assert_int_equal(propose(1, entry), ENGINE_DONE);
		strcat(all, entry);
		strcat(all, ",");
	}
	open_server(state, 2, false);
	CHANGE(engine_add(servers[1].engine, 2, "server2:1", on_done, NULL));
	CHANGE(engine_assign(servers[1].engine, 2, ENGINE_STANDBY, on_done, NULL));
	UNTIL(has_applied(2, all));
	CHANGE(engine_assign(servers[1].engine, 2, ENGINE_VOTER, on_done, NULL));
	CHANGE(engine_add(servers[1].engine, 2, "server2:1", on_done, NULL)); /* once more is no mistake */
	CHANGE(engine_assign(servers[1].engine, 2, ENGINE_SPARE, on_done, NULL));
	CHANGE(engine_remove(servers[1].engine, 2, on_done, NULL));
}

static void only_the_leader_proposes_and_all_hear_it(void **state)
{
	struct engine_server list[SERVERS];

	three(state);
	assert_int_equal(engine_configuration(servers[1].engine, list, SERVERS), SERVERS);
	assert_int_equal(list[2].role, ENGINE_VOTER);
	assert_int_equal(propose(2, "no"), ENGINE_NOT_LEADER);
	assert_int_equal(propose(1, "yes"), ENGINE_DONE);
	for (uint64_t id = 1; id <= SERVERS; id++)
		UNTIL(has_applied(id, "yes,"));
}

static void the_leaders_end_is_not_the_clusters(void **state)
{
	uint64_t next;

	three(state);
	assert_int_equal(propose(1, "before"), ENGINE_DONE);
	close_server(1);
	UNTIL((next = leader()) != 0);
	assert_int_equal(propose(next, "after"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,after,") && has_applied(3, "before,after,"));
	open_server(state, 1, false);
	UNTIL(has_applied(1, "before,after,"));
}

static void who_leads_hands_over_when_asked(void **state)
{
	three(state);
	CHANGE(engine_transfer(servers[1].engine, 3, on_done, NULL));
	UNTIL(leader() == 3);
	assert_int_equal(propose(3, "mine"), ENGINE_DONE);
}

static void without_a_majority_nothing_is_decided(void **state)
{
	unsigned before;

	three(state);
	close_server(2);
	close_server(3);
	before = done;
	engine_propose(servers[1].engine, BYTES_LITERAL("alone"), on_done, NULL);
	UNTIL(!engine_is_leader(servers[1].engine)); /* it finds out, and steps down */
	assert_true(done == before || last != ENGINE_DONE);
	open_server(state, 2, false);
	UNTIL(leader() != 0);
	assert_int_equal(propose(leader(), "together"), ENGINE_DONE);
	/* Of what it could not decide nobody knows, but all know the same. */
	UNTIL(has_applied(1, "together,") || has_applied(1, "alone,together,"));
	UNTIL(bytes_equal(buffer_bytes(&servers[1].applied), buffer_bytes(&servers[2].applied)));
}

/* One voter, and another server that is to become the second. */
static void one_and_a_standby(void **state)
{
	open_server(state, 1, true);
	UNTIL(leader() == 1);
	open_server(state, 2, false);
	CHANGE(engine_add(servers[1].engine, 2, "server2:1", on_done, NULL));
	CHANGE(engine_assign(servers[1].engine, 2, ENGINE_STANDBY, on_done, NULL));
	assert_int_equal(propose(1, "before"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,") && has_confirmed_all(1, 2));
}

/* The first makes the second a voter, and that is only in its own log when both are apart: it
 * is restarted, so that nothing is left of what it was about to send. */
static void give_a_vote_unheard(void **state)
{
	cut(2);
	engine_assign(servers[1].engine, 2, ENGINE_VOTER, on_done, NULL);
	UNTIL(servers[1].engine->raft.last_stored == raft_last_index(&servers[1].engine->raft));
	close_server(1);
	open_server(state, 1, false);
	assert_true(is_voter(1, 2));
	assert_false(is_voter(2, 2));
}

/* Without the second's vote the first can never lead again. */
static void a_server_votes_that_has_not_heard_of_its_vote(void **state)
{
	one_and_a_standby(state);
	give_a_vote_unheard(state);
	servers[2].cut = false;
	UNTIL(leader() == 1);
	assert_int_equal(propose(1, "after"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,after,") && is_voter(2, 2));
}

static void and_does_so_after_a_restart(void **state)
{
	one_and_a_standby(state);
	give_a_vote_unheard(state);
	close_server(2);
	open_server(state, 2, false);
	UNTIL(leader() == 1);
	assert_int_equal(propose(1, "after"), ENGINE_DONE);
	UNTIL(has_applied(2, "before,after,") && is_voter(2, 2));
}

static void a_standby_forgets_a_leader_that_is_silent(void **state)
{
	const char *address;
	uint64_t id;

	one_and_a_standby(state);
	assert_true(engine_leader(servers[2].engine, &id, &address));
	cut(2);
	UNTIL(!engine_leader(servers[2].engine, &id, &address));
	servers[2].cut = false;
	UNTIL(engine_leader(servers[2].engine, &id, &address) && id == 1);
}

static bool is_heard(uint64_t by, uint64_t id)
{
	struct engine_server list[SERVERS + 1];
	uint32_t count = engine_configuration(servers[by].engine, list, SERVERS + 1);

	for (uint32_t i = 0; i < count; i++)
		if (list[i].id == id)
			return list[i].heard;
	return false;
}

static void the_leader_knows_who_answers(void **state)
{
	one_and_a_standby(state);
	assert_true(is_heard(1, 1) && is_heard(1, 2));
	assert_false(is_heard(2, 1));
	cut(2);
	UNTIL(!is_heard(1, 2));
	servers[2].cut = false;
	UNTIL(is_heard(1, 2));
}

/* Servers without a vote get entries in batches, changes of the configuration among them. */
static void who_was_away_during_a_change_can_make_the_next(void **state)
{
	three(state);
	UNTIL(has_confirmed_all(1, 3));
	close_server(3);
	assert_int_equal(propose(1, "before"), ENGINE_DONE);
	CHANGE(engine_add(servers[1].engine, 4, "server4:1", on_done, NULL));
	assert_int_equal(propose(1, "after"), ENGINE_DONE);
	open_server(state, 3, false);
	UNTIL(has_applied(3, "before,after,") && has_confirmed_all(1, 3));
	CHANGE(engine_transfer(servers[1].engine, 3, on_done, NULL));
	UNTIL(leader() == 3);
	assert_int_equal(propose(3, "mine"), ENGINE_DONE);
	engine_remove(servers[3].engine, 4, on_done, NULL);
	UNTIL(!servers[3].engine->raft.configuration_uncommitted_index);
	assert_int_equal(last, ENGINE_DONE);
}

static int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN); /* as the supervisor does: libuv writes to who is gone */
	loop = ev_loop_new(EVFLAG_AUTO);
	memset(servers, 0, sizeof(servers));
	done = wire_count = 0;
	return scratch_make(state);
}

static int tear_down(void **state)
{
	for (uint64_t id = 1; id <= SERVERS; id++) {
		close_server(id);
		buffer_fini(&servers[id].applied);
	}
	for (unsigned i = 0; i < wire_count; i++)
		close(wires[i].fd);
	ev_run(loop, EVRUN_NOWAIT);
	ev_loop_destroy(loop);
	return scratch_remove(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cluster_of_one_decides_at_once_and_remembers),
		TEST(who_is_added_learns_everything_even_from_a_snapshot),
		TEST(only_the_leader_proposes_and_all_hear_it),
		TEST(the_leaders_end_is_not_the_clusters),
		TEST(who_leads_hands_over_when_asked),
		TEST(without_a_majority_nothing_is_decided),
		TEST(a_server_votes_that_has_not_heard_of_its_vote),
		TEST(and_does_so_after_a_restart),
		TEST(a_standby_forgets_a_leader_that_is_silent),
		TEST(the_leader_knows_who_answers),
		TEST(who_was_away_during_a_change_can_make_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
