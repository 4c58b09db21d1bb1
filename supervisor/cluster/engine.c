/* Owns the engine's life and its calls. An entry of the log is its length before its bytes,
 * padded to what libraft's format wants: multiples of eight. */
#include "supervisor/cluster/engine.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "supervisor/cluster/engine_parts.h"

#define ALIGNED(n) (((n) + 7) & ~(size_t)7)
#define FSM_VERSION 2
#define CONNECT_RETRY 100 /* ms */

const struct engine_timing engine_default_timing = { 500, 50, 4096, 4096 };

/* --- the log's entries ------------------------------------------------------------- */

static int on_apply(struct raft_fsm *fsm, const struct raft_buffer *b, void **ret_result)
{
	struct engine *e = fsm->data;
	uint32_t length;

	*ret_result = NULL;
	if (b->len < sizeof(length))
		return RAFT_MALFORMED;
	memcpy(&length, b->base, sizeof(length));
	if (length > b->len - sizeof(length))
		return RAFT_MALFORMED;
	e->handlers.on_apply(e->owner, (struct bytes){ (const char *)b->base + sizeof(length), length });
	return 0;
}

static int on_snapshot(struct raft_fsm *fsm, struct raft_buffer *ret_buffers[], unsigned *ret_count)
{
	struct engine *e = fsm->data;
	struct buffer out = { 0 };
	struct raft_buffer *b = raft_calloc(1, sizeof(*b));
	uint32_t length;

	e->handlers.on_snapshot(e->owner, &out);
	length = (uint32_t)buffer_length(&out);
	if (b == NULL)
		abort();
	b->len = ALIGNED(sizeof(length) + length);
	b->base = raft_calloc(1, b->len);
	if (b->base == NULL)
		abort();
	memcpy(b->base, &length, sizeof(length));
	if (length > 0)
		memcpy((char *)b->base + sizeof(length), buffer_bytes(&out).data, length);
	buffer_fini(&out);
	*ret_buffers = b;
	*ret_count = 1;
	return 0;
}

static int on_restore(struct raft_fsm *fsm, struct raft_buffer *b)
{
	struct engine *e = fsm->data;
	uint32_t length = 0;
	bool good = b->len >= sizeof(length);

	if (good)
		memcpy(&length, b->base, sizeof(length));
	good = good && length <= b->len - sizeof(length) &&
	       e->handlers.on_restore(e->owner, (struct bytes){ (const char *)b->base + sizeof(length), length });
	if (!good)
		return RAFT_MALFORMED;
	raft_free(b->base);
	return 0;
}

/* --- what has changed -------------------------------------------------------------- */

struct barrier {
	struct raft_barrier request;
	struct engine *engine;
	raft_term term;
};

static void on_barrier(struct raft_barrier *request, int status)
{
	struct barrier *b = request->data;

	if (status == 0)
		b->engine->decided = b->term;
	free(b);
}

/* A new leader decides what former ones have left undecided only with an entry of its own
 * (Ongaro's thesis, 6.4). */
static void begin_to_lead(struct engine *e)
{
	struct barrier *b = memory_new(sizeof(*b));

	*b = (struct barrier){ .request.data = b, .engine = e, .term = raft_current_term(&e->raft) };
	uv_update_time(&e->uv.uv);
	if (raft_barrier(&e->raft, &b->request, on_barrier) != 0)
		free(b);
}

static void look(void *owner)
{
	struct engine *e = owner;
	raft_id leader = 0;
	const char *address = NULL;
	unsigned roles = 0;
	int state;

	if (e->closed) {
		void (*on_closed)(void *) = e->on_closed;
		void *closer = e->closer;

		uv_inside_fini(&e->uv);
		free(e->heard);
		free(e->directory);
		free(e);
		on_closed(closer);
		return;
	}
	if (e->closing || !e->ready)
		return;
	state = (int)raft_state(&e->raft);
	if (state == RAFT_UNAVAILABLE && !e->failed) {
		e->failed = true;
		e->handlers.on_failed(e->owner, raft_errmsg(&e->raft));
		return;
	}
	raft_leader(&e->raft, &leader, &address);
	for (unsigned i = 0; i < e->raft.configuration.n; i++)
		roles = roles * 3 + (unsigned)e->raft.configuration.servers[i].role;
	if (state == e->told_state && leader == e->told_leader && e->raft.configuration.n == e->told_servers &&
	    roles == e->told_roles)
		return;
	if (state == RAFT_LEADER && e->told_state != RAFT_LEADER)
		begin_to_lead(e);
	e->told_state = state;
	e->told_leader = leader;
	e->told_servers = e->raft.configuration.n;
	e->told_roles = roles;
	e->handlers.on_change(e->owner);
}

/* --- opening and closing ------------------------------------------------------------ */

static int explain(struct buffer *error, const char *directory, const char *what, int code, const char *text)
{
	buffer_printf(error, "the cluster's log in %s cannot be %s: %s (%s)\n", directory, what,
	              text != NULL && text[0] != '\0' ? text : raft_strerror(code), raft_strerror(code));
	return -EIO;
}

