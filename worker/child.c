/* The children's side of the control channel. */
#include "worker/child.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "proto/ipc.h"
#include "proto/msgpack.h"

static void send_with(struct child *child, struct buffer *message, int take_fd)
{
	int r = channel_send(&child->channel, buffer_bytes(message), take_fd);

	if (r < 0)
		log_error("a control message could not be sent", -r);
	buffer_fini(message);
}

static void send_encoded(struct child *child, struct buffer *message)
{
	send_with(child, message, -1);
}

static void send_plain(struct child *child, enum control_type type)
{
	struct buffer message = { 0 };

	control_encode_plain(&message, type);
	send_encoded(child, &message);
}

static bool apply_settings(struct config *config, struct bytes settings)
{
	struct msgpack_reader r = msgpack_read(settings);
	uint32_t n = msgpack_read_map(&r);
	struct buffer why = { 0 };
	bool good = true;

	for (uint32_t i = 0; i < n && good && !r.bad; i++) {
		struct bytes name = msgpack_read_str(&r), value = msgpack_read_str(&r);
		const char *dot = name.len ? memchr(name.data, '.', name.len) : NULL;
		const struct config_row *row = NULL;

		if (dot)
			row = config_find((struct bytes){ name.data, (size_t)(dot - name.data) },
			                  (struct bytes){ dot + 1, name.len - (size_t)(dot + 1 - name.data) });
		good = row && config_set(config, row, value, CONFIG_FILE, &why) == 0;
	}
	buffer_fini(&why);
	return good && !r.bad;
}

/* --- messages --- */

static bool on_hello(struct child *child, struct bytes message, int fd)
{
	struct control_hello m;
	char name[32];

	(void)fd;
	if (!control_decode_hello(message, &m) || m.hash_key.len != HASH_KEY_SIZE)
		return false;
	if (m.version != CONTROL_VERSION || m.ipc_version != IPC_VERSION || m.role != child->role) {
		child_fail(child, EX_SOFTWARE, "this program is of another version than its supervisor");
		return true;
	}
	child->index = m.index;
	child->incarnation = m.incarnation;
	child->gateways = m.gateways;
	child->actors = m.actors;
	hash_key_init(&child->hash_key, (const unsigned char *)m.hash_key.data);
	if (!apply_settings(&child->config, m.settings)) {
		child_fail(child, EX_SOFTWARE, "the supervisor's settings are not understood");
		return true;
	}
	if (child->role == CONTROL_STORE || child->role == CONTROL_TUNNEL)
		snprintf(name, sizeof(name), "%s", control_role_name(child->role));
	else
		snprintf(name, sizeof(name), "%s/%u", control_role_name(child->role), child->index);
	log_init(name, (enum log_level)child->config.node.log_level, (enum log_format)child->config.node.log_format);
	child->handlers->on_hello(child, &m);
	return true;
}

static bool on_shards(struct child *child, struct bytes message, int fd)
{
	struct control_shards m;
	struct control_shard *former = child->shards;

	(void)fd;
	if (!control_decode_shards(message, &m) || (former && m.count != child->shard_count))
		return false;
	child->shards = memory_grow(NULL, m.count, sizeof(*child->shards));
	child->shard_count = m.count;
	child->map_serial = m.serial;
	for (uint32_t i = 0; i < m.count; i++)
		child->shards[i] = control_shard_at(&m, i);
	if (child->handlers->on_shards)
		child->handlers->on_shards(child, former);
	free(former);
	return true;
}

static bool on_peer(struct child *child, struct bytes message, int fd)
{
	struct control_peer m;

	if (!control_decode_peer(message, &m) || fd < 0 || child->handlers->on_peer == NULL)
		return false;
	child->handlers->on_peer(child, &m, fd);
	return true;
}

static bool on_listener(struct child *child, struct bytes message, int fd)
{
	(void)message;
	if (fd < 0 || child->handlers->on_listener == NULL)
		return false;
	child->handlers->on_listener(child, fd);
	return true;
}

static bool on_classes(struct child *child, struct bytes message, int fd)
{
	struct control_classes m;

	if (!control_decode_classes(message, &m) || fd < 0 || child->handlers->on_classes == NULL)
		return false;
	child->handlers->on_classes(child, &m, fd);
	return true;
}

