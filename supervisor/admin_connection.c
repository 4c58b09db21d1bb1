/* Owns one admin peer: framing, the order of its commands, and its bounds. */
#include "supervisor/admin_connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "supervisor/admin_access.h"
#include "supervisor/admin_run.h"
#include "supervisor/admin_server.h"

#define READ_SIZE 65536
#define WAITING_MAX (2 * ADMIN_LINE_MAX) /* bytes of waiting lines; then it is read no further */
#define AUTH_LIMIT 10.0 /* seconds until a TCP peer has shown its token */

static void close_soon(struct admin_connection *c)
{
	if (c->closing)
		return;
	c->closing = true;
	ev_io_stop(c->node->loop, &c->reader);
	ev_io_stop(c->node->loop, &c->writer);
	ev_timer_stop(c->node->loop, &c->deadline);
	admin_server_reap_soon(c->server);
}

static void pump_soon(struct admin_connection *c)
{
	ev_feed_event(c->node->loop, &c->pump, EV_CUSTOM);
}

struct buffer *admin_connection_out(struct admin_connection *c)
{
	return &c->out;
}

void admin_connection_flush(struct admin_connection *c)
{
	pump_soon(c);
}

void admin_connection_on_done(struct admin_connection *c)
{
	pump_soon(c);
}

bool admin_connection_over(const struct admin_connection *c)
{
	return c->closing;
}

/* --- commands --------------------------------------------------------------------- */

static struct admin_run *untagged_run(const struct admin_connection *c)
{
	for (struct admin_run *run = c->runs; run != NULL; run = run->next) {
		if (!run->done && run->command.id.len == 0)
			return run;
	}
	return NULL;
}

static const char *tag_problem(const struct admin_connection *c, struct bytes id)
{
	size_t n = 0;

	for (const struct admin_run *run = c->runs; run != NULL; run = run->next) {
		if (run->done)
			continue;
		if (bytes_equal(run->command.id, id))
			return "this tag is in use";
		n++;
	}
	return n >= ADMIN_TAGGED_MAX ? "too many commands side by side" : NULL;
}

/* Before anything else a TCP peer shows the token; a wrong one ends the connection. */
static void authenticate(struct admin_connection *c, const struct admin_command *command)
{
	bool asks = bytes_equal(command->verb, BYTES_LITERAL("auth")) && command->argument_count == 1;

	if (asks && admin_token_equal(command->arguments[0], c->node->admin_token)) {
		c->known = true;
		c->access = ADMIN_ADMIN;
		ev_timer_stop(c->node->loop, &c->deadline);
		admin_format_ok(command->id, (struct bytes){ 0 }, &c->out);
		return;
	}
	log_warnx("audit: denied", F_TEXT("who", c->who), F_TEXT("command", asks ? "auth with a wrong token" : "no auth"));
	admin_format_error(command->id, ADMIN_DENIED, "denied",
	                   asks ? "this is not the token" : "the first command must be `auth TOKEN`", &c->out);
	c->ended = true;
}

/* Takes the line. */
static void start_line(struct admin_connection *c, char *take_line, size_t len)
{
	struct admin_command command = { 0 };
	const char *problem = NULL;
	struct admin_run *run;

	if (!admin_parse((struct bytes){ take_line, len }, &command, &problem)) {
		admin_format_error(command.id, ADMIN_USAGE, "bad-line", problem, &c->out);
	} else if (!c->known) {
		authenticate(c, &command);
	} else if (command.id.len > 0 && (problem = tag_problem(c, command.id)) != NULL) {
		admin_format_error(command.id, ADMIN_TEMPORARY, "busy", problem, &c->out);
	} else {
		run = admin_run_new(c, c->node, &command, take_line);
		run->next = c->runs;
		c->runs = run;
		admin_run_start(run, c->access, c->who);
		return;
	}
	explicit_bzero(take_line, len); /* it may hold a token */
	free(take_line);
}

/* One line without its end. Untagged ones go one after another. */
static void take_line(struct admin_connection *c, struct bytes line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0)
		return;
	if (line.data[0] != '#' && (untagged_run(c) != NULL || buffer_length(&c->waiting) > 0)) {
		buffer_append_bytes(&c->waiting, line);
		buffer_append_text(&c->waiting, "\n");
	} else {
		start_line(c, memory_copy(line.data, line.len), line.len);
	}
}

static void refuse_long(struct admin_connection *c)
{
	admin_format_error((struct bytes){ 0 }, ADMIN_USAGE, "too-long", "the line is too long", &c->out);
	c->skipping = true;
	c->ended = c->ended || !c->known;
}

