/* Owns what the supervisor asks its store for its own use. */
#include "supervisor/store_state.h"

#include <stdlib.h>

#include "common/memory.h"
#include "supervisor/admin_table.h"
#include "supervisor/child.h"
#include "proto/msgpack.h"

#define PATIENCE 5000 /* ms */

struct question {
	void (*on_answer)(void *owner, bool known, bool empty);
	void *owner;
};

static void on_done(struct query *q)
{
	struct question *question = q->owner;
	bool known = q->asked == 1 && !q->partial && q->answers[0].count > 0, empty = false;

	if (known) {
		struct msgpack_reader r = msgpack_read(admin_row_get(buffer_bytes(&q->answers[0].rows), "empty"));

		empty = msgpack_read_bool(&r);
		known = !r.bad;
	}
	question->on_answer(question->owner, known, empty);
	free(question);
}

void store_is_empty(struct node *n, void (*on_answer)(void *owner, bool known, bool empty), void *owner)
{
	struct question *question = memory_new(sizeof(*question));
	struct child *store = node_child(n, CONTROL_STORE, 0);
	struct buffer message = { 0 };
	struct query *q;

	*question = (struct question){ on_answer, owner };
	q = query_new(&n->queries, on_done, question);
	if (child_reachable(store)) {
		control_encode_query(&message, &(struct control_query){ q->number, BYTES_LITERAL("status"), { 0 } });
		child_send(store, &message, -1);
		query_expect(q, CONTROL_STORE, 0);
	}
	query_begin(q, PATIENCE);
	buffer_fini(&message);
}
