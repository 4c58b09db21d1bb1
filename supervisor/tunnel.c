/* Owns the dials under way and who hears of arrivals. */
#include "supervisor/tunnel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "supervisor/cluster/cluster.h"
#include "supervisor/node.h"

struct tunnel_dial {
	struct tunnel_dial *next;
	uint64_t tag;
	tunnel_dialed *on_dialed;
	void *owner;
	const char *failed; /* why, NULL: the tunnel has it */
};

bool tunnel_configured(const struct node *n)
{
	const char *file = n->config.cluster.secret_file;

	return file != NULL && file[0] != '\0';
}

/* --- dials ------------------------------------------------------------------------ */

static struct tunnel_dial **find(struct tunnel *t, uint64_t tag)
{
	struct tunnel_dial **at = &t->dials;

	while (*at != NULL && (*at)->tag != tag)
		at = &(*at)->next;
	return at;
}

static struct tunnel_dial **first_failed(struct tunnel *t)
{
	struct tunnel_dial **at = &t->dials;

	while (*at != NULL && (*at)->failed == NULL)
		at = &(*at)->next;
	return at;
}

/* Takes the dial out before its owner hears, who may dial again or cancel others. */
static void end(struct tunnel_dial **at, const struct control_dialed *result, int take_fd)
{
	struct tunnel_dial *d = *at;

	*at = d->next;
	d->on_dialed(d->owner, result, take_fd);
	free(d);
}

static void on_failed(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct node *n = w->data;
	struct tunnel_dial **at;

	(void)loop, (void)events;
	while (*(at = first_failed(&n->tunnel)) != NULL) {
		const struct control_dialed result = {
			.tag = (*at)->tag, .code = CONTROL_DIAL_UNREACHABLE, .text = bytes_of((*at)->failed),
		};

		end(at, &result, -1);
	}
}

static void fail_soon(struct node *n)
{
	ev_feed_event(n->loop, &n->tunnel.failer, EV_CUSTOM);
}

/* Why it need not even be asked; NULL: it may. */
static const char *obstacle(const struct child *c, struct bytes address, struct bytes argument)
{
	if (c == NULL)
		return "there is no tunnel: [cluster] secret_file is not set";
	if (address.len > CLUSTER_ADDRESS_MAX)
		return "this is no address of a node: it is too long";
	assert(argument.len <= CLUSTER_ARGUMENT_MAX);
	return child_reachable(c) ? NULL : "the tunnel is not running";
}

uint64_t tunnel_dial(struct node *n, enum cluster_kind kind, struct bytes address, struct bytes argument,
                     tunnel_dialed *on_dialed, void *owner)
{
	struct child *c = node_child(n, CONTROL_TUNNEL, 0);
	struct tunnel_dial *d = memory_new(sizeof(*d));
	const struct control_dial m = { ++n->tunnel.last_tag, kind, address, argument };
	struct buffer message = { 0 };

	*d = (struct tunnel_dial){ n->tunnel.dials, m.tag, on_dialed, owner, NULL };
	n->tunnel.dials = d;
	d->failed = obstacle(c, address, argument);
	if (d->failed != NULL) {
		fail_soon(n);
		return m.tag;
	}
	control_encode_dial(&message, &m);
	child_send(c, &message, -1);
	buffer_fini(&message);
	return m.tag;
}

void tunnel_cancel(struct node *n, uint64_t dial)
{
	struct tunnel_dial **at = find(&n->tunnel, dial), *d = *at;

	if (d != NULL) {
		*at = d->next;
		free(d);
	}
}

/* --- what the tunnel says --------------------------------------------------------- */

bool tunnel_on_dialed(struct node *n, struct bytes message, int take_fd)
{
	struct control_dialed m;
	struct tunnel_dial **at;
	bool good = control_decode_dialed(message, &m) && (take_fd >= 0) == (m.code == CONTROL_DIAL_OK);

	at = good ? find(&n->tunnel, m.tag) : NULL;
	if (at != NULL && *at != NULL)
		end(at, &m, take_fd);
	else if (take_fd >= 0)
		close(take_fd); /* cancelled meanwhile */
	return good;
}