static bool on_scoreboard(struct child *child, struct bytes message, int fd)
{
	(void)message;
	if (fd < 0 || child->handlers->on_scoreboard == NULL)
		return false;
	child->handlers->on_scoreboard(child, fd);
	return true;
}

static bool on_quarantine(struct child *child, struct bytes message, int fd)
{
	struct control_quarantine m;

	(void)fd;
	if (!control_decode_quarantine(message, &m) || child->handlers->on_quarantine == NULL)
		return false;
	child->handlers->on_quarantine(child, &m);
	return true;
}

static bool on_ping(struct child *child, struct bytes message, int fd)
{
	(void)message, (void)fd;
	send_plain(child, CONTROL_PONG);
	return true;
}

static bool on_drain(struct child *child, struct bytes message, int fd)
{
	(void)message, (void)fd;
	child->handlers->on_drain(child);
	return true;
}

static bool on_query(struct child *child, struct bytes message, int fd)
{
	struct control_query m;

	(void)fd;
	if (!control_decode_query(message, &m) || child->handlers->on_query == NULL)
		return false;
	child->handlers->on_query(child, &m);
	return true;
}

static bool on_identity(struct child *child, struct bytes message, int fd)
{
	struct control_identity m;

	(void)fd;
	if (!control_decode_identity(message, &m) || child->handlers->on_identity == NULL)
		return false;
	child->handlers->on_identity(child, &m);
	return true;
}

static bool on_dial(struct child *child, struct bytes message, int fd)
{
	struct control_dial m;

	(void)fd;
	if (!control_decode_dial(message, &m) || child->handlers->on_dial == NULL)
		return false;
	child->handlers->on_dial(child, &m);
	return true;
}

static bool on_retire(struct child *child, struct bytes message, int fd)
{
	(void)message, (void)fd;
	if (child->handlers->on_retire == NULL)
		return false;
	child->handlers->on_retire(child);
	return true;
}

static bool on_node(struct child *child, struct bytes message, int fd)
{
	struct control_node m;

	(void)fd;
	if (!control_decode_node(message, &m) || child->handlers->on_node == NULL)
		return false;
	child->handlers->on_node(child, &m);
	return true;
}

static bool on_lease(struct child *child, struct bytes message, int fd)
{
	(void)message;
	if (fd < 0 || child->handlers->on_lease == NULL)
		return false;
	child->handlers->on_lease(child, fd);
	return true;
}

static bool on_transfer(struct child *child, struct bytes message, int fd)
{
	struct control_transfer m;

	if (fd < 0 || !control_decode_transfer(message, &m) || child->handlers->on_transfer == NULL)
		return false;
	child->handlers->on_transfer(child, &m, fd);
	return true;
}

static bool on_drop(struct child *child, struct bytes message, int fd)
{
	struct bytes shards;

	(void)fd;
	if (!control_decode_drop(message, &shards) || child->handlers->on_drop == NULL)
		return false;
	child->handlers->on_drop(child, shards);
	return true;
}

/* What a supervisor says to a child; takes_fd: the handler owns the descriptor once it
 * returns true. */
static const struct {
	bool (*handle)(struct child *child, struct bytes message, int fd);
	bool takes_fd;
} messages[] = {
	[CONTROL_HELLO] = { on_hello, false },      [CONTROL_SHARDS] = { on_shards, false },
	[CONTROL_PEER] = { on_peer, true },         [CONTROL_LISTENER] = { on_listener, true },
	[CONTROL_CLASSES] = { on_classes, true },   [CONTROL_PING] = { on_ping, false },
	[CONTROL_DRAIN] = { on_drain, false },      [CONTROL_QUERY] = { on_query, false },
	[CONTROL_SCOREBOARD] = { on_scoreboard, true }, [CONTROL_QUARANTINE] = { on_quarantine, false },
	[CONTROL_IDENTITY] = { on_identity, false }, [CONTROL_DIAL] = { on_dial, false },
	[CONTROL_NODE_STATE] = { on_node, false },  [CONTROL_LEASE] = { on_lease, true },
	[CONTROL_TRANSFER] = { on_transfer, true }, [CONTROL_DROP] = { on_drop, false },
	[CONTROL_RETIRE] = { on_retire, false },
};

