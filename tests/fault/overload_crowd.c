/* The crowd of overload.py: thousands of connections that dribble bytes, never read, or flood.
 *
 *     overload-crowd PORT CONNECTIONS KIND…        KIND: dribble, mute, flood
 *
 * Says `there` once all are connected, goes on until standard input ends, and then says what it
 * did and heard as one line of JSON. Whoever the server disconnects comes back a second later. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/memory.h"

#define BLOCKS 500          /* actors that the crowd talks to */
#define LINES 512           /* requests of a block, each with its own ID */
#define DRIBBLE_FIRST 60000 /* bytes of the unending line that come at once */
#define CODES 40

struct member;

struct kind {
	const char *name;
	void (*write_block)(struct buffer *out, unsigned actor);
	bool reads;             /* of those that flood, every fourth does not; who never does also watches */
	bool floods;
	struct buffer blocks[BLOCKS];
};

struct member {
	struct kind *kind;
	unsigned number;
	int fd;                 /* -1: away */
	bool begun, reads;
	bool waits;             /* could go on, and is asked again */
	size_t at;              /* in its block */
	uint64_t back_at;       /* ms: when it dribbles again, or comes back */
	char rest[128];         /* the beginning of a line that is not whole */
	size_t rest_length;
};

static struct {
	struct member *members;
	unsigned count, alive;
	int epoll;
	uint16_t port;
	uint64_t sent, heard, oks, dropped;
	struct { char code[24]; uint64_t count; } codes[CODES];
} crowd;

/* --- what they say --- */

static void write_dribble(struct buffer *out, unsigned actor)
{
	buffer_printf(out, "d set masses.%u text \"", actor);
	while (buffer_length(out) < 2 * DRIBBLE_FIRST)
		buffer_append_text(out, "never ");
}

static void write_mute(struct buffer *out, unsigned actor)
{
	for (unsigned i = 0; i < LINES; i += 2)
		buffer_printf(out, "m%u get masses.%u text\nm%u call masses.%u add [1]\n", i, actor, i + 1, actor);
}

static void write_flood(struct buffer *out, unsigned actor)
{
	for (unsigned i = 0; i < LINES; i += 4)
		buffer_printf(out, "f%u get masses.%u n\nf%u call masses.%u add [1]\nf%u get masses.%u n\n"
		              "f%u set masses.%u n 7\n", i, actor, i + 1, actor, i + 2, actor, i + 3, actor);
}

static struct kind kinds[] = {
	{ .name = "dribble", .write_block = write_dribble, .reads = true },
	{ .name = "mute", .write_block = write_mute, .floods = true },
	{ .name = "flood", .write_block = write_flood, .reads = true, .floods = true },
};

/* --- connections --- */

static void go_away(struct member *m)
{
	crowd.dropped++;
	crowd.alive--;
	close(m->fd);
	m->fd = -1;
	m->back_at = clock_now_ms() + 1000;
}

static void come(struct member *m)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(crowd.port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = m };
	int one = 1, small = 4096, some = 8192;

	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	m->begun = false;
	m->reads = m->kind->reads && (!m->kind->floods || m->number % 4 != 3);
	m->at = m->rest_length = 0;
	m->back_at = 0;
	if (m->fd < 0) {
		perror("socket");
		exit(1);
	}
	if (!m->reads)
		setsockopt(m->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(m->fd, SOL_SOCKET, SO_SNDBUF, &some, sizeof(some));
	setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	crowd.alive++;
	if ((connect(m->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) ||
	    epoll_ctl(crowd.epoll, EPOLL_CTL_ADD, m->fd, &e) < 0)
		go_away(m);
}

/* --- what they hear --- */

static void count_line(struct bytes line)
{
	const char *err = memmem(line.data, line.len, " err ", 5);
	const char *code = err ? err + 5 : NULL, *end = line.data + line.len;
	size_t n = 0;

	if (line.len > 6 && memcmp(line.data, "* bye ", 6) == 0)
		code = line.data + 2;
	if (code == NULL) {
		crowd.oks++;
		return;
	}
	while (code + n < end && code[n] != '{' && n + 1 < sizeof(crowd.codes[0].code))
		n++;
	while (n > 0 && code[n - 1] == ' ')
		n--;
	for (unsigned i = 0; i < CODES; i++) {
		if (crowd.codes[i].count == 0)
			memcpy(crowd.codes[i].code, code, n);
		if (strlen(crowd.codes[i].code) == n && memcmp(crowd.codes[i].code, code, n) == 0) {
			crowd.codes[i].count++;
			return;
		}
	}
}

/* Whole lines are counted; of a long one its beginning is enough. */
static void take(struct member *m, struct bytes data)
{
	while (data.len > 0) {
		const char *end = memchr(data.data, '\n', data.len);
		size_t n = end ? (size_t)(end - data.data) : data.len;
		size_t room = sizeof(m->rest) - m->rest_length;

		memcpy(m->rest + m->rest_length, data.data, n < room ? n : room);
		m->rest_length += n < room ? n : room;
		if (end == NULL)
			return;
		count_line((struct bytes){ m->rest, m->rest_length });
		m->rest_length = 0;
		data = (struct bytes){ end + 1, data.len - n - 1 };
	}
}

/* A few reads only; true: there may be more. */
static bool hear(struct member *m)
{
	static char bytes[65536];

	for (int i = 0; i < 4; i++) {
		ssize_t n = recv(m->fd, bytes, sizeof(bytes), 0);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0) {
			go_away(m);
			return false;
		}
		crowd.heard += (uint64_t)n;
		take(m, (struct bytes){ bytes, (size_t)n });
	}
	return true;
}