static int bootstrap(struct engine *e, uint64_t id, const char *address)
{
	struct raft_configuration c;
	int result;

	raft_configuration_init(&c);
	result = raft_configuration_add(&c, id, address, RAFT_VOTER);
	if (result == 0)
		result = raft_bootstrap(&e->raft, &c);
	raft_configuration_close(&c);
	return result == RAFT_CANTBOOTSTRAP ? 0 : result; /* it has been done before */
}

static void set_timing(struct engine *e, const struct engine_timing *t)
{
	raft_set_election_timeout(&e->raft, t->election);
	raft_set_heartbeat_timeout(&e->raft, t->heartbeat);
	raft_set_snapshot_threshold(&e->raft, t->threshold);
	raft_set_snapshot_trailing(&e->raft, t->trailing);
	raft_set_pre_vote(&e->raft, true);
	raft_uv_set_connect_retry_delay(&e->io, CONNECT_RETRY);
}

static int start(struct engine *e, uint64_t id, const char *address, bool found, const struct engine_timing *timing,
                 struct buffer *error)
{
	int result;

	engine_transport_init(e);
	result = raft_uv_init(&e->io, &e->uv.uv, e->directory, &e->transport);
	if (result != 0)
		return explain(error, e->directory, "opened", result, e->io.errmsg);
	e->fsm = (struct raft_fsm){ .version = FSM_VERSION, .data = e, .apply = on_apply, .snapshot = on_snapshot,
	                            .restore = on_restore };
	result = raft_init(&e->raft, &e->io, &e->fsm, id, address);
	if (result != 0)
		return explain(error, e->directory, "opened", result, e->raft.errmsg);
	e->raft.data = e;
	engine_receive_init(e);
	set_timing(e, timing);
	if (found)
		result = bootstrap(e, id, address);
	if (result != 0)
		return explain(error, e->directory, "begun", result, e->raft.errmsg);
	result = raft_start(&e->raft);
	if (result != 0)
		return explain(error, e->directory, "started", result, e->raft.errmsg);
	e->ready = true;
	return 0;
}

int engine_open(struct engine **ret, struct ev_loop *loop, const char *directory, uint64_t id, const char *address,
                bool found, const struct engine_timing *timing, const struct engine_handlers *handlers, void *owner,
                struct buffer *error)
{
	struct engine *e;
	int result;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
		buffer_printf(error, "%s cannot be made: %s\n", directory, strerror(errno));
		return -errno;
	}
	e = memory_new(sizeof(*e));
	*e = (struct engine){ .loop = loop, .handlers = *handlers, .owner = owner, .told_state = -1 };
	e->directory = memory_text(directory);
	if (uv_inside_init(&e->uv, loop, look, e) < 0) {
		buffer_append_text(error, "libuv cannot be started\n");
		free(e->directory);
		free(e);
		return -ENOMEM;
	}
	result = start(e, id, address, found, timing != NULL ? timing : &engine_default_timing, error);
	if (result < 0)
		return result; /* the process ends: what libraft holds is not worth a way of its own */
	*ret = e;
	return 0;
}

static void on_raft_closed(struct raft *r)
{
	struct engine *e = r->data;

	raft_uv_close(&e->io);
	e->closed = true; /* libuv has callbacks on its stack: freed when it has run */
}

void engine_close(struct engine *e, void (*on_closed)(void *owner), void *owner)
{
	e->closing = true;
	e->on_closed = on_closed;
	e->closer = owner;
	uv_update_time(&e->uv.uv);
	raft_close(&e->raft, on_raft_closed);
}

