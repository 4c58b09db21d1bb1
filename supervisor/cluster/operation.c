/* Owns the operation under way: who is told of it, and how it ends. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "supervisor/cluster/parts.h"

static const char *const names[] = {
	[OPERATION_JOIN] = "join", [OPERATION_LEAVE] = "leave", [OPERATION_DRAIN] = "drain",
};

void operation_line(struct cluster *c, const char *format, ...)
{
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	log_info("cluster", F_TEXT("operation", names[c->operation.kind]), F_TEXT("line", text));
	if (c->operation.watcher.on_line != NULL)
		c->operation.watcher.on_line(c->operation.watcher.owner, text);
}

void operation_note(struct cluster *c, const char *format, ...)
{
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	log_info("cluster", F_TEXT("operation", names[c->operation.kind]), F_TEXT("note", text));
	if (c->operation.watcher.on_note != NULL)
		c->operation.watcher.on_note(c->operation.watcher.owner, text);
}

void operation_end(struct cluster *c, enum admin_exit exit, const char *code, const char *text)
{
	struct operation o = c->operation;

	if (o.kind == OPERATION_NONE)
		return;
	if (exit == ADMIN_DONE)
		log_info("cluster", F_TEXT("operation", names[o.kind]), F_TEXT("outcome", "done"));
	else
		log_warnx("cluster", F_TEXT("operation", names[o.kind]), F_TEXT("code", code), F_TEXT("outcome", text));
	c->operation = (struct operation){ .kind = OPERATION_NONE };
	if (o.dial != NULL)
		tunnel_cancel(o.dial);
	if (o.dialogue != NULL)
		dialogue_end(o.dialogue);
	proposal_forget(c, &c->operation);
	for (size_t i = 0; i < o.count; i++)
		free(o.addresses[i]);
	free(o.addresses);
	if (o.watcher.on_done != NULL)
		o.watcher.on_done(o.watcher.owner, exit, code, text);
}

void cluster_detach(struct node *n, const void *owner)
{
	if (n->cluster != NULL && n->cluster->operation.watcher.owner == owner)
		n->cluster->operation.watcher = (struct cluster_watcher){ 0 };
}
