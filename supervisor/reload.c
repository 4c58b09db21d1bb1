/* Owns one reload under way: read, check everywhere, apply everywhere. */
#include "supervisor/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "proto/msgpack.h"
#include "supervisor/settings.h"

#define CHECK_LIMIT 30000 /* ms for all workers to compile all classes */

struct reload {
	struct node *node;
	struct reload_watcher watcher;
	struct config config; /* as read */
	struct bundle bundle; /* as read; the node's once all workers agree */
	struct query *query;
	struct buffer said;   /* problems already reported: workers find the same ones */
	uint32_t problems;
	struct ev_timer starter; /* fed, never started */
	enum admin_exit exit; /* what went wrong before any worker was asked */
	const char *code, *text;
};

static void tell(struct reload *r, const char *text)
{
	log_info("reload", F_TEXT("note", text));
	if (r->watcher.on_note != NULL)
		r->watcher.on_note(r->watcher.owner, text);
}

static void on_setting(void *owner, const char *text)
{
	tell(owner, text);
}

static void end(struct reload *r, enum admin_exit status, const char *code, const char *text)
{
	struct reload_watcher watcher = r->watcher;

	if (status == ADMIN_DONE)
		log_info("reload done", F_UINT("files", r->node->bundle.files));
	else
		log_errorx("reload failed", F_INT("exit", status), F_TEXT("text", text));
	manager_reload_ends(r->node, status == ADMIN_DONE ? NULL : text); /* before whoever asked goes on */
	reload_free(r->node);
	if (watcher.on_done != NULL)
		watcher.on_done(watcher.owner, status, code, text);
}

static bool reported(const struct reload *r, struct bytes row)
{
	struct msgpack_reader at = msgpack_read(buffer_bytes(&r->said));

	while (at.at < at.end && !at.bad) {
		if (bytes_equal(msgpack_read_value(&at), row))
			return true;
	}
	return false;
}

static void report(struct reload *r, struct bytes row)
{
	struct msgpack_reader at = msgpack_read(row);
	struct bytes file = { 0 }, message = { 0 };
	uint64_t line = 0;

	if (reported(r, row))
		return;
	buffer_append_bytes(&r->said, row);
	r->problems++;
	for (uint32_t n = msgpack_read_map(&at); n > 0 && !at.bad; n--) {
		struct bytes key = msgpack_read_str(&at);
		if (bytes_equal(key, BYTES_LITERAL("file")))
			file = msgpack_read_str(&at);
		else if (bytes_equal(key, BYTES_LITERAL("message")))
			message = msgpack_read_str(&at);
		else if (bytes_equal(key, BYTES_LITERAL("line")))
			line = msgpack_read_uint(&at);
		else
			(void)msgpack_read_value(&at);
	}
	log_errorx("reload problem", F_BYTES("file", file), F_UINT("line", line), F_BYTES("message", message));
	if (r->watcher.on_problem != NULL)
		r->watcher.on_problem(r->watcher.owner, row);
}

/* Lines of text, as the readers of configuration and classes write them:
 * `FILE:LINE: what` or `FILE: what`. */
static void report_lines(struct reload *r, struct bytes text)
{
	while (text.len > 0) {
		const char *end_of_line = memchr(text.data, '\n', text.len);
		size_t n = end_of_line != NULL ? (size_t)(end_of_line - text.data) : text.len;
		struct bytes file = { text.data, 0 }, message = { text.data, n };
		struct buffer row = { 0 };
		unsigned long line = 0;
		const char *colon = memmem(text.data, n, ": ", 2);

		if (colon != NULL) {
			file.len = (size_t)(colon - text.data);
			message = (struct bytes){ colon + 2, n - file.len - 2 };
			for (size_t i = file.len; i > 0 && file.data[i - 1] >= '0' && file.data[i - 1] <= '9'; i--)
				if (i >= 2 && file.data[i - 2] == ':') {
					line = strtoul(file.data + i - 1, NULL, 10);
					file.len = i - 2;
					break;
				}
		}
		msgpack_write_map(&row, 3);
		msgpack_write_str(&row, BYTES_LITERAL("file"));
		msgpack_write_str(&row, file);
		msgpack_write_str(&row, BYTES_LITERAL("line"));
		msgpack_write_uint(&row, line);
		msgpack_write_str(&row, BYTES_LITERAL("message"));
		msgpack_write_str(&row, message);
		report(r, buffer_bytes(&row));
		buffer_fini(&row);
		n += end_of_line != NULL;
		text = (struct bytes){ text.data + n, text.len - n };
	}
}

/* --- asking the workers ----------------------------------------------------------- */

static void ask_workers(struct reload *r, bool check, void (*on_done)(struct query *))
{
	struct buffer message = { 0 };

	r->query = query_new(&r->node->queries, on_done, r);
	for (uint32_t i = 0; i < r->node->child_count; i++) {
		struct child *c = &r->node->children[i];
		const struct bundle *bundle = check ? &r->bundle : &r->node->bundle;
		struct control_classes m = { bundle->serial, r->query->number, check };
		int fd;

		if (c->role != CONTROL_ACTOR || !child_reachable(c))
			continue; /* it gets the node's bundle when it starts */
		query_expect(r->query, c->role, c->index);
		fd = bundle_open(bundle);
		if (fd < 0) {
			query_on_gone(&r->node->queries, c->role, c->index);
			continue;
		}
		control_encode_classes(&message, &m);
		child_send(c, &message, fd);
	}
	buffer_fini(&message);
	query_begin(r->query, CHECK_LIMIT);
}

