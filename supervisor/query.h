/* Questions to children and the gathering of their ROWS: every child asked answers,
 * dies, or runs out of time. */
#ifndef SUPERVISOR_QUERY_H
#define SUPERVISOR_QUERY_H

#include <ev.h>

#include "proto/control.h"

#define QUERY_ROWS_MAX (32u << 20) /* bytes of rows kept per query; more make it partial */

struct child;
struct query;

/* What one child said. */
struct query_answer {
	enum control_role role;
	uint32_t index;
	bool last;          /* it answered to the end */
	bool gone;          /* it died first */
	struct buffer rows; /* msgpack maps, one after another */
	uint32_t count;
	struct buffer error; /* its negative answer, or empty */
};

struct query_table {
	struct ev_loop *loop;
	struct query *first;
	struct ev_timer reaper; /* never started, only fed: finishes and frees outside of callers */
	uint32_t last_number;
};

struct query {
	struct query *next;
	struct query_table *table;
	uint32_t number;
	struct query_answer *answers;
	uint32_t asked, open; /* answers in all, and those still awaited */
	size_t bytes;
	bool partial; /* a child died, was late, or said more than is kept */
	bool started, done;
	struct ev_timer timer;
	void (*on_done)(struct query *q); /* once, from the loop; the query goes away after it */
	void *owner;
};

void query_table_init(struct query_table *t, struct ev_loop *loop);
void query_table_fini(struct query_table *t);

/* A new query: add the children with query_expect(), then query_begin(). */
struct query *query_new(struct query_table *t, void (*on_done)(struct query *), void *owner);
void query_expect(struct query *q, enum control_role role, uint32_t index);
void query_begin(struct query *q, uint64_t timeout_ms);

/* The owner no longer waits: on_done is not called. NULL is fine. */
void query_cancel(struct query *q);

/* From the child's channel. */
void query_on_rows(struct query_table *t, enum control_role role, uint32_t index,
                   const struct control_rows *rows);
/* The child is gone: whoever waits for it goes without. */
void query_on_gone(struct query_table *t, enum control_role role, uint32_t index);

#endif
