/* Owns the messages that bring a child into the node: settings, shards, links. */
#include "supervisor/handshake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "proto/ipc.h"
#include "proto/msgpack.h"
#include "supervisor/attribution.h"
#include "supervisor/cluster/cluster.h"

/* Which roles have a link with each other. */
static const bool linked[CONTROL_ROLE_COUNT][CONTROL_ROLE_COUNT] = {
	[CONTROL_GATEWAY][CONTROL_ACTOR] = true,
	[CONTROL_ACTOR][CONTROL_GATEWAY] = true,
	[CONTROL_ACTOR][CONTROL_STORE] = true,
	[CONTROL_STORE][CONTROL_ACTOR] = true,
};

/* Actor workers run other people's code: they are not told what may hold a password. */
static bool may_know(enum control_role role, const struct config_row *row)
{
	return !row->secret || role == CONTROL_STORE;
}

static void write_settings(const struct config *config, enum control_role role, struct buffer *out)
{
	struct buffer text = { 0 };
	uint32_t count = 0;

	for (const struct config_row *row = config_rows; row->section != NULL; row++)
		count += may_know(role, row);
	msgpack_write_map(out, count);
	for (const struct config_row *row = config_rows; row->section != NULL; row++) {
		if (!may_know(role, row))
			continue;
		buffer_clear(&text);
		buffer_printf(&text, "%s.%s", row->section, row->key);
		msgpack_write_str(out, buffer_bytes(&text));
		buffer_clear(&text);
		config_format(config, row, &text);
		msgpack_write_str(out, buffer_bytes(&text));
	}
	buffer_fini(&text);
}

static void send_hello(struct node *n, struct child *c)
{
	struct buffer settings = { 0 }, message = { 0 };
	struct control_hello hello = {
		.version = CONTROL_VERSION, .ipc_version = IPC_VERSION,
		.role = c->role, .index = c->index, .incarnation = c->incarnation,
		.cluster = { (const char *)n->identity.cluster, sizeof(n->identity.cluster) },
		.hash_key = { (const char *)n->identity.key, sizeof(n->identity.key) },
		.gateways = n->gateways, .actors = n->actors,
	};

	write_settings(&n->config, c->role, &settings);
	hello.settings = buffer_bytes(&settings);
	control_encode_hello(&message, &hello);
	child_send(c, &message, -1);
	buffer_fini(&message);
	buffer_fini(&settings);
}

static bool send_classes(struct node *n, struct child *c)
{
	const struct control_classes classes = { .serial = n->bundle.serial };
	struct buffer message = { 0 };
	int fd = bundle_open(&n->bundle);

	if (fd < 0) {
		log_error("classes cannot be handed over", -fd, F_TEXT("child", c->name));
		return false;
	}
	control_encode_classes(&message, &classes);
	child_send(c, &message, fd);
	buffer_fini(&message);
	return true;
}

static void send_shards(struct node *n, struct child *c)
{
	struct buffer message = { 0 };

	control_encode_shards(&message, n->shards.serial, n->shards.shards, n->shards.count);
	child_send(c, &message, -1);
	buffer_fini(&message);
}

static void send_plain(struct child *c, enum control_type type)
{
	struct buffer message = { 0 };

	control_encode_plain(&message, type);
	child_send(c, &message, -1);
	buffer_fini(&message);
}

static bool send_listener(struct node *n, struct child *c)
{
	struct buffer message = { 0 };
	int fd = fcntl(n->client.fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0) {
		log_error("the client listener cannot be handed over", errno, F_TEXT("child", c->name));
		return false;
	}
	control_encode_plain(&message, CONTROL_LISTENER);
	child_send(c, &message, fd);
	buffer_fini(&message);
	return true;
}

static void send_peer(struct child *to, const struct child *peer, int take_fd)
{
	const struct control_peer m = { peer->role, peer->index, peer->incarnation, false };
	struct buffer message = { 0 };

	control_encode_peer(&message, &m);
	child_send(to, &message, take_fd);
	buffer_fini(&message);
}

static bool link_children(struct child *a, struct child *b)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		log_error("children cannot be linked", errno, F_TEXT("child", a->name), F_TEXT("peer", b->name));
		return false;
	}
	send_peer(a, b, fds[0]);
	send_peer(b, a, fds[1]);
	return true;
}

void handshake_greet(struct node *n, struct child *c)
{
	bool whole;

	send_hello(n, c);
	whole = cluster_greet(n, c);
	if (c->role == CONTROL_ACTOR)
		whole = attribution_greet(n, c) && send_classes(n, c) && whole;
	if (c->role != CONTROL_TUNNEL)
		send_shards(n, c);
	for (uint32_t i = 0; i < n->child_count; i++) {
		struct child *peer = &n->children[i];
		if (linked[c->role][peer->role] && child_reachable(peer))
			whole = link_children(c, peer) && whole;
	}
	if (c->role == CONTROL_GATEWAY)
		whole = send_listener(n, c) && whole;
	if (c->role == CONTROL_GATEWAY && n->retired)
		send_plain(c, CONTROL_RETIRE);
	if (c->role == CONTROL_TUNNEL)
		whole = tunnel_greet(n, c) && whole;
	if (!whole) { /* out of descriptors: better another try than a deaf child */
		c->cause = "it could not be given its descriptors";
		child_event(c, POLICY_SILENT);
	}
}

void handshake_shards(struct node *n)
{
	for (uint32_t i = 0; i < n->child_count; i++) { /* the store is the first child */
		if (n->children[i].role != CONTROL_TUNNEL)
			send_shards(n, &n->children[i]);
	}
}

void handshake_retire(struct node *n, bool on)
{
	n->retired = on;
	for (uint32_t i = 0; i < n->child_count; i++) {
		struct child *c = &n->children[i];

		if (c->role != CONTROL_GATEWAY || !child_reachable(c))
			continue;
		if (on)
			send_plain(c, CONTROL_RETIRE);
		else
			(void)send_listener(n, c);
	}
}