/* Every worker's rows are problems; a negative answer without rows is one, too. */
static void collect(struct reload *r, const struct query *q)
{
	for (uint32_t i = 0; i < q->asked; i++) {
		struct msgpack_reader at = msgpack_read(buffer_bytes(&q->answers[i].rows));
		uint32_t before = r->problems;

		for (uint32_t n = q->answers[i].count; n > 0; n--)
			report(r, msgpack_read_value(&at));
		if (r->problems == before && q->answers[i].count == 0 && buffer_length(&q->answers[i].error) > 0)
			report_lines(r, buffer_bytes(&q->answers[i].error));
	}
}

static void on_applied(struct query *q)
{
	struct reload *r = q->owner;

	r->query = NULL;
	collect(r, q);
	if (r->problems > 0)
		end(r, ADMIN_INTERNAL, "internal", "a worker refused what it had checked; it keeps the former classes");
	else if (q->partial)
		end(r, ADMIN_TEMPORARY, "partial", "not every worker has answered yet; the new classes are in force");
	else
		end(r, ADMIN_DONE, NULL, NULL);
}

static void on_checked(struct query *q)
{
	struct reload *r = q->owner;
	char text[96];

	r->query = NULL;
	collect(r, q);
	if (r->problems > 0) {
		snprintf(text, sizeof(text), "%u problem%s in the classes; nothing was changed", r->problems,
		         r->problems == 1 ? "" : "s");
		end(r, ADMIN_DATA, "classes", text);
		return;
	}
	if (q->partial) {
		end(r, ADMIN_TEMPORARY, "partial", "a worker did not answer; nothing was changed");
		return;
	}
	bundle_fini(&r->node->bundle);
	r->node->bundle = r->bundle; /* who restarts from now on gets the new one */
	r->bundle = (struct bundle){ 0 };
	settings_apply(&r->node->config, &r->config, r, on_setting);
	ask_workers(r, false, on_applied);
}

/* --- its life --------------------------------------------------------------------- */

static void on_unreadable(struct query *q)
{
	struct reload *r = q->owner;

	r->query = NULL;
	end(r, r->exit, r->code, r->text);
}

/* Asks nobody, so that the end comes from the loop and not from inside on_start(). */
static void end_later(struct reload *r, enum admin_exit status, const char *code, const char *text)
{
	r->exit = status;
	r->code = code;
	r->text = text;
	r->query = query_new(&r->node->queries, on_unreadable, r);
	query_begin(r->query, CHECK_LIMIT);
}

static void on_start(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct reload *r = w->data;
	struct buffer error = { 0 };
	char text[96];

	(void)loop, (void)events;
	if (settings_load(&r->config, r->node->config_file, &r->node->given, &error) != 0) {
		report_lines(r, buffer_bytes(&error));
		end_later(r, ADMIN_CONFIGURATION, "configuration", "the configuration has problems; nothing was changed");
	} else if (bundle_read(r->node->config.actors.path, &bundle_limits, ++r->node->bundle_serial, &r->bundle,
	                       &error) < 0) {
		report_lines(r, buffer_bytes(&error));
		end_later(r, ADMIN_DATA, "classes", "the class files cannot be read; nothing was changed");
	} else {
		snprintf(text, sizeof(text), "checking %u class file%s in %u actor worker%s", r->bundle.files,
		         r->bundle.files == 1 ? "" : "s", r->node->actors, r->node->actors == 1 ? "" : "s");
		tell(r, text);
		ask_workers(r, true, on_checked);
	}
	buffer_fini(&error);
}

int reload_start(struct node *n, const struct reload_watcher *watcher)
{
	struct reload *r;

	if (n->reload != NULL || n->phase != NODE_SERVING) {
		log_warnx("reload refused", F_TEXT("why", n->reload != NULL ? "one is under way" : "the node does not serve"));
		return -EBUSY;
	}
	r = memory_new(sizeof(*r));
	r->node = n;
	if (watcher != NULL)
		r->watcher = *watcher;
	ev_init(&r->starter, on_start);
	r->starter.data = r;
	ev_feed_event(n->loop, &r->starter, EV_CUSTOM);
	n->reload = r;
	manager_reload_begins(n);
	return 0;
}

void reload_detach(struct node *n, const void *owner)
{
	if (n->reload != NULL && n->reload->watcher.owner == owner)
		n->reload->watcher = (struct reload_watcher){ 0 };
}

void reload_free(struct node *n)
{
	struct reload *r = n->reload;

	if (r == NULL)
		return;
	n->reload = NULL;
	ev_clear_pending(n->loop, &r->starter);
	query_cancel(r->query);
	bundle_fini(&r->bundle);
	config_fini(&r->config);
	buffer_fini(&r->said);
	free(r);
}
