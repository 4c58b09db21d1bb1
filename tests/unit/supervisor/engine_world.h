/* Servers of one process for the engine's tests, joined by socket pairs. */
#ifndef TESTS_UNIT_SUPERVISOR_ENGINE_WORLD_H
#define TESTS_UNIT_SUPERVISOR_ENGINE_WORLD_H

#include "supervisor/cluster/engine_parts.h"

#define SERVERS 3
#define PATIENCE 20. /* seconds */

struct server {
	uint64_t id;
	char directory[512];
	struct engine *engine;
	struct buffer applied; /* every entry, each with a comma behind it */
	bool cut, closed, failed;
};

extern struct ev_loop *loop;
extern struct server servers[SERVERS + 1]; /* by id */
extern enum engine_status last; /* of the call that ended last */
extern unsigned done;           /* calls that have ended */

int set_up(void **state);
int tear_down(void **state);

void open_server(void **state, uint64_t id, bool found);
void close_server(uint64_t id);
/* Nothing reaches it or leaves it any more, not even what is on its way. */
void cut(uint64_t id);
/* Servers 1 to 3, all of them voters; the first leads. */
void three(void **state);

void on_done(void *owner, enum engine_status status);
enum engine_status propose(uint64_t id, const char *entry);

uint64_t leader(void); /* 0: none */
bool has_applied(uint64_t id, const char *all);
/* The leader knows that this server has all. */
bool has_confirmed_all(uint64_t by, uint64_t id);
bool is_voter(uint64_t by, uint64_t id);

void on_look(struct ev_loop *l, struct ev_timer *w, int events);

#define UNTIL(condition)                                          \
	do {                                                      \
		struct ev_timer look_;                            \
		ev_tstamp end_ = ev_time() + PATIENCE;            \
		ev_timer_init(&look_, on_look, 0.005, 0.005);     \
		ev_timer_start(loop, &look_);                     \
		while (!(condition)) {                            \
			if (ev_time() > end_)                     \
				fail_msg("not in time: %s", #condition); \
			ev_run(loop, EVRUN_ONCE);                 \
		}                                                 \
		ev_timer_stop(loop, &look_);                      \
	} while (0)

/* Change: done, however often the leader is busy with another. */
#define CHANGE(call)                                               \
	do {                                                       \
		do {                                               \
			unsigned before_ = done;                   \
			ev_run(loop, EVRUN_NOWAIT);                \
			call;                                      \
			UNTIL(done > before_);                     \
		} while (last == ENGINE_BUSY);                     \
		assert_int_equal(last, ENGINE_DONE);               \
	} while (0)

#endif
