/* Frames over a stream socket: one big read, one write per loop turn. */
#include "common/link.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define HEAD sizeof(uint32_t)  /* bytes of a frame before its body: how long that is */
#define LINK_READ 262144       /* bytes asked for at once */
#define LINK_SHORT 32768
#define LINK_SHORT_NS 100000   /* reading of a link that is kept short, in a loop turn */
#define LINK_PAUSE_MARK 1048576
#define LINK_KEEP 1048576      /* an empty buffer larger than this is given back */

static struct link *of_flusher(struct ev_prepare *w)
{
	return (struct link *)((char *)w - offsetof(struct link, flusher));
}

static struct link *of_reader(struct ev_io *w)
{
	return (struct link *)((char *)w - offsetof(struct link, reader));
}

static struct link *of_writer(struct ev_io *w)
{
	return (struct link *)((char *)w - offsetof(struct link, writer));
}

/* Marks the end; on_lost follows from the loop's prepare. */
static void end(struct link *link, int error)
{
	if (link->closing)
		return;
	link->closing = true;
	link->error = error;
	ev_io_stop(link->loop, &link->reader);
	ev_io_stop(link->loop, &link->writer);
	link->writing = false;
	/* The loop must not sleep over it. */
	ev_feed_event(link->loop, &link->reader, EV_CUSTOM);
}

static void give_back(struct buffer *b)
{
	if (buffer_length(b) == 0 && b->capacity > LINK_KEEP)
		buffer_trim(b);
}

static void set_writing(struct link *link, bool on)
{
	if (on == link->writing)
		return;
	link->writing = on;
	if (on)
		ev_io_start(link->loop, &link->writer);
	else
		ev_io_stop(link->loop, &link->writer);
}

void link_flush(struct link *link)
{
	while (!link->closing && !link->deaf && buffer_length(&link->out) > 0) {
		struct bytes rest = buffer_bytes(&link->out);
		ssize_t n = send(link->fd, rest.data, rest.len, MSG_NOSIGNAL);

		if (n >= 0) {
			link->sent_bytes += (uint64_t)n;
			buffer_consume(&link->out, (size_t)n);
		} else if (errno == EAGAIN) {
			break;
		} else if ((errno == EPIPE || errno == ECONNRESET) && !link->paused) {
			/* What the peer said before it went is read first, to its end. */
			link->deaf = true;
		} else if (errno != EINTR) {
			end(link, -errno);
			return;
		}
	}
	give_back(&link->out);
	set_writing(link, !link->closing && !link->deaf && buffer_length(&link->out) > 0);
}

/* The body of the first frame, as its length says; false where not even that is there. */
static bool first_body(struct bytes have, struct bytes *ret)
{
	uint32_t length;

	if (have.len < sizeof(length))
		return false;
	memcpy(&length, have.data, sizeof(length));
	*ret = (struct bytes){ have.data + sizeof(length), length };
	return true;
}

/* Tells of the next whole frames, if they are several; how many are told of. */
static unsigned look_ahead(struct link *link)
{
	struct bytes have = buffer_bytes(&link->in), found[LINK_AHEAD];
	unsigned count = 0;

	while (count < LINK_AHEAD && first_body(have, &found[count]) && have.len - HEAD >= found[count].len) {
		size_t whole = HEAD + found[count++].len;

		have = (struct bytes){ have.data + whole, have.len - whole };
	}
	if (count > 1)
		link->handlers->on_ahead(link, found, count);
	return count;
}

/* Hands whole frames on; false where the link has ended meanwhile. */
static bool deliver(struct link *link)
{
	unsigned told = 0; /* frames to come that on_ahead has been told of */

	while (!link->closing && !link->paused) {
		struct bytes have = buffer_bytes(&link->in), body;

		if (!first_body(have, &body))
			return true;
		if (body.len > LINK_FRAME_MAX) {
			end(link, -EMSGSIZE);
			return false;
		}
		if (have.len - HEAD < body.len) {
			buffer_reserve(&link->in, HEAD + body.len - have.len);
			return true;
		}
		if (link->handlers->on_ahead && told-- == 0)
			told = look_ahead(link) - 1;
		link->handlers->on_frame(link, body);
		link->taken_bytes += HEAD + body.len;
		buffer_consume(&link->in, HEAD + body.len);
	}
	return !link->closing;
}

