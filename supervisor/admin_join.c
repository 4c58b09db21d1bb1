/* Owns the admin commands that change this node's membership: `join`, `leave`, `remove`,
 * `drain`, `resume`, and `op`, which attaches to one that is under way. */
#include <errno.h>
#include <stdio.h>

#include "proto/json.h"
#include "supervisor/admin_dispatch.h"
#include "supervisor/cluster/cluster.h"
#include "supervisor/handshake.h"

static void on_answer(void *owner, const char *address, const char *text)
{
	struct admin_run *run = owner;
	struct buffer line = { 0 };

	if (run->json) {
		buffer_append_text(&line, "{\"address\":");
		json_write_text(bytes_of(address), &line);
		buffer_append_text(&line, ",\"answer\":");
		json_write_text(bytes_of(text), &line);
		buffer_append_text(&line, "}");
	} else {
		buffer_printf(&line, "%s: %s", address, text);
	}
	admin_run_data(run, buffer_bytes(&line));
	buffer_fini(&line);
}

static void on_note(void *owner, const char *text)
{
	admin_run_note(owner, text);
}

static void on_done(void *owner, enum admin_exit exit, const char *code, const char *text)
{
	struct admin_run *run = owner;

	run->on_gone = NULL;
	if (exit == ADMIN_DONE)
		admin_run_ok(run, NULL);
	else
		admin_run_fail(run, exit, code, text);
}

static void on_gone(struct admin_run *run)
{
	cluster_detach(run->node, run);
}

static void on_late(struct admin_run *run)
{
	char text[64];

	cluster_detach(run->node, run);
	run->on_gone = NULL;
	snprintf(text, sizeof(text), "it goes on; `op %llu` attaches to it",
	         (unsigned long long)cluster_operation(run->node));
	admin_run_fail(run, ADMIN_TEMPORARY, "late", text);
}

static struct cluster_watcher watcher(struct admin_run *run)
{
	return (struct cluster_watcher){ run, on_answer, on_note, on_done };
}

/* error: of the call that should have begun it. */
static void begun(struct admin_run *run, int error)
{
	char note[32];

	if (error == 0) {
		snprintf(note, sizeof(note), "op=%llu", (unsigned long long)cluster_operation(run->node));
		run->on_gone = on_gone;
		admin_run_note(run, note);
		if (admin_run_option(run, "wait").data != NULL)
			admin_run_limit(run, on_late);
	} else if (error == -ENOTSUP) {
		admin_run_fail(run, ADMIN_CONFIGURATION, "no-secret",
		               "this node belongs to no cluster: set [cluster] secret_file, the same on every node, and restart it");
	} else if (error == -ENOENT) {
		admin_run_fail(run, ADMIN_NEGATIVE, "alone", "it is the only member of its cluster");
	} else {
		admin_run_fail(run, ADMIN_TEMPORARY, "busy", "another operation is under way, or the node does not serve");
	}
}

void admin_join(struct admin_run *run)
{
	const struct cluster_watcher w = watcher(run);

	begun(run, cluster_join(run->node, run->command.arguments, run->command.argument_count, &w));
}

void admin_leave(struct admin_run *run)
{
	const struct cluster_watcher w = watcher(run);

	begun(run, cluster_leave(run->node, &w));
}

void admin_remove(struct admin_run *run)
{
	const struct cluster_watcher w = watcher(run);
	struct bytes lose = admin_run_option(run, "lose");
	int error;

	if (lose.data != NULL && !bytes_equal(lose, BYTES_LITERAL("1"))) {
		admin_run_fail(run, ADMIN_USAGE, "bad-arg", "lose= takes 1");
		return;
	}
	error = cluster_remove(run->node, run->command.arguments[0], lose.data != NULL, &w);
	if (error == -ENOENT)
		admin_run_fail(run, ADMIN_NO_NODE, "unknown", "the cluster has no member of this name; `members` lists them");
	else if (error == -EINVAL)
		admin_run_fail(run, ADMIN_NEGATIVE, "self", "a node that runs is not removed: let it leave");
	else if (error == -ENOTEMPTY)
		admin_run_fail(run, ADMIN_NEGATIVE, "not-empty",
		               "its disk holds the actors of its shards; with lose=1 they are given up and begin anew elsewhere");
	else
		begun(run, error);
}

static bool read_number(struct bytes text, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || value > UINT32_MAX)
			return false;
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	*ret = value;
	return text.len > 0;
}

/* Where nobody else can take its shards it has done what it can once clients know. */
static void drained(struct admin_run *run, int error)
{
	if (error == -ENOTSUP || error == -ENOENT)
		admin_run_ok(run, NULL);
	else
		begun(run, error);
}

void admin_drain(struct admin_run *run)
{
	const struct cluster_watcher w = watcher(run);
	struct bytes option = admin_run_option(run, "deadline");
	uint64_t deadline = 0;

	if (option.data != NULL && !read_number(option, &deadline)) {
		admin_run_fail(run, ADMIN_USAGE, "bad-arg", "deadline= takes milliseconds");
		return;
	}
	handshake_retire(run->node, true);
	drained(run, cluster_drain(run->node, true, deadline, &w));
}

void admin_resume(struct admin_run *run)
{
	const struct cluster_watcher w = watcher(run);

	handshake_retire(run->node, false);
	drained(run, cluster_drain(run->node, false, 0, &w));
}

void admin_op(struct admin_run *run)
{
	const struct cluster_watcher w = watcher(run);
	uint64_t number;

	if (!read_number(run->command.arguments[0], &number)) {
		admin_run_fail(run, ADMIN_USAGE, "bad-arg", "op takes the number that `~ op=` has announced");
		return;
	}
	run->on_gone = on_gone;
	switch (cluster_attach(run->node, number, &w)) {
	case 0:
		if (run->on_gone != NULL && admin_run_option(run, "wait").data != NULL)
			admin_run_limit(run, on_late);
		return;
	case -EBUSY:
		run->on_gone = NULL;
		admin_run_fail(run, ADMIN_TEMPORARY, "busy", "too many are attached to it already");
		return;
	default:
		run->on_gone = NULL;
		admin_run_fail(run, ADMIN_NEGATIVE, "no-op", "no operation of that number is known");
	}
}
