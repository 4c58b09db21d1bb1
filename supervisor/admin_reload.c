/* Owns the admin command `reload`, and how its problems are shown. */
#include "proto/msgpack.h"
#include "supervisor/admin_dispatch.h"
#include "supervisor/reload.h"

static void emit_problem(void *to, struct bytes line)
{
	admin_run_data(to, line);
}

/* For people a problem is one line, as compilers write them: FILE:LINE: message. */
static void on_problem(void *owner, struct bytes problem)
{
	struct admin_run *run = owner;
	struct admin_table one = { .count = 1 };
	struct buffer line = { 0 };
	uint64_t number = admin_row_uint(problem, "line");

	if (run->json) {
		buffer_append_bytes(&one.rows, problem);
		admin_table_json(&one, run, emit_problem);
		admin_table_fini(&one);
		return;
	}
	admin_cell_text(admin_row_get(problem, "file"), ADMIN_CELL_PLAIN, &line);
	if (number > 0)
		buffer_printf(&line, ":%llu", (unsigned long long)number);
	buffer_append_text(&line, ": ");
	admin_cell_text(admin_row_get(problem, "message"), ADMIN_CELL_PLAIN, &line);
	admin_run_data(run, buffer_bytes(&line));
	buffer_fini(&line);
}

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
	reload_detach(run->node, run);
}

void admin_reload(struct admin_run *run)
{
	const struct reload_watcher watcher = { run, on_problem, on_note, on_done };

	if (reload_start(run->node, &watcher) < 0)
		admin_run_fail(run, ADMIN_TEMPORARY, "busy", "a reload is under way, or the node does not serve yet");
	else
		run->on_gone = on_gone;
}
