/* Owns the short calls that tests of the cluster's machine are told with. */
#include "tests/unit/supervisor/cluster_says.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

void says_check(const struct machine *m)
{
	struct buffer why = { 0 }, once = { 0 }, twice = { 0 };
	struct machine copy = { 0 };

	if (!machine_check(m, &why)) {
		buffer_append(&why, "", 1);
		fail_msg("%s", buffer_bytes(&why).data);
	}
	machine_snapshot(m, &once);
	assert_true(machine_restore(&copy, buffer_bytes(&once)));
	machine_snapshot(&copy, &twice);
	assert_true(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
	machine_fini(&copy);
	buffer_fini(&once);
	buffer_fini(&twice);
	buffer_fini(&why);
}

struct machine_result says(struct machine *m, struct buffer *command)
{
	struct machine_result done;

	/* As a log keeps it. */
	buffer_append(command, "\0\0\0\0\0\0\0", (8 - buffer_length(command) % 8) % 8);
	machine_apply(m, buffer_bytes(command), &done);
	buffer_fini(command);
	says_check(m);
	return done;
}

static struct machine_node node(uint64_t id, uint32_t weight, char (*texts)[32])
{
	snprintf(texts[0], sizeof(*texts), "node%u", (unsigned)id);
	snprintf(texts[1], sizeof(*texts), "host%u:7000", (unsigned)id);
	return (struct machine_node){ id, bytes_of(texts[0]), bytes_of(texts[1]), weight, 1, 1 };
}

struct machine_result says_found(struct machine *m, bool shared, uint32_t shards, uint64_t first)
{
	struct machine_found found = { .cluster = "a cluster", .shard_count = shards, .shared = shared };
	struct buffer out = { 0 };
	char texts[2][32];
	struct machine_node n = node(first, 1, texts);

	machine_encode_found(&out, &found, &n);
	return says(m, &out);
}

struct machine_result says_add(struct machine *m, uint64_t id, uint32_t weight)
{
	struct buffer out = { 0 };
	char texts[2][32];
	struct machine_node n = node(id, weight, texts);

	machine_encode_add(&out, &n);
	return says(m, &out);
}

struct machine_result says_renew(struct machine *m, uint64_t id, uint64_t incarnation, uint64_t renewal)
{
	struct buffer out = { 0 };

	machine_encode_renew(&out, id, incarnation, renewal);
	return says(m, &out);
}

struct machine_result says_down(struct machine *m, uint64_t id, uint64_t incarnation, uint64_t renewal)
{
	struct buffer out = { 0 };

	machine_encode_down(&out, id, incarnation, renewal);
	return says(m, &out);
}

struct machine_result says_dead(struct machine *m, uint64_t id)
{
	const struct machine_member *member = machine_member(m, id);

	assert_non_null(member);
	return says_down(m, id, member->incarnation, member->renewal);
}

struct machine_result says_drain(struct machine *m, uint64_t id, bool on)
{
	struct buffer out = { 0 };

	machine_encode_drain(&out, id, on);
	return says(m, &out);
}

struct machine_result says_leave(struct machine *m, uint64_t id)
{
	struct buffer out = { 0 };

	machine_encode_leave(&out, id);
	return says(m, &out);
}

struct machine_result says_move(struct machine *m, uint32_t shard, uint64_t to)
{
	struct buffer out = { 0 };

	machine_encode_move(&out, to, &shard, 1);
	return says(m, &out);
}

struct machine_result says_moved(struct machine *m, uint32_t shard)
{
	struct machine_gone gone = { shard, m->shards[shard].epoch, m->shards[shard].move };
	struct buffer out = { 0 };

	machine_encode_moved(&out, m->shards[shard].owner, &gone, 1);
	return says(m, &out);
}

struct machine_result says_raise(struct machine *m, uint32_t shard, uint64_t owner, uint32_t epoch, uint32_t above)
{
	struct machine_gone seen = { shard, epoch, above };
	struct buffer out = { 0 };

	machine_encode_raise(&out, owner, &seen, 1);
	return says(m, &out);
}

struct machine_result says_cancel(struct machine *m, uint32_t shard)
{
	struct buffer out = { 0 };

	machine_encode_cancel(&out, &shard, 1);
	return says(m, &out);
}

struct machine_result says_remove(struct machine *m, uint64_t id, bool lost)
{
	struct buffer out = { 0 };

	machine_encode_remove(&out, id, lost);
	return says(m, &out);
}

struct machine says_cluster(bool shared, uint32_t shards, uint32_t count)
{
	struct machine m = { 0 };

	assert_int_equal(says_found(&m, shared, shards, 1).code, MACHINE_DONE);
	assert_int_equal(says_renew(&m, 1, 1, 1).code, MACHINE_DONE);
	for (uint64_t id = 2; id <= count; id++) {
		assert_int_equal(says_add(&m, id, 1).code, MACHINE_DONE);
		assert_int_equal(says_renew(&m, id, 1, 1).code, MACHINE_DONE);
	}
	return m;
}
