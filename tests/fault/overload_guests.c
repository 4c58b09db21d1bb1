/* Well-behaved clients of overload.py: a known rate, one request in flight on each, every
 * answer checked and timed; and two that live beyond their bounds, for the time a refusal takes.
 *
 *     overload-guests PORT GUESTS REQUESTS-PER-SECOND INFLIGHT MAILBOX
 *
 * Each line `MILLISECONDS` on standard input is a window, answered with one line of JSON. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/histogram.h"
#include "common/memory.h"

#define SECOND UINT64_C(1000000000)
#define PROBE_EVERY (SECOND / 50)

enum kind { GUEST, BEYOND_INFLIGHT, BEYOND_MAILBOX, KINDS };

struct guest {
	enum kind kind;
	unsigned number;
	int fd;
	struct buffer in, out;
	uint64_t due, sent_at; /* nanoseconds; sent_at 0: nothing in flight */
	unsigned step, value;
	bool told;             /* its watch has shown the change its answer is about to */
	unsigned resting;      /* requests that fill what it lives beyond */
	unsigned wanted;       /* how many of them */
	uint64_t moved_at;     /* when one of them last came or went */
};

static struct {
	unsigned guests, inflight, mailbox;
	uint64_t period;
	struct histogram times[KINDS];
	uint64_t wrong;
	bool measuring;
} run;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void complain(const struct guest *g, struct bytes line)
{
	if (run.wrong++ < 5)
		fprintf(stderr, "guest %u of kind %d, step %u, value %u: %.*s\n", g->number, g->kind, g->step,
		        g->value, (int)(line.len < 200 ? line.len : 200), line.data);
}

