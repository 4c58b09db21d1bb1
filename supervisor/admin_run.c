/* Owns a command's life from its verb's row to its one `ok` or `err` line. */
#include "supervisor/admin_run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "supervisor/admin_connection.h"
#include "supervisor/admin_dispatch.h"

#define WAIT_DEFAULT 3000 /* ms for children to answer */
#define WAIT_MOST 600000

static void on_limit(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct admin_run *run = w->data;

	(void)loop, (void)events;
	run->on_late(run);
}

struct admin_run *admin_run_new(struct admin_connection *connection, struct node *node,
                                const struct admin_command *command, char *take_line)
{
	struct admin_run *run = memory_new(sizeof(*run));

	*run = (struct admin_run){ .connection = connection, .node = node, .command = *command,
	                           .line = take_line, .wait = WAIT_DEFAULT };
	ev_init(&run->limit, on_limit);
	return run;
}

void admin_run_free(struct admin_run *run)
{
	if (run == NULL)
		return;
	if (!run->done && run->on_gone != NULL)
		run->on_gone(run);
	ev_timer_stop(run->node->loop, &run->limit);
	query_cancel(run->query);
	admin_table_fini(&run->table);
	free(run->line);
	free(run);
}

struct bytes admin_run_option(const struct admin_run *run, const char *key)
{
	for (size_t i = 0; i < run->command.option_count; i++) {
		if (bytes_equal(run->command.options[i].key, bytes_of(key)))
			return run->command.options[i].value;
	}
	return (struct bytes){ 0 };
}

/* fmt= and wait=, which every command takes. */
static const char *take_options(struct admin_run *run)
{
	struct bytes format = admin_run_option(run, "fmt"), wait = admin_run_option(run, "wait");
	char digits[16];

	if (format.data != NULL && !bytes_equal(format, BYTES_LITERAL("json")) &&
	    !bytes_equal(format, BYTES_LITERAL("text")))
		return "fmt is json or text";
	run->json = bytes_equal(format, BYTES_LITERAL("json"));
	if (wait.data == NULL)
		return NULL;
	if (wait.len == 0 || wait.len >= 10)
		return "wait is a number of milliseconds";
	memcpy(digits, wait.data, wait.len);
	digits[wait.len] = '\0';
	if (strspn(digits, "0123456789") != wait.len)
		return "wait is a number of milliseconds";
	run->wait = strtoull(digits, NULL, 10);
	run->wait = run->wait > WAIT_MOST ? WAIT_MOST : run->wait;
	return NULL;
}

/* Everything an admin alone may do changes something. */
static void audit(const struct admin_run *run, const char *who)
{
	struct buffer text = { 0 };

	if (run->row->access != ADMIN_ADMIN)
		return;
	buffer_append_bytes(&text, run->command.verb);
	for (size_t i = 0; i < run->command.argument_count; i++) {
		buffer_append_text(&text, " ");
		buffer_append_bytes(&text, run->command.arguments[i]);
	}
	log_info("audit", F_TEXT("who", who), F_BYTES("command", buffer_bytes(&text)));
	buffer_fini(&text);
}

static void refuse_verb(struct admin_run *run)
{
	const char *near = admin_nearest(run->command.verb);
	char text[192];

	if (near != NULL)
		snprintf(text, sizeof(text), "no such command; did you mean '%s'?", near);
	else
		snprintf(text, sizeof(text), "no such command; `help` lists them");
	admin_run_fail(run, ADMIN_USAGE, "bad-verb", text);
}

