/* Owns the dispatch of the control messages that children send. */
#include "supervisor/child_message.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "proto/control_cluster.h"
#include "supervisor/cluster/cluster.h"
#include "supervisor/handover.h"
#include "supervisor/node.h"

static bool on_ready(struct child *c, struct bytes message)
{
	(void)message;
	child_event(c, POLICY_SERVES);
	return true;
}

static bool on_failed(struct child *c, struct bytes message)
{
	struct control_failed m;

	if (!control_decode_failed(message, &m))
		return false;
	c->failed_status = m.exit_status > 0 && m.exit_status < 256 ? m.exit_status : 70;
	log_errorx("child cannot serve", F_TEXT("child", c->name), F_INT("exit", c->failed_status),
	           F_BYTES("text", m.text));
	c->cause = "it cannot serve";
	child_event(c, POLICY_REFUSES);
	return true;
}

static bool on_pong(struct child *c, struct bytes message)
{
	(void)c, (void)message;
	return true; /* that it spoke is all: child.c has noted it */
}

static bool on_rows(struct child *c, struct bytes message)
{
	struct control_rows m;

	if (!control_decode_rows(message, &m))
		return false;
	query_on_rows(&c->node->queries, c->role, c->index, &m);
	return true;
}

static bool on_released(struct child *c, struct bytes message)
{
	struct control_released m;

	if (c->role != CONTROL_ACTOR || !control_decode_released(message, &m))
		return false;
	handover_on_released(c->node, c, &m);
	return true;
}

static bool on_transferred(struct child *c, struct bytes message)
{
	struct control_transferred m;

	if (c->role != CONTROL_STORE || !control_decode_transferred(message, &m))
		return false;
	cluster_on_transferred(c->node, &m);
	return true;
}

static bool on_foreign(struct child *c, struct bytes message)
{
	struct control_foreign m;

	if (c->role != CONTROL_STORE || !control_decode_foreign(message, &m))
		return false;
	takeover_on_foreign(c->node, &m);
	return true;
}

static bool on_outdone(struct child *c, struct bytes message)
{
	struct bytes cells;

	if (c->role != CONTROL_STORE || !control_decode_outdone(message, &cells))
		return false;
	if (!cluster_on_outdone(c->node, cells))
		handover_on_outdone(c->node, cells);
	return true;
}

static bool on_peer_lost(struct child *c, struct bytes message)
{
	struct control_peer_lost m;

	if (c->role != CONTROL_GATEWAY || !control_decode_peer_lost(message, &m))
		return false;
	cluster_on_peer_lost(c->node, c, m.index, m.incarnation);
	return true;
}

static bool on_alarm(struct child *c, struct bytes message)
{
	struct control_alarm m;

	if (!control_decode_alarm(message, &m))
		return false;
	if (m.raised && alarm_raise(&c->node->alarms, c->name, m.name, m.text, clock_real_ms()))
		log_errorx("alarm raised", F_TEXT("child", c->name), F_BYTES("alarm", m.name), F_BYTES("text", m.text));
	else if (!m.raised && alarm_clear(&c->node->alarms, c->name, m.name))
		log_info("alarm over", F_TEXT("child", c->name), F_BYTES("alarm", m.name));
	return true;
}

/* A row has one of the two: what brings no descriptor, and what may bring one, which is
 * then its own. */
static const struct {
	enum control_type type;
	bool (*handle)(struct child *c, struct bytes message);
	bool (*take)(struct node *n, struct bytes message, int take_fd); /* the tunnel's alone */
} rows[] = {
	{ CONTROL_READY, on_ready, NULL },       { CONTROL_FAILED, on_failed, NULL },
	{ CONTROL_PONG, on_pong, NULL },         { CONTROL_ROWS, on_rows, NULL },
	{ CONTROL_ALARM, on_alarm, NULL },       { CONTROL_RELEASED, on_released, NULL },
	{ CONTROL_TRANSFERRED, on_transferred, NULL }, { CONTROL_PEER_LOST, on_peer_lost, NULL },
	{ CONTROL_OUTDONE, on_outdone, NULL },   { CONTROL_FOREIGN, on_foreign, NULL },
	{ CONTROL_DIALED, NULL, tunnel_on_dialed }, { CONTROL_ARRIVED, NULL, tunnel_on_arrival },
};

bool child_message(struct child *c, struct bytes message, int take_fd)
{
	unsigned type = control_type(message);
	size_t i = 0;

	while (i < sizeof(rows) / sizeof(rows[0]) && rows[i].type != type)
		i++;
	if (i < sizeof(rows) / sizeof(rows[0]) && rows[i].take && c->role == CONTROL_TUNNEL)
		return rows[i].take(c->node, message, take_fd);
	if (take_fd >= 0)
		close(take_fd);
	return i < sizeof(rows) / sizeof(rows[0]) && rows[i].handle && rows[i].handle(c, message);
}
