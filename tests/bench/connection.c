/* Owns one connection's socket and the matching of answers to requests. */
#include "tests/bench/connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"

#define READ_BYTES (256 * 1024)

int connection_open(struct connection *c, const struct settings *settings, struct tally *tally,
		    const struct addrinfo *where, uint64_t index)
{
	int one = 1, error;
	int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, where->ai_addr, where->ai_addrlen) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*c = (struct connection){ .settings = settings, .tally = tally, .fd = fd };
	c->ready = !settings->protocol->greets;
	c->operations = memory_new(settings->depth * sizeof(*c->operations));
	c->idle = memory_new(settings->depth * sizeof(*c->idle));
	for (uint64_t i = 0; i < settings->depth; i++) {
		c->operations[i].id = i;
		c->idle[i] = i;
	}
	c->settled = settings->depth;
	/* Those that stay, those whose watch or unwatch is in flight. */
	c->watches = memory_new((settings->watches + 2 * settings->depth) * sizeof(*c->watches));
	workload_init(&c->workload, settings, index);
	return 0;
}

void connection_fini(struct connection *c)
{
	workload_fini(&c->workload);
	buffer_fini(&c->out);
	buffer_fini(&c->in);
	free(c->watches);
	free(c->idle);
	free(c->operations);
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct connection){ .fd = -1 };
}

/* --- Sending --------------------------------------------------------------------- */

/* A connection with more live watches than wanted ends its oldest one first. */
static bool next_unwatch(struct connection *c, struct operation *op)
{
	if (c->watch_staying <= c->settings->watches)
		return false;
	for (size_t i = 0; i < c->watch_count; i++) {
		if (c->watches[i].leaving)
			continue;
		c->watches[i].leaving = true;
		c->watch_staying--;
		op->verb = VERB_UNWATCH;
		op->target = c->watches[i].id;
		return true;
	}
	return false;
}

static struct operation *free_slot(struct connection *c)
{
	return &c->operations[c->idle[c->sent % c->settings->depth]];
}

static void ask(struct connection *c, struct operation *op, uint64_t now)
{
	c->sent++;
	c->in_flight++;
	op->in_flight = true;
	op->sent = now;
	c->settings->protocol->request(c->settings, op, &c->out);
}

int connection_watch(struct connection *c)
{
	struct operation *op = free_slot(c);

	op->verb = VERB_WATCH;
	op->key = 0;
	ask(c, op, clock_now_ns());
	return connection_flush(c);
}

int connection_send(struct connection *c, bool fill)
{
	uint64_t now = clock_now_ns();

	while (c->sent != c->settled) {
		struct operation *op = free_slot(c);

		if (fill) {
			if (!workload_fill(&c->workload, op))
				break;
		} else if (!next_unwatch(c, op)) {
			workload_next(&c->workload, op);
		}
		ask(c, op, now);
	}
	return connection_flush(c);
}

int connection_flush(struct connection *c)
{
	while (buffer_length(&c->out) > 0) {
		struct bytes b = buffer_bytes(&c->out);
		ssize_t n = send(c->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			c->wants_out = true;
			return 0;
		}
		if (n < 0)
			return -errno;
		buffer_consume(&c->out, (size_t)n);
	}
	c->wants_out = false;
	return 0;
}

/* --- Watches ---------------------------------------------------------------------- */

static void watch_add(struct connection *c, uint64_t id)
{
	c->watches[c->watch_count++] = (struct connection_watch){ .id = id };
	c->watch_staying++;
}

static struct connection_watch *watch_find(struct connection *c, uint64_t id)
{
	for (size_t i = 0; i < c->watch_count; i++)
		if (c->watches[i].id == id)
			return &c->watches[i];
	return NULL;
}

static void watch_remove(struct connection *c, uint64_t id)
{
	struct connection_watch *w = watch_find(c, id);
	size_t behind;

	if (w == NULL)
		return;
	if (!w->leaving)
		c->watch_staying--;
	behind = (size_t)(c->watches + c->watch_count - (w + 1));
	memmove(w, w + 1, behind * sizeof(*w));
	c->watch_count--;
}

