/* Owns the admin commands `quarantine` and `release`. */
#include <errno.h>
#include <stdio.h>

#include "supervisor/admin_dispatch.h"
#include "supervisor/attribution.h"

static const struct admin_column columns[] = {
	{ "address", 0 }, { "method", 0 }, { "held", 0 }, { "cause", 0 },
	{ "times", 0 }, { "last", ADMIN_CELL_TIME }, { NULL, 0 },
};

void admin_quarantine(struct admin_run *run)
{
	const struct quarantine *q = &run->node->quarantine;

	admin_table_init(&run->table, columns);
	for (uint32_t i = 0; i < q->count; i++) {
		const struct quarantine_entry *e = &q->entries[i];
		struct buffer *row;

		if (!e->held)
			continue;
		row = admin_table_row(&run->table, 6);
		admin_pair_text(row, "address", e->address);
		admin_pair_text(row, "method", e->method);
		admin_pair_text(row, "held", e->whole ? "actor" : "message");
		admin_pair_text(row, "cause", e->cause);
		admin_pair_uint(row, "times", e->times);
		admin_pair_uint(row, "last", e->last);
	}
	admin_run_table(run);
	admin_run_ok(run, NULL);
}

void admin_release(struct admin_run *run)
{
	struct bytes address = run->command.arguments[0];
	int count;

	if (!address_valid(address)) {
		admin_run_fail(run, ADMIN_USAGE, "bad-arg", "this is no address");
		return;
	}
	count = attribution_release(run->node, address);
	if (count == 0)
		admin_run_fail(run, ADMIN_NEGATIVE, "not-held", "nothing of this address is held");
	else if (count < 0)
		admin_run_fail(run, ADMIN_INTERNAL, "not-kept", "it is free until the next start: the quarantine cannot be written");
	else
		admin_run_ok(run, NULL);
}