bool tunnel_on_arrival(struct node *n, struct bytes message, int take_fd)
{
	struct control_arrived m;
	bool good = control_decode_arrived(message, &m) && take_fd >= 0 && m.hello.kind < CLUSTER_KIND_COUNT;

	if (good && n->tunnel.arrivals[m.hello.kind].handle != NULL) {
		n->tunnel.arrivals[m.hello.kind].handle(n->tunnel.arrivals[m.hello.kind].owner, &m, take_fd);
		return true;
	}
	if (good)
		log_debug("nobody takes a connection of another node", F_TEXT("kind", cluster_kind_name(m.hello.kind)),
		          F_BYTES("peer", m.hello.name));
	if (take_fd >= 0)
		close(take_fd);
	return good;
}

void tunnel_on_arrived(struct node *n, enum cluster_kind kind, tunnel_arrived *handle, void *owner)
{
	n->tunnel.arrivals[kind].handle = handle;
	n->tunnel.arrivals[kind].owner = owner;
}

void tunnel_on_gone(struct node *n)
{
	for (struct tunnel_dial *d = n->tunnel.dials; d != NULL; d = d->next) {
		if (d->failed == NULL)
			d->failed = "the tunnel ended";
	}
	fail_soon(n);
}

/* --- what it is told -------------------------------------------------------------- */

static bool names_port(const char *address)
{
	char host[256];
	uint16_t port;

	return config_split_address(bytes_of(address), host, &port);
}

void tunnel_own_address(const struct node *n, struct buffer *out)
{
	const char *given = n->config.cluster.advertise, *bound = n->cluster_listener.address;
	const char *colon = strrchr(bound, ':');
	char host[HOST_NAME_MAX + 1] = "";

	if (!n->cluster_listener.open || colon == NULL)
		return;
	if (given != NULL && given[0] != '\0') {
		bool bare = strchr(given, ':') != NULL && given[0] != '['; /* an IPv6 address wants its brackets */

		if (names_port(given))
			buffer_append_text(out, given);
		else
			buffer_printf(out, bare ? "[%s]%s" : "%s%s", given, colon);
	} else if (bound[0] == '*' && gethostname(host, sizeof(host) - 1) == 0) {
		buffer_printf(out, "%s%s", host, colon);
	} else {
		buffer_append_text(out, bound);
	}
}

static struct bytes cut(struct bytes s, size_t most)
{
	return (struct bytes){ s.data, s.len < most ? s.len : most };
}

static void send_identity(struct node *n, struct child *c)
{
	struct buffer message = { 0 }, address = { 0 };
	struct control_identity m = {
		.cluster = { (const char *)n->identity.cluster, sizeof(n->identity.cluster) },
		.node = n->identity.node, .name = cut(bytes_of(n->config.node.name), CLUSTER_NAME_MAX),
	};

	if (cluster_has_none(n))
		m.cluster = (struct bytes){ 0 };
	tunnel_own_address(n, &address);
	m.address = cut(buffer_bytes(&address), CLUSTER_ADDRESS_MAX);
	control_encode_identity(&message, &m);
	child_send(c, &message, -1);
	buffer_fini(&message);
	buffer_fini(&address);
}

void tunnel_tell_identity(struct node *n)
{
	struct child *c = node_child(n, CONTROL_TUNNEL, 0);

	if (c != NULL)
		send_identity(n, c);
}

bool tunnel_greet(struct node *n, struct child *c)
{
	struct buffer message = { 0 };
	int fd;

	send_identity(n, c);
	fd = fcntl(n->cluster_listener.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		log_error("the cluster listener cannot be handed over", errno, F_TEXT("child", c->name));
		return false;
	}
	control_encode_plain(&message, CONTROL_LISTENER);
	child_send(c, &message, fd);
	buffer_fini(&message);
	return true;
}

/* --- life ------------------------------------------------------------------------- */

void tunnel_init(struct node *n)
{
	n->tunnel = (struct tunnel){ 0 };
	ev_init(&n->tunnel.failer, on_failed);
	n->tunnel.failer.data = n;
}

void tunnel_fini(struct node *n)
{
	if (n->tunnel.failer.data != NULL)
		ev_clear_pending(n->loop, &n->tunnel.failer);
	while (n->tunnel.dials != NULL)
		tunnel_cancel(n, n->tunnel.dials->tag);
}