void engine_wipe(const char *directory)
{
	DIR *list = opendir(directory);
	struct dirent *entry;
	char path[PATH_MAX];

	while (list != NULL && (entry = readdir(list)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		(void)unlink(path);
	}
	if (list != NULL)
		closedir(list);
	(void)rmdir(directory);
}

/* --- proposals and changes ----------------------------------------------------------- */

static enum engine_status status_of(int code)
{
	switch (code) {
	case 0:
	case RAFT_DUPLICATEID: /* it is as it should be */
	case RAFT_DUPLICATEADDRESS:
	case RAFT_BADROLE:
		return ENGINE_DONE;
	case RAFT_NOTLEADER:
		return ENGINE_NOT_LEADER;
	case RAFT_CANTCHANGE:
		return ENGINE_BUSY;
	case RAFT_LEADERSHIPLOST:
	case RAFT_CANCELED:
	case RAFT_SHUTDOWN:
		return ENGINE_UNKNOWN;
	default:
		return ENGINE_FAILED;
	}
}

struct call {
	union {
		struct raft_apply apply;
		struct raft_change change;
		struct raft_transfer transfer;
	};
	struct engine *engine;
	engine_done on_done;
	void *owner;
	raft_id id;
};

static struct call *new_call(struct engine *e, engine_done on_done, void *owner)
{
	struct call *c = memory_new(sizeof(*c));

	*c = (struct call){ .engine = e, .on_done = on_done, .owner = owner };
	uv_update_time(&e->uv.uv);
	return c;
}

static void finish(struct call *c, enum engine_status status)
{
	engine_done on_done = c->on_done;
	void *owner = c->owner;

	free(c);
	on_done(owner, status);
}

static void on_applied(struct raft_apply *request, int status, void *result)
{
	(void)result;
	finish(request->data, status_of(status));
}

void engine_propose(struct engine *e, struct bytes entry, engine_done on_done, void *owner)
{
	struct call *c = new_call(e, on_done, owner);
	uint32_t length = (uint32_t)entry.len;
	struct raft_buffer b = { .len = ALIGNED(sizeof(length) + entry.len) };
	int result;

	b.base = raft_calloc(1, b.len);
	if (b.base == NULL)
		abort();
	memcpy(b.base, &length, sizeof(length));
	if (entry.len > 0)
		memcpy((char *)b.base + sizeof(length), entry.data, entry.len);
	c->apply.data = c;
	result = e->closing ? RAFT_SHUTDOWN : raft_apply(&e->raft, &c->apply, &b, 1, on_applied);
	if (result == 0)
		return;
	raft_free(b.base);
	finish(c, result == RAFT_SHUTDOWN ? ENGINE_NOT_LEADER : status_of(result));
}

static void on_changed(struct raft_change *request, int status)
{
	finish(request->data, status_of(status));
}

/* Before it has decided anything of its own a new leader may not change who votes: the change
 * of a former one and its own could both be decided, each by its own majority (Ongaro, raft-dev,
 * 10 July 2015). */
static bool may_change(struct call *c)
{
	struct raft *r = &c->engine->raft;

	c->change.data = c;
	if (raft_state(r) != RAFT_LEADER || c->engine->decided == raft_current_term(r))
		return true;
	finish(c, ENGINE_BUSY);
	return false;
}

static void begun(struct call *c, int result)
{
	struct raft *r = &c->engine->raft;

	if (result == 0)
		return;
	if (r->legacy.change == &c->change)
		r->legacy.change = NULL; /* raft_assign() keeps what it could not submit */
	finish(c, status_of(result));
}

void engine_add(struct engine *e, uint64_t id, const char *address, engine_done on_done, void *owner)
{
	struct call *c = new_call(e, on_done, owner);

	if (may_change(c))
		begun(c, raft_add(&e->raft, &c->change, id, address, on_changed));
}

static const int roles[] = { [ENGINE_SPARE] = RAFT_SPARE, [ENGINE_STANDBY] = RAFT_STANDBY, [ENGINE_VOTER] = RAFT_VOTER };

void engine_assign(struct engine *e, uint64_t id, enum engine_role role, engine_done on_done, void *owner)
{
	struct call *c = new_call(e, on_done, owner);

	if (may_change(c))
		begun(c, raft_assign(&e->raft, &c->change, id, roles[role], on_changed));
}

void engine_remove(struct engine *e, uint64_t id, engine_done on_done, void *owner)
{
	struct call *c = new_call(e, on_done, owner);

	if (may_change(c))
		begun(c, raft_remove(&e->raft, &c->change, id, on_changed));
}

static void on_transferred(struct raft_transfer *request)
{
	struct call *c = request->data;
	raft_id leader = 0;
	const char *address;

	raft_leader(&c->engine->raft, &leader, &address);
	finish(c, leader == c->id ? ENGINE_DONE : ENGINE_FAILED);
}

void engine_transfer(struct engine *e, uint64_t id, engine_done on_done, void *owner)
{
	struct call *c = new_call(e, on_done, owner);

	c->transfer.data = c;
	c->id = id;
	begun(c, raft_transfer(&e->raft, &c->transfer, id, on_transferred));
}

/* --- facts -------------------------------------------------------------------------- */

bool engine_is_leader(const struct engine *e)
{
	return e->ready && !e->closing && raft_state((struct raft *)&e->raft) == RAFT_LEADER;
}

bool engine_leader(const struct engine *e, uint64_t *ret_id, const char **ret_address)
{
	raft_id id = 0;
	const char *address = NULL;

	if (!e->ready || e->closing)
		return false;
	raft_leader((struct raft *)&e->raft, &id, &address);
	if (id == 0 || address == NULL)
		return false;
	*ret_id = id;
	*ret_address = address;
	return true;
}

uint32_t engine_configuration(const struct engine *e, struct engine_server *ret, uint32_t most)
{
	const struct raft_configuration *c = &e->raft.configuration;
	uint32_t count = 0;

	for (; count < c->n && count < most; count++) {
		int role = c->servers[count].role;

		ret[count] = (struct engine_server){ c->servers[count].id,
			role == RAFT_VOTER ? ENGINE_VOTER : role == RAFT_STANDBY ? ENGINE_STANDBY : ENGINE_SPARE,
			c->servers[count].address, engine_has_heard(e, c->servers[count].id) };
	}
	return count;
}
