/* Owns the admin command `restart`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/admin_dispatch.h"
#include "supervisor/handover.h"

static void on_note(void *owner, const char *text)
{
	admin_run_note(owner, text);
}

static void on_done(void *owner, enum admin_exit exit, const char *code, const char *text)
{
	if (exit == ADMIN_DONE)
		admin_run_ok(owner, NULL);
	else
		admin_run_fail(owner, exit, code, text);
}

static void on_gone(struct admin_run *run)
{
	handover_detach(run->node, run);
}

static void on_late(struct admin_run *run)
{
	handover_detach(run->node, run);
	admin_run_fail(run, ADMIN_TEMPORARY, "late", "it goes on; `workers` shows when it serves");
}

static bool read_index(struct bytes text, uint32_t *ret)
{
	uint32_t value = 0;

	if (text.len == 0 || text.len > 5)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text.data[i] - '0');
	}
	*ret = value;
	return true;
}

void admin_restart(struct admin_run *run)
{
	const struct handover_watcher watcher = { run, on_note, on_done };
	struct bytes option = admin_run_option(run, "worker");
	uint32_t worker;
	char text[96];
	int error;

	if (option.data == NULL || !read_index(option, &worker)) {
		admin_run_fail(run, ADMIN_USAGE, "bad-arg", "restart takes worker=N, the number of an actor worker");
		return;
	}
	run->on_gone = on_gone; /* before the first note: nobody may be told after it is freed */
	error = handover_restart(run->node, worker, &watcher);
	if (error == 0) {
		if (admin_run_option(run, "wait").data != NULL)
			admin_run_limit(run, on_late);
		return;
	}
	run->on_gone = NULL;
	snprintf(text, sizeof(text), "there is no such worker: the actor workers are 0 to %u", run->node->actors - 1);
	if (error == -ENOENT)
		admin_run_fail(run, ADMIN_USAGE, "no-worker", text);
	else
		admin_run_fail(run, ADMIN_TEMPORARY, "busy", "a worker is being replaced already, or the node does not serve");
}