/* True: it may be read again at once. */
static bool read_once(struct link *link)
{
	ssize_t n = recv(link->fd, buffer_reserve(&link->in, link->read_most), link->read_most, 0);

	if (n > 0) {
		buffer_commit(&link->in, (size_t)n);
		if (!deliver(link))
			return false;
		give_back(&link->in);
	} else if (n == 0) {
		end(link, 0);
	} else if (errno != EAGAIN && errno != EINTR) {
		end(link, -errno);
	}
	return n == (ssize_t)link->read_most && !link->paused;
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct link *link = of_reader(w);
	uint64_t end_ns = link->read_ns ? clock_now_ns() + link->read_ns : 0;

	(void)loop;
	if (!(events & EV_READ) || link->closing)
		return;
	/* Where it was paused amid what it had read, nothing more may come. */
	if (!deliver(link) || link->paused)
		return;
	while (read_once(link) && link->read_ns > 0 && clock_now_ns() < end_ns)
		;
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int events)
{
	(void)loop, (void)events;
	link_flush(of_writer(w));
}

static void on_prepare(struct ev_loop *loop, struct ev_prepare *w, int events)
{
	struct link *link = of_flusher(w);

	(void)loop, (void)events;
	if (!link->closing && !link->writing)
		link_flush(link);
	if (link->closing) {
		ev_prepare_stop(link->loop, &link->flusher);
		link->handlers->on_lost(link, link->error);
		return;
	}
	if (link->was_full && buffer_length(&link->out) <= link->pause_mark / 2) {
		link->was_full = false;
		if (link->handlers->on_drained)
			link->handlers->on_drained(link);
	}
}

int link_init(struct link *link, struct ev_loop *loop, int take_fd,
              const struct link_handlers *handlers, void *owner)
{
	int flags = fcntl(take_fd, F_GETFL);

	*link = (struct link){ .loop = loop, .handlers = handlers, .owner = owner, .fd = take_fd,
		               .pause_mark = LINK_PAUSE_MARK, .read_most = LINK_READ };
	if (flags < 0 || fcntl(take_fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int error = -errno;

		close(take_fd);
		*link = (struct link){ 0 };
		return error;
	}
	ev_io_init(&link->reader, on_readable, take_fd, EV_READ);
	ev_io_init(&link->writer, on_writable, take_fd, EV_WRITE);
	ev_prepare_init(&link->flusher, on_prepare);
	/* After what the process's own prepare watchers write, before its clients'. */
	ev_set_priority(&link->flusher, 0);
	ev_io_start(loop, &link->reader);
	ev_prepare_start(loop, &link->flusher);
	return 0;
}

void link_keep_short(struct link *link)
{
	int half = LINK_SHORT; /* the kernel doubles it */

	setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
	link->read_most = LINK_SHORT;
	link->read_ns = LINK_SHORT_NS;
}

void link_fini(struct link *link)
{
	if (link->handlers == NULL)
		return;
	ev_io_stop(link->loop, &link->reader);
	ev_io_stop(link->loop, &link->writer);
	ev_prepare_stop(link->loop, &link->flusher);
	close(link->fd);
	buffer_fini(&link->in);
	buffer_fini(&link->out);
	*link = (struct link){ 0 };
}

struct buffer *link_begin(struct link *link)
{
	uint32_t length = 0;

	link->frame_at = buffer_length(&link->out);
	buffer_append(&link->out, &length, sizeof(length));
	return &link->out;
}

void link_end(struct link *link)
{
	uint32_t length = (uint32_t)(buffer_length(&link->out) - link->frame_at - sizeof(length));

	assert(length <= LINK_FRAME_MAX);
	memcpy(link->out.data + link->out.head + link->frame_at, &length, sizeof(length));
	if (buffer_length(&link->out) > link->pause_mark)
		link->was_full = true;
}

bool link_full(const struct link *link)
{
	return buffer_length(&link->out) > link->pause_mark;
}

void link_pause(struct link *link)
{
	if (link->deaf)
		return; /* its end must be read */
	link->paused = true;
	ev_io_stop(link->loop, &link->reader);
}

void link_resume(struct link *link)
{
	if (!link->paused || link->closing)
		return;
	link->paused = false;
	ev_io_start(link->loop, &link->reader);
	ev_feed_event(link->loop, &link->reader, EV_READ);
}

void link_close(struct link *link)
{
	end(link, 0);
}