static void connect_guest(struct guest *g, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	g->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->fd < 0 || connect(g->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void flush(struct guest *g)
{
	while (buffer_length(&g->out) > 0) {
		struct bytes rest = buffer_bytes(&g->out);
		ssize_t n = send(g->fd, rest.data, rest.len, MSG_NOSIGNAL);

		if (n < 0)
			die("a guest's connection");
		buffer_consume(&g->out, (size_t)n);
	}
}

/* --- what they ask --- */

/* Get, add one, get, set: the guest knows each answer beforehand. */
static void ask(struct guest *g)
{
	unsigned n = g->number;

	switch (g->step % 4) {
	case 1:
		g->value++;
		buffer_printf(&g->out, "r call guests.%u add [1]\n", n);
		break;
	case 3:
		g->value++;
		buffer_printf(&g->out, "r set guests.%u n %u\n", n, g->value);
		break;
	default:
		buffer_printf(&g->out, "r get guests.%u n\n", n);
	}
	g->told = g->step % 2 == 0;
}

/* Keeps full what it lives beyond, and asks for one more. */
static void ask_beyond(struct guest *g, uint64_t now)
{
	/* A few at a time: many would make it one of the crowd. */
	for (int i = 0; i < 2 && g->resting < g->wanted; i++, g->resting++) {
		g->moved_at = now;
		if (g->kind == BEYOND_MAILBOX)
			buffer_printf(&g->out, "n%u call naps.busy nap t=60000 [800]\n", g->step++);
		else
			buffer_printf(&g->out, "n%u call naps.%u nap t=86000000 [85000000]\n", g->step++, g->resting);
	}
	buffer_append_text(&g->out, g->kind == BEYOND_MAILBOX ? "r call naps.busy nap t=100 [1]\n" : "r get naps.free n\n");
}

static void ask_if_due(struct guest *g, uint64_t now)
{
	if (g->sent_at || now < g->due)
		return;
	if (g->kind == GUEST)
		ask(g);
	else
		ask_beyond(g, now);
	g->sent_at = now;
	/* Late is late: what was missed is not made up for by a burst. */
	g->due = g->due + run.period > now ? g->due + run.period : now + run.period;
	if (g->kind != GUEST)
		g->due = now + PROBE_EVERY;
	flush(g);
}

/* --- what they hear --- */

static bool begins(struct bytes line, const char *text)
{
	return line.len >= strlen(text) && memcmp(line.data, text, strlen(text)) == 0;
}

static bool ends(struct bytes line, const char *text)
{
	size_t n = strlen(text);

	return line.len >= n && memcmp(line.data + line.len - n, text, n) == 0;
}

static void answered(struct guest *g, bool right, struct bytes line, uint64_t now)
{
	if (!right || g->sent_at == 0)
		complain(g, line);
	else if (run.measuring)
		histogram_record(&run.times[g->kind], now - g->sent_at);
	g->sent_at = 0;
	g->step += g->kind == GUEST;
}

static void hear_guest(struct guest *g, struct bytes line, uint64_t now)
{
	char value[32], event[40];

	snprintf(value, sizeof(value), " %u", g->value);
	snprintf(event, sizeof(event), " {\"n\":%u}", g->value);
	if (begins(line, "w evt ")) {
		if (g->told || !ends(line, event))
			complain(g, line);
		g->told = true;
	} else if (begins(line, "r ")) {
		answered(g, begins(line, "r ok v=") && g->told && (g->step % 4 == 3 || ends(line, value)), line, now);
	} else if (!begins(line, "w ok ") && !begins(line, "* stage ")) {
		complain(g, line);
	}
}

static void hear_beyond(struct guest *g, struct bytes line, uint64_t now)
{
	const char *wanted = g->kind == BEYOND_MAILBOX ? "r err busy {\"limit\":\"mailbox\"}" :
	                                                 "r err limit {\"limit\":\"inflight\"}";

	if (begins(line, "n")) {
		/* One that found no room does not rest, but it is as full as it shall be. */
		g->resting -= !ends(line, "{\"limit\":\"mailbox\"}");
		g->moved_at = now;
	} else if (begins(line, "r ") && now < g->moved_at + 8 * SECOND && !begins(line, wanted)) {
		g->sent_at = 0; /* those that rested have made room meanwhile */
	} else if (begins(line, "r ")) {
		answered(g, begins(line, wanted), line, now);
	} else if (!begins(line, "* stage ")) {
		complain(g, line);
	}
}

static void hear(struct guest *g)
{
	ssize_t n = recv(g->fd, buffer_reserve(&g->in, 65536), 65536, MSG_DONTWAIT);
	uint64_t now = clock_now_ns();
	struct bytes have;
	const char *end;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		fprintf(stderr, "guest %u of kind %d was disconnected\n", g->number, g->kind);
		exit(1);
	}
	buffer_commit(&g->in, (size_t)n);
	while (have = buffer_bytes(&g->in), (end = memchr(have.data, '\n', have.len)) != NULL) {
		struct bytes line = { have.data, (size_t)(end - have.data) };

		if (g->kind == GUEST)
			hear_guest(g, line, now);
		else
			hear_beyond(g, line, now);
		buffer_consume(&g->in, line.len + 1);
	}
}

/* --- the run --- */

static unsigned long long us(enum kind kind, double quantile)
{
	return (unsigned long long)(histogram_quantile(&run.times[kind], quantile) / 1000);
}

/* What has gone unanswered is as late as it is old by now: it is no figure to leave out. */
static void report(const struct guest *guests, unsigned count)
{
	uint64_t now = clock_now_ns(), oldest = 0;

	for (unsigned i = 0; i < count; i++)
		if (guests[i].sent_at && now - guests[i].sent_at > oldest)
			oldest = now - guests[i].sent_at;
	printf("{\"answers\":%llu,\"p50\":%llu,\"p99\":%llu,\"worst\":%llu,\"limit\":%llu,\"limit_p99\":%llu,"
	       "\"busy\":%llu,\"busy_p99\":%llu,\"waiting\":%llu,\"wrong\":%llu}\n",
	       (unsigned long long)run.times[GUEST].count, us(GUEST, 0.5), us(GUEST, 0.99),
	       (unsigned long long)(run.times[GUEST].max / 1000),
	       (unsigned long long)run.times[BEYOND_INFLIGHT].count, us(BEYOND_INFLIGHT, 0.99),
	       (unsigned long long)run.times[BEYOND_MAILBOX].count, us(BEYOND_MAILBOX, 0.99),
	       (unsigned long long)(oldest / 1000), (unsigned long long)run.wrong);
	fflush(stdout);
}

/* The next command: how long the window is, in nanoseconds; 0: none, and that is the end. */
static uint64_t next_window(void)
{
	char text[32];

	return fgets(text, sizeof(text), stdin) ? strtoull(text, NULL, 10) * 1000000 : 0;
}

static int until_next(const struct guest *guests, unsigned count, uint64_t now)
{
	uint64_t first = now + SECOND / 10;

	for (unsigned i = 0; i < count; i++)
		if (guests[i].sent_at == 0 && guests[i].due < first)
			first = guests[i].due;
	return first > now ? (int)((first - now + 999999) / 1000000) : 0;
}

static void serve(struct guest *guests, unsigned count)
{
	struct pollfd *fds = memory_new((count + 1) * sizeof(*fds));
	uint64_t now, end = 0;

	for (unsigned i = 0; i < count; i++)
		fds[i] = (struct pollfd){ .fd = guests[i].fd, .events = POLLIN };
	fds[count] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	for (;;) {
		now = clock_now_ns();
		if (poll(fds, count + 1, until_next(guests, count, now)) < 0)
			die("poll");
		for (unsigned i = 0; i < count; i++)
			if (fds[i].revents)
				hear(&guests[i]);
		now = clock_now_ns();
		for (unsigned i = 0; i < count; i++)
			ask_if_due(&guests[i], now);
		if (run.measuring && now >= end) {
			report(guests, count);
			run.measuring = false;
		}
		if (run.measuring || !fds[count].revents)
			continue;
		end = next_window();
		if (end == 0)
			break;
		end += now;
		run.measuring = true;
		for (int k = 0; k < KINDS; k++)
			histogram_reset(&run.times[k]);
	}
	free(fds);
}

int main(int argc, char **argv)
{
	struct guest *guests;
	unsigned count;
	uint64_t now = clock_now_ns();

	if (argc != 6) {
		fputs("overload-guests PORT GUESTS REQUESTS-PER-SECOND INFLIGHT MAILBOX\n", stderr);
		return 64;
	}
	run.guests = (unsigned)atoi(argv[2]);
	run.period = SECOND * run.guests / (unsigned)atoi(argv[3]);
	run.inflight = (unsigned)atoi(argv[4]);
	run.mailbox = (unsigned)atoi(argv[5]);
	count = run.guests + 2;
	guests = memory_new(count * sizeof(*guests));
	for (unsigned i = 0; i < count; i++) {
		struct guest *g = &guests[i];

		g->number = i;
		g->kind = i < run.guests ? GUEST : i == run.guests ? BEYOND_INFLIGHT : BEYOND_MAILBOX;
		/* One turn sleeps, and as many wait behind it as the mailbox takes. */
		g->wanted = g->kind == BEYOND_MAILBOX ? run.mailbox + 1 : run.inflight;
		g->due = now + run.period * i / run.guests;
		connect_guest(g, (uint16_t)atoi(argv[1]));
		if (g->kind == GUEST)
			buffer_printf(&g->out, "w watch guests.%u n\n", i);
	}
	serve(guests, count);
	for (unsigned i = 0; i < count; i++) {
		struct linger at_once = { .l_onoff = 1 };

		/* What rests there is not waited for. */
		setsockopt(guests[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(guests[i].fd);
		buffer_fini(&guests[i].in);
		buffer_fini(&guests[i].out);
	}
	free(guests);
	return 0;
}