/* --- what they do --- */

/* As much as the socket takes, up to a bound: the others have their go. True: it takes more. */
static bool say(struct member *m, size_t most)
{
	struct bytes block = buffer_bytes(&m->kind->blocks[m->number % BLOCKS]);
	char watch[48];
	int n = snprintf(watch, sizeof(watch), "w watch masses.%u *\n", m->number % BLOCKS);

	if (!m->begun && !m->kind->reads && send(m->fd, watch, (size_t)n, MSG_NOSIGNAL) != n)
		return false;
	m->begun = true;
	while (most > 0) {
		size_t length = block.len - m->at < most ? block.len - m->at : most;
		ssize_t sent = send(m->fd, block.data + m->at, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			return false;
		if (sent < 0) {
			go_away(m);
			return false;
		}
		crowd.sent += (uint64_t)sent;
		most -= (size_t)sent;
		m->at = (m->at + (size_t)sent) % block.len;
	}
	return true;
}

/* Edge-triggered: whoever could go on is asked again by `again`. */
static bool act(struct member *m, uint32_t events)
{
	bool more = false;

	if (events & (EPOLLHUP | EPOLLERR)) {
		go_away(m);
		return false;
	}
	if (m->reads && events & EPOLLIN)
		more |= hear(m);
	if (m->fd >= 0 && events & EPOLLOUT && m->kind->floods)
		more |= say(m, 16384);
	if (m->fd >= 0 && events & EPOLLOUT && !m->kind->floods && m->at < DRIBBLE_FIRST)
		say(m, DRIBBLE_FIRST - m->at);
	return more;
}

/* A byte a second of each that dribbles; those sent away come back. */
static void keep_time(uint64_t now)
{
	for (unsigned i = 0; i < crowd.count; i++) {
		struct member *m = &crowd.members[i];

		if (now < m->back_at)
			continue;
		if (m->fd < 0)
			come(m);
		else if (!m->kind->floods && m->begun)
			say(m, 1);
		m->back_at = now + 1000;
	}
}

static void work(void)
{
	struct epoll_event events[256];
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct member **again = memory_new(crowd.count * sizeof(*again));
	unsigned more = 0;
	uint64_t kept = 0;

	while (poll(&input, 1, 0) == 0) {
		unsigned asked = more;
		int n = epoll_wait(crowd.epoll, events, 256, more > 0 ? 0 : 20);

		more = 0;
		for (unsigned i = 0; i < asked; i++) {
			struct member *m = again[i];

			m->waits = m->fd >= 0 && act(m, EPOLLIN | EPOLLOUT);
			if (m->waits)
				again[more++] = m;
		}
		for (int i = 0; i < n; i++) {
			struct member *m = events[i].data.ptr;

			if (m->fd < 0 || !act(m, events[i].events) || m->waits)
				continue;
			m->waits = true;
			again[more++] = m;
		}
		if (clock_now_ms() >= kept + 20) {
			kept = clock_now_ms();
			keep_time(kept);
		}
	}
	free(again);
}

static void report(void)
{
	printf("{\"alive\":%u,\"sent\":%llu,\"heard\":%llu,\"disconnected\":%llu,\"answers\":{\"ok\":%llu", crowd.alive,
	       (unsigned long long)crowd.sent, (unsigned long long)crowd.heard, (unsigned long long)crowd.dropped,
	       (unsigned long long)crowd.oks);
	for (unsigned i = 0; i < CODES && crowd.codes[i].count > 0; i++)
		printf(",\"%s\":%llu", crowd.codes[i].code, (unsigned long long)crowd.codes[i].count);
	printf("}}\n");
	fflush(stdout);
}

static struct kind *find_kind(const char *name)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	fprintf(stderr, "overload-crowd: no kind %s\n", name);
	exit(64);
}

int main(int argc, char **argv)
{
	struct rlimit r;

	if (argc < 4) {
		fputs("overload-crowd PORT CONNECTIONS KIND…\n", stderr);
		return 64;
	}
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	crowd.port = (uint16_t)atoi(argv[1]);
	crowd.count = (unsigned)atoi(argv[2]);
	crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
	crowd.members = memory_new(crowd.count * sizeof(*crowd.members));
	for (int k = 3; k < argc; k++)
		for (unsigned i = 0; i < BLOCKS; i++)
			find_kind(argv[k])->write_block(&find_kind(argv[k])->blocks[i], i);
	for (unsigned i = 0; i < crowd.count; i++) {
		crowd.members[i] = (struct member){ .number = i, .kind = find_kind(argv[3 + (int)i % (argc - 3)]) };
		come(&crowd.members[i]);
	}
	puts("there");
	fflush(stdout);
	work();
	report();
	return 0;
}
