/* The program stage-tunnel: connections to other nodes, made on request and answered at
 * the cluster listener, each handed to the supervisor as a plain descriptor. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "proto/msgpack.h"
#include "worker/child.h"
#include "worker/tunnel/dial.h"
#include "worker/tunnel/door.h"
#include "worker/tunnel/pump.h"
#include "worker/tunnel/resolve.h"
#include "worker/tunnel/stream_socket.h"

#define DRAIN_LIMIT 2.0 /* seconds until the last bytes must have gone */

static struct {
	struct child child;
	struct greeting_self self;
	struct door door;
	struct pumps pumps;
	struct ev_timer drain;
	bool closing;
	uint64_t dialed, arrived; /* good ones */
} tunnel;

/* What carries heartbeats goes first. */
static bool is_urgent(uint32_t kind)
{
	return kind == CLUSTER_ENGINE || kind == CLUSTER_JOIN;
}

/* The plain end for the supervisor, or -errno; the stream is consumed. */
static int begin_pump(struct tls_stream *take_stream, uint32_t kind)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) {
		int error = -errno;

		tls_stream_free(take_stream);
		return error;
	}
	stream_socket_set(tls_stream_fd(take_stream), kind);
	pump_start(&tunnel.pumps, take_stream, fds[0], is_urgent(kind));
	return fds[1];
}

/* --- connections ------------------------------------------------------------------ */

static void on_dialed(void *owner, uint64_t tag, const struct greeting_result *result, const char *text,
                      struct tls_stream *take_stream)
{
	struct child *c = owner;
	uint32_t kind = result->hello.kind;
	struct control_dialed m = {
		.tag = tag, .code = result->code, .text = bytes_of(text), .version = result->version,
		.greeted = result->greeted, .hello = result->hello,
	};
	int fd = -1;

	if (take_stream != NULL)
		door_knows(&tunnel.door, tls_stream_fd(take_stream));
	if (take_stream != NULL && (fd = begin_pump(take_stream, kind)) < 0) {
		log_warn("a connection is given up", -fd);
		m = (struct control_dialed){ .tag = tag, .code = CONTROL_DIAL_UNREACHABLE,
		                             .text = BYTES_LITERAL("this node is short of descriptors") };
	}
	tunnel.dialed += fd >= 0;
	child_dialed(c, &m, fd);
}

static void on_arrived(struct door *door, const struct greeting_result *result, struct tls_stream *take_stream)
{
	int fd = begin_pump(take_stream, result->hello.kind);

	if (fd < 0) {
		log_warn("a connection is given up", -fd);
		return;
	}
	tunnel.arrived++;
	child_arrived(door->owner, &(struct control_arrived){ result->version, result->hello }, fd);
}

/* --- control messages ------------------------------------------------------------- */

static void on_hello(struct child *c, const struct control_hello *m)
{
	struct buffer error = { 0 };
	const struct guard_limits limits = { (uint32_t)c->config.cluster.handshake_rate, (uint32_t)c->config.cluster.handshake_failures };

	(void)m;
	tunnel.self.limit = (double)c->config.cluster.handshake_time / 1000;
	door_limit(&tunnel.door, (uint32_t)c->config.cluster.handshakes, limits);
	if (tls_open(c->config.cluster.secret_file, &tunnel.self.tls, &error) < 0) {
		buffer_append(&error, "", 1);
		child_fail(c, EX_CONFIG, buffer_bytes(&error).data);
	}
	buffer_fini(&error);
}

static void set(struct buffer *to, struct bytes value)
{
	buffer_clear(to);
	buffer_append_bytes(to, value);
}

static void on_identity(struct child *c, const struct control_identity *m)
{
	(void)c;
	set(&tunnel.self.cluster, m->cluster);
	set(&tunnel.self.name, m->name);
	set(&tunnel.self.address, m->address);
	tunnel.self.node = m->node;
}

static void on_listener(struct child *c, int take_fd)
{
	if (tunnel.self.tls == NULL || tunnel.closing) {
		close(take_fd);
		return;
	}
	door_open(&tunnel.door, take_fd);
	child_ready(c);
}

static void on_dial(struct child *c, const struct control_dial *m)
{
	if (tunnel.self.tls == NULL || tunnel.closing)
		child_dialed(c, &(struct control_dialed){ .tag = m->tag, .code = CONTROL_DIAL_UNREACHABLE,
			.text = BYTES_LITERAL("the tunnel ends") }, -1);
	else
		dial_start(c->loop, &tunnel.self, m, on_dialed, c);
}

static void number(struct buffer *out, const char *key, uint64_t value)
{
	msgpack_write_str(out, bytes_of(key));
	msgpack_write_uint(out, value);
}

static void on_query(struct child *c, const struct control_query *m)
{
	struct control_rows rows = { .query = m->query, .last = true };
	struct buffer out = { 0 };

	if (!bytes_equal(m->verb, BYTES_LITERAL("status"))) {
		rows.error = BYTES_LITERAL("the tunnel has no answer to that");
		child_rows(c, &rows);
		return;
	}
	msgpack_write_array(&out, 1);
	msgpack_write_map(&out, 8);
	number(&out, "connections", tunnel.pumps.count);
	number(&out, "waiting", tunnel.door.known.count + tunnel.door.strangers.count);
	number(&out, "dialing", dial_count());
	number(&out, "dialed", tunnel.dialed);
	number(&out, "arrived", tunnel.arrived);
	number(&out, "refused", tunnel.door.refused);
	number(&out, "sent", tunnel.pumps.sent);
	number(&out, "received", tunnel.pumps.received);
	rows.rows = buffer_bytes(&out);
	child_rows(c, &rows);
	buffer_fini(&out);
}

/* --- its end ---------------------------------------------------------------------- */

static void on_empty(struct pumps *pumps)
{
	(void)pumps;
	if (tunnel.closing)
		child_exit(&tunnel.child, EX_OK);
}

static void on_drain_over(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop, (void)w, (void)events;
	child_exit(&tunnel.child, EX_OK);
}

/* Who is on the way in or out is let go; what is written is sent. */
static void on_drain(struct child *c)
{
	tunnel.closing = true;
	door_fini(&tunnel.door);
	dial_cancel_all();
	pumps_drain(&tunnel.pumps);
	ev_timer_start(c->loop, &tunnel.drain);
	if (tunnel.pumps.count == 0)
		child_exit(c, EX_OK);
}

static const struct child_handlers handlers = {
	.on_hello = on_hello, .on_listener = on_listener, .on_query = on_query, .on_drain = on_drain,
	.on_identity = on_identity, .on_dial = on_dial,
};

int main(void)
{
	struct child *c = &tunnel.child;
	int r = child_init(c, CONTROL_TUNNEL, &handlers, NULL);

	if (r < 0) {
		fputs("stage-tunnel is started by stage\n", stderr);
		return EX_USAGE;
	}
	resolve_init(c->loop);
	door_init(&tunnel.door, c->loop, &tunnel.self, c);
	tunnel.door.on_arrived = on_arrived;
	pumps_init(&tunnel.pumps, c->loop, c);
	tunnel.pumps.on_empty = on_empty;
	ev_timer_init(&tunnel.drain, on_drain_over, DRAIN_LIMIT, 0.);
	r = child_run(c);
	door_fini(&tunnel.door);
	dial_cancel_all();
	resolve_fini();
	pumps_fini(&tunnel.pumps);
	tls_close(tunnel.self.tls);
	buffer_fini(&tunnel.self.cluster);
	buffer_fini(&tunnel.self.name);
	buffer_fini(&tunnel.self.address);
	child_fini(c);
	return r;
}