/* What comes for a watch must belong to one that is live and not gone yet. */
static void on_event(struct connection *c, const struct reply *r, struct bytes line)
{
	struct operation as_snapshot = { .verb = VERB_WATCH };
	const char *why;

	if (watch_find(c, r->id) == NULL) {
		tally_wrong(c->tally, "an event for a watch that is not live", line);
		return;
	}
	if (r->kind == REPLY_END) {
		watch_remove(c, r->id);
		tally_error(c->tally, r->code);
		return;
	}
	why = workload_check(&c->workload, &as_snapshot, r, false);
	if (why != NULL)
		tally_wrong(c->tally, why, line);
	else if (c->tally->measuring)
		c->tally->events++;
}

/* --- Answers ---------------------------------------------------------------------- */

/* The request that a reply belongs to; NULL where there is none such in flight. */
static struct operation *answered(struct connection *c, const struct reply *r)
{
	uint64_t slot = (r->has_id ? r->id : c->oldest) % c->settings->depth;
	struct operation *op = &c->operations[slot];

	if (!op->in_flight || (r->has_id && op->id != r->id))
		return NULL;
	return op;
}

static void on_answer(struct connection *c, const struct reply *r, struct bytes line, bool fill,
		      uint64_t now)
{
	struct operation *op = answered(c, r);
	const char *why = NULL;

	if (op == NULL) {
		tally_wrong(c->tally, "an answer to nothing that is in flight", line);
		return;
	}
	if (r->kind == REPLY_OK)
		why = workload_check(&c->workload, op, r, fill);
	if (r->kind == REPLY_ERROR || why != NULL)
		workload_failed(&c->workload, op);
	if (why != NULL)
		tally_wrong(c->tally, why, line);
	else if (r->kind == REPLY_ERROR)
		tally_error(c->tally, r->code);
	else
		tally_operation(c->tally, op->verb, now - op->sent);

	if (op->verb == VERB_WATCH && r->kind == REPLY_OK)
		watch_add(c, op->id);
	else if (op->verb == VERB_UNWATCH)
		watch_remove(c, op->target);
	op->in_flight = false;
	c->idle[c->settled++ % c->settings->depth] = op->id % c->settings->depth;
	op->id += c->settings->depth;
	c->in_flight--;
	c->oldest++;
}

static void on_reply(struct connection *c, const struct reply *r, struct bytes line, bool fill,
		     uint64_t now)
{
	switch (r->kind) {
	case REPLY_OK:
	case REPLY_ERROR:
		on_answer(c, r, line, fill, now);
		break;
	case REPLY_EVENT:
	case REPLY_END:
		on_event(c, r, line);
		break;
	case REPLY_GREETING:
		c->ready = true;
		c->advertised = r->depth;
		break;
	case REPLY_PING:
		buffer_append_text(&c->out, "\n");
		break;
	case REPLY_BYE:
		tally_error(c->tally, r->code);
		break;
	case REPLY_NOTICE:
		break;
	}
}

static int settle(struct connection *c, struct bytes unread, bool fill)
{
	const struct protocol *protocol = c->settings->protocol;
	uint64_t now = clock_now_ns();
	struct reply r;

	while (unread.len > 0) {
		ssize_t n = protocol->reply(c->settings, unread, &r);

		if (n == 0)
			break;
		if (n < 0) {
			tally_wrong(c->tally, "nothing that this protocol says", unread);
			return (int)n;
		}
		on_reply(c, &r, (struct bytes){ unread.data, (size_t)n - 1 }, fill, now);
		unread.data += n;
		unread.len -= (size_t)n;
	}
	buffer_append_bytes(&c->in, unread);
	return 0;
}

int connection_receive(struct connection *c, bool fill, struct buffer *scratch)
{
	ssize_t n;

	buffer_clear(scratch);
	buffer_append_bytes(scratch, buffer_bytes(&c->in));
	n = recv(c->fd, buffer_reserve(scratch, READ_BYTES), READ_BYTES, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	buffer_commit(scratch, (size_t)n);
	buffer_clear(&c->in);
	return settle(c, buffer_bytes(scratch), fill);
}

void connection_close(struct connection *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	if (c->in_flight == 0)
		tally_error(c->tally, BYTES_LITERAL("closed"));
	for (; c->in_flight > 0; c->in_flight--)
		tally_error(c->tally, BYTES_LITERAL("closed"));
}