void admin_run_start(struct admin_run *run, enum admin_access access, const char *who)
{
	admin_handler handler;
	char scratch[256];
	const char *wrong;

	run->row = admin_find(run->command.verb);
	if (run->row == NULL) {
		refuse_verb(run);
		return;
	}
	wrong = admin_check(run->row, &run->command, scratch);
	if (wrong == NULL)
		wrong = take_options(run);
	handler = admin_dispatch_find(run->command.verb);
	if (access < run->row->access) {
		log_warnx("audit: denied", F_TEXT("who", who), F_BYTES("command", run->command.verb));
		admin_run_fail(run, ADMIN_DENIED, "denied", "this command needs an admin of this node");
	} else if (wrong != NULL) {
		admin_run_fail(run, ADMIN_USAGE, "bad-arg", wrong);
	} else if (handler == NULL) {
		admin_run_fail(run, ADMIN_USAGE, "bad-verb", "this version of stage does not have this command yet");
	} else {
		audit(run, who);
		handler(run);
	}
}

/* --- answers ---------------------------------------------------------------------- */

void admin_run_data(struct admin_run *run, struct bytes line)
{
	admin_format_data(run->command.id, line, admin_connection_out(run->connection));
}

void admin_run_note(struct admin_run *run, const char *text)
{
	admin_format_progress(run->command.id, bytes_of(text), admin_connection_out(run->connection));
	admin_connection_flush(run->connection);
}

void admin_run_limit(struct admin_run *run, void (*on_late)(struct admin_run *run))
{
	run->on_late = on_late;
	run->limit.data = run;
	ev_timer_set(&run->limit, (double)run->wait / 1000, 0.);
	ev_timer_start(run->node->loop, &run->limit);
}

static void finish(struct admin_run *run)
{
	assert(!run->done);
	ev_timer_stop(run->node->loop, &run->limit);
	run->done = true;
	admin_connection_on_done(run->connection);
}

void admin_run_ok(struct admin_run *run, const char *options)
{
	admin_format_ok(run->command.id, bytes_of(options != NULL ? options : ""),
	                admin_connection_out(run->connection));
	finish(run);
}

void admin_run_fail(struct admin_run *run, enum admin_exit exit, const char *code, const char *text)
{
	admin_format_error(run->command.id, exit, code, text, admin_connection_out(run->connection));
	finish(run);
}

void admin_run_end(struct admin_run *run, bool partial)
{
	if (partial)
		admin_run_fail(run, ADMIN_TEMPORARY, "partial", "not every process answered; this is what came");
	else
		admin_run_ok(run, NULL);
}

static void emit_data(void *to, struct bytes line)
{
	admin_run_data(to, line);
}

void admin_run_table(struct admin_run *run)
{
	if (run->json)
		admin_table_json(&run->table, run, emit_data);
	else
		admin_table_text(&run->table, run, emit_data);
}

void admin_run_page(struct admin_run *run)
{
	struct admin_table as_written = run->table; /* JSON in the order of the page */

	as_written.columns = NULL;
	if (run->json)
		admin_table_json(&as_written, run, emit_data);
	else
		admin_page_text(&run->table, run, emit_data);
}

/* --- asking children -------------------------------------------------------------- */

static void ask(struct admin_run *run, struct child *c, const char *verb, struct bytes argument)
{
	const struct control_query m = { run->query->number, bytes_of(verb), argument };
	struct buffer message = { 0 };

	query_expect(run->query, c->role, c->index);
	control_encode_query(&message, &m);
	child_send(c, &message, -1);
	buffer_fini(&message);
}

uint32_t admin_ask(struct admin_run *run, unsigned roles, const char *verb, struct bytes argument,
                   void (*on_answer)(struct query *q))
{
	uint32_t missing = 0;

	run->query = query_new(&run->node->queries, on_answer, run);
	for (uint32_t i = 0; i < run->node->child_count; i++) {
		struct child *c = &run->node->children[i];
		if ((roles & 1u << c->role) == 0)
			continue;
		if (child_reachable(c))
			ask(run, c, verb, argument);
		else
			missing++;
	}
	query_begin(run->query, run->wait);
	return missing;
}

void admin_ask_one(struct admin_run *run, struct child *child, const char *verb, struct bytes argument,
                   void (*on_answer)(struct query *q))
{
	run->query = query_new(&run->node->queries, on_answer, run);
	ask(run, child, verb, argument);
	query_begin(run->query, run->wait);
}
