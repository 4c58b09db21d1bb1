/* Owns the servers of the engine's tests and what they do to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "tests/unit/supervisor/engine_world.h"
#include "tests/unit/supervisor/scratch.h"

#define WIRES 64

static const struct engine_timing quick = { 100, 20, 8, 8 };

struct dial {
	struct ev_timer timer;
	uint64_t from, to;
	struct engine_dial *request;
};

/* A stream between two servers: a descriptor to cut it by. */
struct wire {
	uint64_t from, to;
	int fd;
};

struct ev_loop *loop;
struct server servers[SERVERS + 1];
enum engine_status last;
unsigned done;
static struct wire wires[WIRES];
static unsigned wire_count;

/* libuv runs before the loop sleeps: what it has brought about is looked at soon after. */
void on_look(struct ev_loop *l, struct ev_timer *w, int events)
{
	(void)l, (void)w, (void)events;
}

/* --- the world -------------------------------------------------------------------- */

static void on_apply(void *owner, struct bytes entry)
{
	struct server *s = owner;

	buffer_append_bytes(&s->applied, entry);
	buffer_append_text(&s->applied, ",");
}

static void on_snapshot(void *owner, struct buffer *out)
{
	struct server *s = owner;

	buffer_append_bytes(out, buffer_bytes(&s->applied));
}

static bool on_restore(void *owner, struct bytes snapshot)
{
	struct server *s = owner;

	buffer_clear(&s->applied);
	buffer_append_bytes(&s->applied, snapshot);
	return true;
}

static void on_change(void *owner)
{
	(void)owner;
}

static void on_failed(void *owner, const char *text)
{
	struct server *s = owner;

	print_message("server %d failed: %s\n", (int)s->id, text);
	s->failed = true;
}

static void on_dial_due(struct ev_loop *l, struct ev_timer *w, int events)
{
	struct dial *d = (struct dial *)w;
	struct server *to = &servers[d->to];
	int fds[2];

	(void)l, (void)events;
	if (to->engine == NULL || to->cut || servers[d->from].cut) {
		engine_dialed(d->request, -1);
	} else {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
		assert_true(wire_count < WIRES);
		wires[wire_count++] = (struct wire){ d->from, d->to, dup(fds[0]) };
		engine_accept(to->engine, d->from, "x:1", fds[0]);
		engine_dialed(d->request, fds[1]);
	}
	free(d);
}

static void on_dial(void *owner, uint64_t id, const char *address, struct engine_dial *request)
{
	struct server *s = owner;
	struct dial *d = memory_new(sizeof(*d));

	(void)address;
	*d = (struct dial){ .from = s->id, .to = id, .request = request };
	ev_timer_init(&d->timer, on_dial_due, 0., 0.);
	ev_timer_start(loop, &d->timer);
}

static const struct engine_handlers handlers = {
	on_apply, on_snapshot, on_restore, on_change, on_dial, on_failed,
};

void open_server(void **state, uint64_t id, bool found)
{
	struct server *s = &servers[id];
	struct buffer error = { 0 };
	char address[32];

	s->id = id;
	s->closed = s->cut = false;
	buffer_clear(&s->applied);
	snprintf(s->directory, sizeof(s->directory), "%s/raft%d", (const char *)*state, (int)id);
	snprintf(address, sizeof(address), "server%d:1", (int)id);
	if (engine_open(&s->engine, loop, s->directory, id, address, found, &quick, &handlers, s, &error) < 0)
		fail_msg("%.*s", (int)buffer_length(&error), buffer_bytes(&error).data);
}

/* Nothing reaches it or leaves it any more, not even what is on its way. */
void cut(uint64_t id)
{
	servers[id].cut = true;
	for (unsigned i = 0; i < wire_count; i++)
		if (wires[i].from == id || wires[i].to == id)
			shutdown(wires[i].fd, SHUT_RDWR);
}

/* --- waiting ---------------------------------------------------------------------- */

void on_done(void *owner, enum engine_status status)
{
	(void)owner;
	last = status;
	done++;
}

enum engine_status propose(uint64_t id, const char *entry)
{
	unsigned before = done;

	engine_propose(servers[id].engine, bytes_of(entry), on_done, NULL);
	UNTIL(done > before);
	return last;
}

uint64_t leader(void)
{
	for (uint64_t id = 1; id <= SERVERS; id++)
		if (servers[id].engine != NULL && !servers[id].cut && engine_is_leader(servers[id].engine))
			return id;
	return 0;
}

static void on_closed(void *owner)
{
	struct server *s = owner;

	s->engine = NULL;
	s->closed = true;
}

void close_server(uint64_t id)
{
	if (servers[id].engine == NULL)
		return;
	engine_close(servers[id].engine, on_closed, &servers[id]);
	UNTIL(servers[id].closed);
}

bool has_applied(uint64_t id, const char *all)
{
	return bytes_equal(buffer_bytes(&servers[id].applied), bytes_of(all));
}

/* The leader knows that this server has all. */
bool has_confirmed_all(uint64_t by, uint64_t id)
{
	struct raft *r = &servers[by].engine->raft;
	raft_index match;

	return raft_match_index(r, id, &match) == 0 && match == raft_last_index(r);
}

bool is_voter(uint64_t by, uint64_t id)
{
	struct engine_server list[SERVERS + 1];
	uint32_t count = engine_configuration(servers[by].engine, list, SERVERS + 1);

	for (uint32_t i = 0; i < count; i++)
		if (list[i].id == id)
			return list[i].role == ENGINE_VOTER;
	return false;
}

void three(void **state)
{
	open_server(state, 1, true);
	UNTIL(leader() == 1);
	for (uint64_t id = 2; id <= SERVERS; id++) {
		char address[32];

		snprintf(address, sizeof(address), "server%d:1", (int)id);
		open_server(state, id, false);
		CHANGE(engine_add(servers[1].engine, id, address, on_done, NULL));
		CHANGE(engine_assign(servers[1].engine, id, ENGINE_VOTER, on_done, NULL));
	}
}

int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN); /* as the supervisor does: libuv writes to who is gone */
	loop = ev_loop_new(EVFLAG_AUTO);
	memset(servers, 0, sizeof(servers));
	done = wire_count = 0;
	return scratch_make(state);
}

int tear_down(void **state)
{
	for (uint64_t id = 1; id <= SERVERS; id++) {
		close_server(id);
		buffer_fini(&servers[id].applied);
	}
	for (unsigned i = 0; i < wire_count; i++)
		close(wires[i].fd);
	ev_run(loop, EVRUN_NOWAIT);
	ev_loop_destroy(loop);
	return scratch_remove(state);
}
