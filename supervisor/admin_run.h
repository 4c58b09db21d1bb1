/* One admin command under way: what its handler gets, and how it answers. */
#ifndef SUPERVISOR_ADMIN_RUN_H
#define SUPERVISOR_ADMIN_RUN_H

#include "proto/admin.h"
#include "supervisor/admin_table.h"
#include "supervisor/node.h"

struct admin_connection;
struct admin_run;

/* Starts the command. It ends with exactly one admin_run_ok() or admin_run_fail(), at
 * once or later from the loop. */
typedef void (*admin_handler)(struct admin_run *run);

struct admin_run {
	struct admin_run *next;
	struct admin_connection *connection;
	struct node *node;
	const struct admin_verb_row *row;
	struct admin_command command; /* points into line */
	char *line;
	bool json;     /* fmt=json */
	uint64_t wait; /* ms that its answer may take */
	bool done;
	struct ev_timer limit; /* of admin_run_limit() */
	void (*on_late)(struct admin_run *run);
	struct query *query; /* awaited, or NULL: cancelled with the command */
	/* What a handler keeps between its start and its end; freed with the command. */
	struct admin_table table;
	uint32_t missing; /* children that could not be asked */
	void (*on_gone)(struct admin_run *run); /* the command is freed before it was done; or NULL */
};

/* Takes a command that was parsed (its slices point into take_line). */
struct admin_run *admin_run_new(struct admin_connection *connection, struct node *node,
                                const struct admin_command *command, char *take_line);
void admin_run_free(struct admin_run *run);

/* Checks verb, access and arguments, writes the audit line, calls the handler. */
void admin_run_start(struct admin_run *run, enum admin_access access, const char *who);

void admin_run_data(struct admin_run *run, struct bytes line);
void admin_run_note(struct admin_run *run, const char *text);
void admin_run_ok(struct admin_run *run, const char *options);
void admin_run_fail(struct admin_run *run, enum admin_exit exit, const char *code, const char *text);

/* NULL data where it has none. */
struct bytes admin_run_option(const struct admin_run *run, const char *key);

/* Sends the run's table, as text (aligned, or a page of facts) or JSON. */
void admin_run_table(struct admin_run *run);
void admin_run_page(struct admin_run *run);

/* Asks every reachable child whose role's bit (1u << role) is set, or one alone.
 * on_answer gets the query once, its owner is the run, and clears run->query. Returns how
 * many children could not be asked. */
uint32_t admin_ask(struct admin_run *run, unsigned roles, const char *verb, struct bytes argument,
                   void (*on_answer)(struct query *q));
void admin_ask_one(struct admin_run *run, struct child *child, const char *verb, struct bytes argument,
                   void (*on_answer)(struct query *q));

/* on_late follows where the command is not done within wait=. */
void admin_run_limit(struct admin_run *run, void (*on_late)(struct admin_run *run));

/* ok, or 75 where the answer is not whole. */
void admin_run_end(struct admin_run *run, bool partial);

#endif