static void on_message(struct channel *channel, struct bytes message, int take_fd)
{
	struct child *child = channel->owner;
	unsigned type = control_type(message);
	bool known = type < sizeof(messages) / sizeof(messages[0]) && messages[type].handle;
	bool good = known && messages[type].handle(child, message, take_fd);

	if (!good)
		log_errorx("a control message is not understood", F_UINT("type", type), F_UINT("bytes", message.len));
	if (take_fd >= 0 && !(good && messages[type].takes_fd))
		close(take_fd);
}

/* A child never outlives its supervisor. */
static void on_lost(struct channel *channel, int error)
{
	struct child *child = channel->owner;

	log_warn("the supervisor is gone", -error);
	child_exit(child, EX_UNAVAILABLE);
}

static const struct channel_handlers channel_handlers = { on_message, on_lost };

/* --- life --- */

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int child_init(struct child *child, enum control_role role, const struct child_handlers *handlers, void *owner)
{
	*child = (struct child){ .role = role, .handlers = handlers, .owner = owner };
	log_init(control_role_name(role), LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	config_init(&child->config);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	raise_descriptor_limit();
	child->loop = ev_default_loop(EVFLAG_AUTO);
	if (child->loop == NULL)
		return -ENOSYS;
	return channel_init(&child->channel, child->loop, CONTROL_FD, &channel_handlers, child);
}

void child_fini(struct child *child)
{
	channel_fini(&child->channel);
	config_fini(&child->config);
	free(child->shards);
	child->shards = NULL;
	if (child->loop)
		ev_loop_destroy(child->loop);
}


int child_run(struct child *child)
{
	ev_run(child->loop, 0);
	return child->exit_status;
}

void child_exit(struct child *child, int status)
{
	child->exit_status = status;
	ev_break(child->loop, EVBREAK_ALL);
}

void child_ready(struct child *child)
{
	send_plain(child, CONTROL_READY);
}

void child_fail(struct child *child, int status, const char *text)
{
	struct buffer message = { 0 };

	control_encode_failed(&message, &(struct control_failed){ status, bytes_of(text) });
	send_encoded(child, &message);
	child_exit(child, status);
}

void child_rows(struct child *child, const struct control_rows *rows)
{
	struct buffer message = { 0 };

	control_encode_rows(&message, rows);
	send_encoded(child, &message);
}

void child_released(struct child *child, uint64_t serial, const uint16_t *shards, uint32_t count)
{
	struct buffer message = { 0 };

	control_encode_released(&message, serial, shards, count);
	send_encoded(child, &message);
}

void child_alarm(struct child *child, bool raised, const char *name, const char *text)
{
	struct buffer message = { 0 };

	control_encode_alarm(&message, &(struct control_alarm){ raised, bytes_of(name), bytes_of(text) });
	send_encoded(child, &message);
}

void child_peer_lost(struct child *child, uint32_t index, uint32_t incarnation)
{
	struct buffer message = { 0 };

	control_encode_peer_lost(&message, &(struct control_peer_lost){ index, incarnation });
	send_encoded(child, &message);
}

void child_transferred(struct child *child, const struct control_transferred *m)
{
	struct buffer message = { 0 };

	control_encode_transferred(&message, m);
	send_encoded(child, &message);
}

void child_foreign(struct child *child, const struct control_foreign *m)
{
	struct buffer message = { 0 };

	control_encode_foreign(&message, m);
	send_encoded(child, &message);
}

void child_outdone(struct child *child, struct bytes cells)
{
	struct buffer message = { 0 };

	control_encode_outdone(&message, cells);
	send_encoded(child, &message);
}

void child_dialed(struct child *child, const struct control_dialed *m, int take_fd)
{
	struct buffer message = { 0 };

	control_encode_dialed(&message, m);
	send_with(child, &message, take_fd);
}

void child_arrived(struct child *child, const struct control_arrived *m, int take_fd)
{
	struct buffer message = { 0 };

	control_encode_arrived(&message, m);
	send_with(child, &message, take_fd);
}
