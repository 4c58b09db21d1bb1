/* Owns the operation under way: who is told of it, how it ends, and what is remembered of
 * those before it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/parts.h"

static const char *const names[] = {
	[OPERATION_JOIN] = "join", [OPERATION_LEAVE] = "leave", [OPERATION_DRAIN] = "drain",
	[OPERATION_REMOVE] = "remove",
};

/* --- who is told ------------------------------------------------------------------ */

static bool add_watcher(struct operation *o, const struct cluster_watcher *w)
{
	for (size_t i = 0; i < OPERATION_WATCHERS; i++) {
		if (o->watchers[i].owner != NULL)
			continue;
		o->watchers[i] = *w;
		return true;
	}
	return false;
}

void operation_begin(struct cluster *c, int kind, const struct cluster_watcher *w)
{
	c->operation = (struct operation){ .kind = (unsigned)kind, .number = ++c->last_operation };
	(void)add_watcher(&c->operation, w);
}

void operation_answer(struct cluster *c, const char *address, const char *format, ...)
{
	struct operation *o = &c->operation;
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	log_info("cluster", F_TEXT("operation", names[o->kind]), F_TEXT("address", address), F_TEXT("answer", text));
	for (size_t i = 0; i < OPERATION_WATCHERS; i++)
		if (o->watchers[i].owner != NULL)
			o->watchers[i].on_answer(o->watchers[i].owner, address, text);
}

void operation_note(struct cluster *c, const char *format, ...)
{
	struct operation *o = &c->operation;
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	log_info("cluster", F_TEXT("operation", names[o->kind]), F_TEXT("note", text));
	for (size_t i = 0; i < OPERATION_WATCHERS; i++)
		if (o->watchers[i].owner != NULL)
			o->watchers[i].on_note(o->watchers[i].owner, text);
}

void cluster_detach(struct node *n, const void *owner)
{
	if (n->cluster == NULL)
		return;
	for (size_t i = 0; i < OPERATION_WATCHERS; i++)
		if (n->cluster->operation.watchers[i].owner == owner)
			n->cluster->operation.watchers[i] = (struct cluster_watcher){ 0 };
}

/* --- its end ---------------------------------------------------------------------- */

static void tell_outcome(const struct cluster_watcher *w, const struct outcome *outcome)
{
	bool done = outcome->exit == ADMIN_DONE;

	if (w->owner != NULL)
		w->on_done(w->owner, outcome->exit, done ? NULL : outcome->code, done ? NULL : outcome->text);
}

static void release(struct cluster *c, struct operation *o)
{
	tunnel_cancel(c->node, o->dial);
	if (o->dialogue != NULL)
		dialogue_end(o->dialogue);
	proposal_forget(c, &c->operation);
	for (size_t i = 0; i < o->count; i++)
		free(o->addresses[i]);
	free(o->addresses);
}

void operation_end(struct cluster *c, enum admin_exit exit, const char *code, const char *text)
{
	struct operation o = c->operation;
	struct outcome *outcome = &c->outcomes[o.number % OPERATION_OUTCOMES];

	if (o.kind == OPERATION_NONE)
		return;
	*outcome = (struct outcome){ .number = o.number, .exit = exit };
	snprintf(outcome->code, sizeof(outcome->code), "%s", code != NULL ? code : "");
	snprintf(outcome->text, sizeof(outcome->text), "%s", text != NULL ? text : "");
	if (exit == ADMIN_DONE)
		log_info("cluster", F_TEXT("operation", names[o.kind]), F_TEXT("outcome", "done"));
	else
		log_warnx("cluster", F_TEXT("operation", names[o.kind]), F_TEXT("code", outcome->code),
		          F_TEXT("outcome", outcome->text));
	c->operation = (struct operation){ .kind = OPERATION_NONE };
	release(c, &o);
	for (size_t i = 0; i < OPERATION_WATCHERS; i++)
		tell_outcome(&o.watchers[i], outcome);
}

uint64_t cluster_operation(const struct node *n)
{
	return n->cluster != NULL ? n->cluster->last_operation : 0;
}

int cluster_attach(struct node *n, uint64_t number, const struct cluster_watcher *w)
{
	struct cluster *c = n->cluster;
	const struct outcome *outcome;

	if (c == NULL || number == 0)
		return -ENOENT;
	if (c->operation.kind != OPERATION_NONE && c->operation.number == number)
		return add_watcher(&c->operation, w) ? 0 : -EBUSY;
	outcome = &c->outcomes[number % OPERATION_OUTCOMES];
	if (outcome->number != number)
		return -ENOENT;
	tell_outcome(w, outcome);
	return 0;
}
