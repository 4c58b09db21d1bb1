/* Owns the node's side of the service manager: facts, datagrams, the descriptor store. */
#include "supervisor/manager.h"

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/node.h"

#define BARRIER_LIMIT 5000 /* ms */

/* --- what it is told -------------------------------------------------------------- */

static void flush(struct manager *m, struct buffer *lines)
{
	int error = 0;

	if (buffer_length(lines) > 0)
		error = notify_send(&m->notify, buffer_bytes(lines), -1);
	if (error < 0)
		log_warn("the service manager cannot be told", -error, F_BYTES("lines", buffer_bytes(lines)));
	buffer_fini(lines);
}

static struct service_facts facts_of(const struct node *n)
{
	struct service_facts f = {
		.serving = n->phase == NODE_SERVING, .stopping = n->phase == NODE_STOPPING,
		.processes = n->child_count, .client = n->client.address, .alarms = n->alarms.count,
		.alarm = n->alarms.count > 0 ? n->alarms.entries[0].text : NULL, .heard_at = UINT64_MAX,
	};

	for (uint32_t i = 0; i < n->child_count; i++) {
		const struct child *c = &n->children[i];

		f.running += c->pid > 0;
		f.restarts += c->incarnation > 0 ? c->incarnation - 1 : 0;
		if (c->policy.state == POLICY_READY) {
			f.ready++;
			f.heard_at = c->heard_at < f.heard_at ? c->heard_at : f.heard_at;
		} else if (f.awaited == NULL) {
			f.awaited = c->name;
			f.awaited_state = policy_state_name(c->policy.state);
		}
	}
	return f;
}

void manager_update(struct node *n)
{
	const struct service_facts facts = facts_of(n);
	struct buffer lines = { 0 };

	if (n->phase != NODE_STOPPED && n->manager.notify.open)
		service_update(&n->manager.service, &facts, clock_now_ms(), &lines);
	flush(&n->manager, &lines);
}

void manager_reload_begins(struct node *n)
{
	const struct service_facts facts = facts_of(n);
	struct buffer lines = { 0 };

	service_reload_begins(&n->manager.service, &facts, clock_now_ns() / 1000, &lines);
	flush(&n->manager, &lines);
}

void manager_reload_ends(struct node *n, const char *text)
{
	const struct service_facts facts = facts_of(n);
	struct buffer lines = { 0 };

	service_reload_ends(&n->manager.service, &facts, text, &lines);
	flush(&n->manager, &lines);
}

void manager_fails(struct manager *m, struct bytes why)
{
	const char *end = why.len > 0 ? memchr(why.data, '\n', why.len) : NULL;
	struct buffer lines = { 0 };

	if (end != NULL)
		why.len = (size_t)(end - why.data);
	buffer_printf(&lines, "STATUS=cannot start: %.*s\n", (int)why.len, why.len > 0 ? why.data : "");
	flush(m, &lines);
}

/* --- the descriptor store --------------------------------------------------------- */

void manager_keep(struct manager *m, const char *name, struct listener *l)
{
	struct buffer lines = { 0 };
	int error;

	if (!m->notify.open)
		return;
	/* Not polled: whether anybody waits there is our affair. */
	buffer_printf(&lines, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0\n", name);
	error = notify_send(&m->notify, buffer_bytes(&lines), l->fd);
	if (error < 0)
		log_warn("a listener cannot be kept by the service manager", -error, F_TEXT("name", name));
	else
		l->kept = name;
	buffer_fini(&lines);
}

static void remove_kept(struct manager *m, const char *name)
{
	struct buffer lines = { 0 };

	buffer_printf(&lines, "FDSTOREREMOVE=1\nFDNAME=%s\n", name);
	flush(m, &lines);
}

void manager_forget(struct manager *m, const char *name)
{
	int error;

	remove_kept(m, name);
	error = notify_barrier(&m->notify, BARRIER_LIMIT);
	if (error < 0)
		log_warn("the service manager does not answer", -error);
}

/* --- its life --------------------------------------------------------------------- */

void manager_init(struct manager *m, uint64_t hang_timeout)
{
	int error;

	*m = (struct manager){ 0 };
	error = notify_open(&m->notify);
	if (error < 0)
		log_warn("NOTIFY_SOCKET cannot be used", -error);
	m->service.watchdog = notify_watchdog();
	if (m->service.watchdog > 0 && hang_timeout >= m->service.watchdog / 2)
		log_warnx("a worker that hangs may end the whole service: hang_timeout is not less than half the watchdog's",
		          F_UINT("hang_timeout_ms", hang_timeout), F_UINT("watchdog_ms", m->service.watchdog));
	activation_take(&m->activation);
}

void manager_fini(struct manager *m)
{
	activation_fini(&m->activation);
	notify_close(&m->notify);
}
