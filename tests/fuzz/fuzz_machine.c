/* Any bytes as commands of the cluster's machine (each behind a byte that says how long it
 * is), and as its snapshot: whatever is applied, the invariants hold and the state survives
 * its own snapshot. */
#include "tests/fuzz/fuzz.h"

#include "supervisor/cluster/machine.h"
#include "supervisor/cluster/machine_command.h"
#include "supervisor/cluster/plan.h"

/* Restored from its snapshot it is the same. */
static void survives(const struct machine *m)
{
	struct buffer once = { 0 }, twice = { 0 }, why = { 0 };
	struct machine copy = { 0 };

	FUZZ_CHECK(machine_check(m, &why));
	machine_snapshot(m, &once);
	FUZZ_CHECK(machine_restore(&copy, buffer_bytes(&once)));
	machine_snapshot(&copy, &twice);
	FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
	machine_fini(&copy);
	buffer_fini(&once);
	buffer_fini(&twice);
	buffer_fini(&why);
}

static void plan(const struct machine *m)
{
	struct plan_server servers[2] = { { 1, PLAN_VOTER, true }, { 2, PLAN_STANDBY, true } };
	struct plan_move moves[4];
	uint32_t shards[4];

	FUZZ_CHECK(plan_moves(m, 4, moves) <= 4 && plan_cancels(m, shards, 4) <= 4);
	plan_removal(m);
	plan_roles(m, servers, 2, 1);
}

static void apply(struct machine *m, struct bytes command)
{
	struct machine_result done;
	uint64_t before = m->applied;

	machine_apply(m, command, &done);
	FUZZ_CHECK(m->applied == before + (done.code == MACHINE_DONE));
	FUZZ_CHECK((done.code == MACHINE_REFUSED) == (done.reason != NULL));
}

static void founded(struct machine *m)
{
	struct machine_found found = { .shard_count = 8, .shared = true };
	struct machine_node first = { 1, bytes_of("a"), bytes_of("a:1"), 1, 1, 1 };
	struct buffer out = { 0 };

	machine_encode_found(&out, &found, &first);
	apply(m, buffer_bytes(&out));
	buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine m = { 0 };

	if (!machine_restore(&m, fuzz_bytes(data, size)))
		founded(&m);
	while (size > 0) {
		size_t n = data[0] < size ? data[0] : size - 1;

		apply(&m, fuzz_bytes(data + 1, n));
		data += 1 + n;
		size -= 1 + n;
	}
	survives(&m);
	plan(&m);
	machine_fini(&m);
	return 0;
}
