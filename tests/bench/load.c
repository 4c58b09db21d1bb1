/* Owns the closed loop over all connections and the phases that a run goes through. */
#include "tests/bench/load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "tests/bench/connection.h"

#define SECOND UINT64_C(1000000000)
#define EVENTS 256

enum load_phase { LOAD_GREETING, LOAD_FILL, LOAD_WATCH, LOAD_WARM_UP, LOAD_MEASURE, LOAD_DRAIN, LOAD_DONE };

struct load {
	const struct settings *settings;
	struct load_result *result;
	struct connection *connections;
	uint64_t opened, ready, alive, in_flight;
	int epoll;
	enum load_phase phase;
	uint64_t phase_end;       /* when it is over by the clock */
	uint64_t heard;           /* when anything was last read */
	struct cpu_sample server; /* at the start of the measurement */
	uint64_t generator;
	struct buffer scratch;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static uint64_t patience(const struct load *l)
{
	return (uint64_t)(l->settings->patience * (double)SECOND);
}

static uint64_t own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* --- Connections ------------------------------------------------------------------ */

static int epoll_set(struct load *l, struct connection *c, int operation, bool wants_out)
{
	struct epoll_event e = { .events = EPOLLIN | (wants_out ? EPOLLOUT : 0u), .data.ptr = c };

	return epoll_ctl(l->epoll, operation, c->fd, &e) < 0 ? -errno : 0;
}

/* Those that ask, and behind them those that only watch. */
static uint64_t total(const struct settings *s)
{
	return s->connections + s->watchers;
}

static bool is_watcher(const struct load *l, const struct connection *c)
{
	return c >= l->connections + l->settings->connections;
}

static void raise_descriptor_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int open_all(struct load *l)
{
	const struct settings *s = l->settings;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *where;
	char port[16];
	int error;

	snprintf(port, sizeof(port), "%u", (unsigned)s->port);
	error = getaddrinfo(s->host, port, &hints, &where);
	if (error != 0) {
		fprintf(stderr, "stage-bench: %s: %s\n", s->host, gai_strerror(error));
		return -EINVAL;
	}
	for (error = 0; l->opened < total(s); l->opened++) {
		struct connection *c = &l->connections[l->opened];

		error = connection_open(c, s, &l->result->tally, where, l->opened);
		if (error < 0)
			break;
		l->alive++;
		l->ready += c->ready;
		error = epoll_set(l, c, EPOLL_CTL_ADD, false);
		if (error < 0) {
			l->opened++;
			break;
		}
	}
	freeaddrinfo(where);
	if (error < 0)
		fprintf(stderr, "stage-bench: connection %llu to %s:%s: %s\n",
			(unsigned long long)l->alive + 1, s->host, port, strerror(-error));
	return error;
}

static void lose(struct load *l, struct connection *c)
{
	l->in_flight -= c->in_flight;
	l->ready -= c->ready;
	l->alive--;
	connection_close(c);
}

/* Sends what the phase has to send, and keeps the loop's books about the connection. */
static void feed(struct load *l, struct connection *c)
{
	bool wanted_out = c->wants_out;
	uint64_t before = c->in_flight;
	bool sends = l->phase >= LOAD_FILL && l->phase < LOAD_DRAIN && l->phase != LOAD_WATCH && !is_watcher(l, c);
	int error = sends ? connection_send(c, l->phase == LOAD_FILL) : connection_flush(c);

	l->in_flight += c->in_flight - before;
	if (error == 0 && c->wants_out != wanted_out)
		error = epoll_set(l, c, EPOLL_CTL_MOD, c->wants_out);
	if (error < 0)
		lose(l, c);
}

static void feed_all(struct load *l)
{
	for (uint64_t i = 0; i < l->opened; i++)
		if (l->connections[i].fd >= 0)
			feed(l, &l->connections[i]);
}

static void watch_all(struct load *l)
{
	for (uint64_t i = l->settings->connections; i < l->opened; i++) {
		struct connection *c = &l->connections[i];
		uint64_t before = c->in_flight;
		int error = c->fd >= 0 ? connection_watch(c) : 0;

		l->in_flight += c->in_flight - before;
		if (error < 0)
			lose(l, c);
	}
}

static void on_socket(struct load *l, struct connection *c, uint32_t events)
{
	uint64_t before = c->in_flight;
	bool was_ready = c->ready;
	int error = 0;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		error = connection_receive(c, l->phase == LOAD_FILL, &l->scratch);
	l->in_flight -= before - c->in_flight;
	l->ready += c->ready && !was_ready;
	if (error < 0)
		lose(l, c);
	else
		feed(l, c);
}

/* --- Phases ----------------------------------------------------------------------- */

static int measure_begin(struct load *l)
{
	const struct settings *s = l->settings;
	int error = s->pid_count > 0 ? cpu_take(s->pids, s->pid_count, &l->server) : 0;

	l->generator = own_time();
	l->result->tally.measuring = true;
	l->result->tally.started = clock_now_ns();
	return error;
}

static int measure_end(struct load *l)
{
	const struct settings *s = l->settings;
	struct cpu_sample now;
	int error = 0;

	l->result->tally.ended = clock_now_ns();
	l->result->tally.measuring = false;
	l->result->generator = own_time() - l->generator;
	if (s->pid_count > 0) {
		error = cpu_take(s->pids, s->pid_count, &now);
		if (error == 0)
			cpu_difference(&l->server, &now, &l->result->server);
	}
	return error;
}

static bool phase_over(const struct load *l, uint64_t now)
{
	switch (l->phase) {
	case LOAD_GREETING:
		return l->ready == total(l->settings);
	case LOAD_FILL:
	case LOAD_WATCH:
		return l->in_flight == 0;
	case LOAD_WARM_UP:
	case LOAD_MEASURE:
		return now >= l->phase_end || interrupted;
	case LOAD_DRAIN:
		return l->in_flight == 0 || now >= l->phase_end;
	case LOAD_DONE:
		break;
	}
	return false;
}

/* Leaves a phase for the next one and starts that. */
static int phase_next(struct load *l, uint64_t now)
{
	const struct settings *s = l->settings;
	int error = 0;

	l->phase++;
	if (l->phase == LOAD_FILL && s->no_fill)
		l->phase++;
	switch (l->phase) {
	case LOAD_FILL:
		feed_all(l);
		break;
	case LOAD_WATCH:
		watch_all(l);
		break;
	case LOAD_WARM_UP:
		l->phase_end = now + (uint64_t)(s->warm_up * (double)SECOND);
		feed_all(l);
		break;
	case LOAD_MEASURE:
		error = measure_begin(l);
		l->phase_end = now + (uint64_t)(s->seconds * (double)SECOND);
		break;
	case LOAD_DRAIN:
		error = measure_end(l);
		l->phase_end = clock_now_ns() + patience(l);
		break;
	case LOAD_GREETING:
	case LOAD_DONE:
		break;
	}
	if (error < 0)
		fprintf(stderr, "stage-bench: the server's processor time: %s\n", strerror(-error));
	return error;
}

/* What keeps the run from going on; NULL: nothing. */
static const char *obstacle(const struct load *l, uint64_t now)
{
	const struct settings *s = l->settings;

	if (l->phase == LOAD_GREETING && l->alive < total(s))
		return "the server closed a connection before greeting it";
	if (l->phase == LOAD_GREETING && now - l->heard > patience(l))
		return "the server does not greet";
	if (l->phase > LOAD_GREETING && l->phase < LOAD_DRAIN && l->alive == 0)
		return "the server closed all connections";
	if (l->phase > LOAD_GREETING && l->phase < LOAD_DRAIN && now - l->heard > patience(l))
		return "the server does not answer any more";
	if (l->phase == LOAD_FILL && l->connections[0].advertised > 0 &&
	    l->connections[0].advertised < s->depth)
		return "the server takes fewer requests in flight than --depth; see its greeting";
	return NULL;
}

static int wait_timeout(const struct load *l, uint64_t now)
{
	uint64_t most = SECOND / 5;
	bool timed = l->phase >= LOAD_WARM_UP;

	if (timed && l->phase_end <= now)
		return 0;
	if (timed && l->phase_end - now < most)
		most = l->phase_end - now;
	return (int)((most + 999999) / 1000000);
}

static int loop(struct load *l)
{
	struct epoll_event events[EVENTS];
	const char *why;

	l->heard = clock_now_ns();
	while (l->phase != LOAD_DONE) {
		uint64_t now = clock_now_ns();
		int n, error = 0;

		why = obstacle(l, now);
		if (why != NULL) {
			fprintf(stderr, "stage-bench: %s\n", why);
			return -EIO;
		}
		if (phase_over(l, now)) {
			error = phase_next(l, now);
			if (error < 0)
				return error;
			continue;
		}
		n = epoll_wait(l->epoll, events, EVENTS, wait_timeout(l, now));
		if (n > 0)
			l->heard = now;
		for (int i = 0; i < n; i++)
			on_socket(l, events[i].data.ptr, events[i].events);
	}
	return 0;
}

int load_run(const struct settings *settings, struct load_result *ret)
{
	struct load l = { .settings = settings, .result = ret };
	struct sigaction interrupt = { .sa_handler = on_interrupt };
	int error;

	*ret = (struct load_result){ 0 };
	raise_descriptor_limit();
	sigaction(SIGINT, &interrupt, NULL);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l.epoll < 0)
		return -errno;
	l.connections = memory_new(total(settings) * sizeof(*l.connections));
	error = open_all(&l);
	if (error == 0)
		error = loop(&l);
	if (error == 0 && l.in_flight > 0)
		tally_wrong(&ret->tally, "requests without any answer",
			    BYTES_LITERAL("at the end"));
	for (uint64_t i = 0; i < l.opened; i++)
		connection_fini(&l.connections[i]);
	free(l.connections);
	buffer_fini(&l.scratch);
	close(l.epoll);
	return error;
}
