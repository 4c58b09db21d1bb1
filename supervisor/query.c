/* Owns questions under way: which children still owe rows, and until when. */
#include "supervisor/query.h"

#include <assert.h>
#include <stdlib.h>

#include "common/memory.h"
#include "proto/msgpack.h"

static void free_query(struct query *q)
{
	ev_timer_stop(q->table->loop, &q->timer);
	for (uint32_t i = 0; i < q->asked; i++) {
		buffer_fini(&q->answers[i].rows);
		buffer_fini(&q->answers[i].error);
	}
	free(q->answers);
	free(q);
}

/* Answers are handed over and queries freed here, never inside a child's message. */
static void on_reap(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct query_table *t = w->data;

	(void)loop, (void)events;
	for (struct query **at = &t->first; *at != NULL;) {
		struct query *q = *at;

		if (q->started && q->open == 0 && !q->done) {
			q->done = true;
			q->on_done(q);
			at = &t->first; /* the owner may have asked or cancelled others */
			continue;
		}
		if (q->done) {
			*at = q->next;
			free_query(q);
			continue;
		}
		at = &q->next;
	}
}

static void reap_soon(struct query_table *t)
{
	ev_feed_event(t->loop, &t->reaper, EV_CUSTOM);
}

void query_table_init(struct query_table *t, struct ev_loop *loop)
{
	*t = (struct query_table){ .loop = loop };
	ev_init(&t->reaper, on_reap);
	t->reaper.data = t;
}

void query_table_fini(struct query_table *t)
{
	if (t->loop == NULL)
		return;
	ev_clear_pending(t->loop, &t->reaper);
	while (t->first != NULL) {
		struct query *q = t->first;
		t->first = q->next;
		free_query(q);
	}
	t->loop = NULL;
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct query *q = w->data;

	(void)loop, (void)events;
	q->partial = q->partial || q->open > 0;
	q->open = 0;
	reap_soon(q->table);
}

struct query *query_new(struct query_table *t, void (*on_done)(struct query *), void *owner)
{
	struct query *q = memory_new(sizeof(*q));

	if (++t->last_number == 0)
		t->last_number = 1; /* 0 means: nobody asked */
	*q = (struct query){ .next = t->first, .table = t, .number = t->last_number,
	                     .on_done = on_done, .owner = owner };
	ev_init(&q->timer, on_timeout);
	q->timer.data = q;
	t->first = q;
	return q;
}

void query_expect(struct query *q, enum control_role role, uint32_t index)
{
	assert(!q->started);
	q->answers = memory_grow(q->answers, q->asked + 1, sizeof(*q->answers));
	q->answers[q->asked++] = (struct query_answer){ .role = role, .index = index };
	q->open++;
}

void query_begin(struct query *q, uint64_t timeout_ms)
{
	q->started = true;
	ev_timer_set(&q->timer, (double)timeout_ms / 1000, 0.);
	ev_timer_start(q->table->loop, &q->timer);
	if (q->open == 0)
		reap_soon(q->table);
}

void query_cancel(struct query *q)
{
	if (q == NULL)
		return;
	q->done = true;
	reap_soon(q->table);
}

static struct query_answer *find_open(struct query *q, enum control_role role, uint32_t index)
{
	for (uint32_t i = 0; q->open > 0 && i < q->asked; i++) {
		struct query_answer *a = &q->answers[i];
		if (a->role == role && a->index == index && !a->last && !a->gone)
			return a;
	}
	return NULL;
}

static void keep_rows(struct query *q, struct query_answer *a, struct bytes rows)
{
	struct msgpack_reader r = msgpack_read(rows);
	uint32_t n = rows.len > 0 && !msgpack_read_nil(&r) ? msgpack_read_array(&r) : 0;

	for (uint32_t i = 0; i < n; i++) {
		struct bytes row = msgpack_read_value(&r);
		if (r.bad || q->bytes + row.len > QUERY_ROWS_MAX) {
			q->partial = true;
			return;
		}
		q->bytes += row.len;
		buffer_append_bytes(&a->rows, row);
		a->count++;
	}
	q->partial = q->partial || r.bad;
}

void query_on_rows(struct query_table *t, enum control_role role, uint32_t index,
                   const struct control_rows *rows)
{
	for (struct query *q = t->first; q != NULL; q = q->next) {
		struct query_answer *a = NULL;

		if (q->number == rows->query && !q->done)
			a = find_open(q, role, index);
		if (a == NULL)
			continue;
		keep_rows(q, a, rows->rows);
		if (!rows->last)
			return;
		buffer_append_bytes(&a->error, rows->error);
		a->last = true;
		if (--q->open == 0)
			reap_soon(t);
		return;
	}
}

void query_on_gone(struct query_table *t, enum control_role role, uint32_t index)
{
	for (struct query *q = t->first; q != NULL; q = q->next) {
		struct query_answer *a = q->done ? NULL : find_open(q, role, index);

		if (a == NULL)
			continue;
		a->gone = true;
		q->partial = true;
		if (--q->open == 0)
			reap_soon(t);
	}
}
