/* A `stage` started by a test, with fake children: its log is read as it comes, its
 * admin socket is asked. Whatever takes longer than half a minute fails the test. */
#ifndef TESTS_UNIT_SUPERVISOR_NODE_SERVER_H
#define TESTS_UNIT_SUPERVISOR_NODE_SERVER_H

#include <sys/types.h>

#include "common/buffer.h"

struct node_server {
	const char *home; /* holds stage.ini, state, run, actors */
	pid_t pid;
	int log; /* its stderr */
	struct buffer said; /* its log so far, with a NUL after it */
	size_t heard; /* up to where node_await() has read */
};

/* Writes stage.ini (settings: more lines of it) and starts `stage`; faults as in
 * fake_child.c, or NULL. */
void node_start(struct node_server *s, const char *home, const char *settings, const char *faults);

/* Returns when the log says the text, after what was awaited before. */
void node_await(struct node_server *s, const char *text);

/* Waits for its end; returns the exit status, -1 where a signal ended it. */
int node_wait(struct node_server *s);

/* Sends SIGTERM and waits. */
int node_end(struct node_server *s);

/* Sends lines to the admin socket, ends the input and returns all that comes back:
 * valid until the next call. */
const char *node_ask(const struct node_server *s, const char *lines);

/* Asks the same until the answer contains the text. */
void node_ask_until(const struct node_server *s, const char *lines, const char *text);

/* The pid of a child as `workers` tells it. */
pid_t node_child_pid(const struct node_server *s, const char *role, unsigned index);

/* Runs stagectl with these arguments (NULL at the end) beside the server; output gets
 * stdout, then stderr. Returns the exit status. */
int node_stagectl(const struct node_server *s, const char *const arguments[], char output[8192]);

#endif