/* Takes whole lines from what was read. */
static void take_input(struct admin_connection *c)
{
	size_t most;

	while (!c->closing && (c->known || !c->ended)) {
		struct bytes in = buffer_bytes(&c->in);
		const char *end = in.len > 0 ? memchr(in.data, '\n', in.len) : NULL;
		size_t n = end != NULL ? (size_t)(end - in.data) : in.len;

		most = c->known ? ADMIN_LINE_MAX : ADMIN_FIRST_LINE_MAX;
		if (c->skipping) {
			c->skipping = end == NULL;
			buffer_consume(&c->in, n + (end != NULL));
		} else if (n > most) {
			refuse_long(c);
		} else if (end != NULL && buffer_length(&c->waiting) <= WAITING_MAX) {
			take_line(c, (struct bytes){ in.data, n });
			buffer_consume(&c->in, n + 1);
		}
		if (end == NULL || buffer_length(&c->waiting) > WAITING_MAX)
			break;
	}
	buffer_trim(&c->in);
}

static void take_waiting(struct admin_connection *c)
{
	while (!c->closing && buffer_length(&c->waiting) > 0 && untagged_run(c) == NULL) {
		struct bytes all = buffer_bytes(&c->waiting);
		size_t n = (size_t)((const char *)memchr(all.data, '\n', all.len) - all.data);
		char *line = memory_copy(all.data, n);

		buffer_consume(&c->waiting, n + 1);
		start_line(c, line, n);
	}
	buffer_trim(&c->waiting);
}

static void free_done(struct admin_connection *c)
{
	for (struct admin_run **at = &c->runs; *at != NULL;) {
		struct admin_run *run = *at;
		if (run->done) {
			*at = run->next;
			admin_run_free(run);
		} else {
			at = &run->next;
		}
	}
}

/* --- input and output ------------------------------------------------------------- */

static void write_out(struct admin_connection *c)
{
	while (buffer_length(&c->out) > 0) {
		struct bytes out = buffer_bytes(&c->out);
		ssize_t n = send(c->fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			close_soon(c);
			return;
		}
		if (n < 0)
			break;
		buffer_consume(&c->out, (size_t)n);
	}
	if (buffer_length(&c->out) > ADMIN_OUTPUT_MAX) {
		log_warnx("admin connection closed: it does not read", F_TEXT("who", c->who));
		close_soon(c);
	} else if (buffer_length(&c->out) > 0) {
		ev_io_start(c->node->loop, &c->writer);
	} else {
		ev_io_stop(c->node->loop, &c->writer);
		buffer_trim(&c->out);
	}
}

/* Everything that may have become possible: next commands, output, reading, the end. */
static void pump(struct admin_connection *c)
{
	if (c->closing)
		return;
	free_done(c);
	take_waiting(c);
	take_input(c);
	if (!c->closing)
		write_out(c);
	if (c->closing)
		return;
	if (c->ended || buffer_length(&c->waiting) > WAITING_MAX || buffer_length(&c->out) > ADMIN_OUTPUT_MAX / 2)
		ev_io_stop(c->node->loop, &c->reader);
	else
		ev_io_start(c->node->loop, &c->reader);
	if (c->ended && c->runs == NULL && buffer_length(&c->waiting) == 0 && buffer_length(&c->out) == 0)
		close_soon(c);
}

static void on_pump(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop, (void)events;
	pump(w->data);
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int events)
{
	(void)loop, (void)events;
	pump(w->data);
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct admin_connection *c = w->data;
	ssize_t n = recv(c->fd, buffer_reserve(&c->in, READ_SIZE), READ_SIZE, MSG_DONTWAIT);

	(void)loop, (void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		close_soon(c);
		return;
	}
	buffer_commit(&c->in, (size_t)n);
	if (n == 0)
		c->ended = true;
	pump(c);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop, (void)events;
	close_soon(w->data);
}

struct admin_connection *admin_connection_new(struct admin_server *server, struct node *node, int take_fd,
                                              bool known, enum admin_access access, const char *who)
{
	struct admin_connection *c = memory_new(sizeof(*c));

	*c = (struct admin_connection){ .server = server, .node = node, .fd = take_fd, .known = known, .access = access };
	snprintf(c->who, sizeof(c->who), "%s", who);
	ev_io_init(&c->reader, on_readable, take_fd, EV_READ);
	ev_io_init(&c->writer, on_writable, take_fd, EV_WRITE);
	ev_init(&c->pump, on_pump);
	ev_timer_init(&c->deadline, on_deadline, AUTH_LIMIT, 0.);
	c->reader.data = c->writer.data = c->pump.data = c->deadline.data = c;
	ev_io_start(node->loop, &c->reader);
	if (!known)
		ev_timer_start(node->loop, &c->deadline);
	return c;
}

void admin_connection_free(struct admin_connection *c)
{
	if (c == NULL)
		return;
	ev_clear_pending(c->node->loop, &c->pump);
	ev_io_stop(c->node->loop, &c->reader);
	ev_io_stop(c->node->loop, &c->writer);
	ev_timer_stop(c->node->loop, &c->deadline);
	while (c->runs != NULL) {
		struct admin_run *run = c->runs;
		c->runs = run->next;
		admin_run_free(run);
	}
	close(c->fd);
	buffer_fini(&c->in);
	buffer_fini(&c->out);
	buffer_fini(&c->waiting);
	free(c);
}
