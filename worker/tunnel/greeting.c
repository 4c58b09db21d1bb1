/* Owns a connection from its first byte until both ends have said who they are. */
#include "worker/tunnel/greeting.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/memory.h"

static void write_hello(struct greeting *g, uint32_t kind, enum cluster_code code, struct bytes argument)
{
	const struct cluster_hello hello = {
		.version = cluster_version(), .oldest = cluster_oldest(), .kind = kind, .code = code,
		.cluster = buffer_bytes(&g->self->cluster), .node = g->self->node, .name = buffer_bytes(&g->self->name),
		.address = buffer_bytes(&g->self->address), .argument = argument,
	};
	int result = cluster_frame_hello(&g->out, &hello);

	assert(result == 0); /* control_decode_identity() and _dial() have bounded every field */
	(void)result;
}

/* The owner hears of it from tell(), once nothing here needs g any more. */
static void finish(struct greeting *g, enum control_dial_code code, const char *text)
{
	g->state = GREETING_OVER;
	g->result.code = code;
	g->result.text = text;
}

static void tell(struct greeting *g)
{
	ev_io_stop(g->loop, &g->io);
	ev_timer_stop(g->loop, &g->limit);
	g->on_done(g, &g->result);
}

static void lost(struct greeting *g)
{
	bool denied;
	const char *why = tls_failure(g->stream, &denied);

	finish(g, denied ? CONTROL_DIAL_DENIED : CONTROL_DIAL_UNREACHABLE, why);
}

/* --- what a hello means ----------------------------------------------------------- */

static bool same_cluster(const struct greeting *g, const struct cluster_hello *peer)
{
	struct bytes own = buffer_bytes(&g->self->cluster);

	return own.len > 0 && bytes_equal(own, peer->cluster);
}

static enum cluster_code judge(const struct greeting *g, const struct cluster_hello *peer)
{
	if (g->result.version == 0)
		return CLUSTER_NO_VERSION;
	if (peer->node != 0 && peer->node == g->self->node)
		return CLUSTER_ITSELF;
	if (peer->kind == 0 || peer->kind >= CLUSTER_KIND_COUNT || (!g->server && peer->kind != g->kind))
		return CLUSTER_NO_KIND;
	if (peer->kind != CLUSTER_JOIN && !same_cluster(g, peer))
		return CLUSTER_OTHER_CLUSTER;
	return CLUSTER_FINE;
}

static enum control_dial_code dial_code(uint32_t code)
{
	return code == CLUSTER_FINE         ? CONTROL_DIAL_OK
	       : code == CLUSTER_NO_VERSION ? CONTROL_DIAL_VERSION
	                                    : CONTROL_DIAL_REFUSED;
}

/* --- steps: TLS_DONE where the state has moved ------------------------------------ */

static enum tls_result speak(struct greeting *g)
{
	enum tls_result result = TLS_DONE;
	size_t n;

	while (buffer_length(&g->out) > 0 && result == TLS_DONE) {
		struct bytes left = buffer_bytes(&g->out);

		result = tls_write(g->stream, left.data, left.len, &n);
		if (result == TLS_DONE)
			buffer_consume(&g->out, n);
	}
	return result;
}

/* Not a byte more than the frame: what follows is for others. */
static enum tls_result hear(struct greeting *g, struct bytes *ret_map)
{
	enum tls_result result = TLS_DONE;

	for (;;) {
		struct bytes all = buffer_bytes(&g->in);
		int found = cluster_next_hello(all, ret_map);
		const unsigned char *head = (const unsigned char *)all.data;
		size_t whole = CLUSTER_HEAD, n;

		if (found != 0)
			return found > 0 ? TLS_DONE : TLS_ENDED;
		if (all.len >= CLUSTER_HEAD)
			whole += (size_t)head[0] | (size_t)head[1] << 8;
		result = tls_read(g->stream, buffer_reserve(&g->in, whole - all.len), whole - all.len, &n);
		if (result != TLS_DONE)
			return result;
		buffer_commit(&g->in, n);
	}
}

static enum tls_result step_handshake(struct greeting *g)
{
	enum tls_result result = tls_handshake(g->stream);

	if (result == TLS_DONE)
		g->state = g->server ? GREETING_LISTEN : GREETING_SPEAK;
	return result;
}

/* A responder has said its last word, a dialler its first. */
static enum tls_result step_speak(struct greeting *g)
{
	enum tls_result result = speak(g);

	if (result != TLS_DONE)
		return result;
	if (!g->server) {
		g->state = GREETING_LISTEN;
		return TLS_DONE;
	}
	if (g->result.code != CONTROL_DIAL_OK)
		(void)tls_end(g->stream);
	g->state = GREETING_OVER;
	return TLS_DONE;
}

static enum tls_result step_listen(struct greeting *g)
{
	struct cluster_hello *peer = &g->result.hello;
	enum cluster_code code;
	enum tls_result result;
	struct bytes map;

	result = hear(g, &map);
	if (result == TLS_READ || result == TLS_WRITE || result == TLS_LOST)
		return result;
	if (result == TLS_ENDED || !cluster_decode_hello(map, peer)) {
		finish(g, CONTROL_DIAL_UNREACHABLE, "it knows the secret, but does not say hello");
		return TLS_DONE;
	}
	g->result.greeted = true;
	g->result.version = cluster_agree(cluster_version(), cluster_oldest(), peer->version, peer->oldest);
	if (!g->server) {
		code = peer->code != CLUSTER_FINE ? peer->code : judge(g, peer);
		finish(g, dial_code(code), code == CLUSTER_FINE ? "" : cluster_code_text(code));
		return TLS_DONE;
	}
	code = judge(g, peer);
	g->result.code = dial_code(code);
	g->result.text = code == CLUSTER_FINE ? "" : cluster_code_text(code);
	write_hello(g, peer->kind, code, (struct bytes){ 0 });
	g->state = GREETING_SPEAK;
	return TLS_DONE;
}

static enum tls_result (*const steps[])(struct greeting *g) = {
	[GREETING_HANDSHAKE] = step_handshake, [GREETING_SPEAK] = step_speak, [GREETING_LISTEN] = step_listen,
};

/* --- the loop --------------------------------------------------------------------- */

static void on_io(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct greeting *g = w->data;
	enum tls_result result = TLS_DONE;

	(void)events;
	while (result == TLS_DONE && g->state != GREETING_OVER)
		result = steps[g->state](g);
	if (result == TLS_LOST || result == TLS_ENDED)
		lost(g);
	if (g->state == GREETING_OVER) {
		tell(g);
		return;
	}
	ev_io_stop(loop, w);
	ev_io_set(w, tls_stream_fd(g->stream), result == TLS_READ ? EV_READ : EV_WRITE);
	ev_io_start(loop, w);
}

static void on_limit(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct greeting *g = w->data;

	(void)loop, (void)events;
	finish(g, CONTROL_DIAL_UNREACHABLE, "it does not greet in time");
	tell(g);
}

struct greeting *greeting_new(struct ev_loop *loop, const struct greeting_self *self, int take_fd, bool server,
                              uint32_t kind, struct bytes argument,
                              void (*on_done)(struct greeting *, const struct greeting_result *), void *owner)
{
	struct tls_stream *stream = tls_stream_new(self->tls, take_fd, server);
	struct greeting *g;

	if (stream == NULL)
		return NULL;
	g = memory_new(sizeof(*g));
	*g = (struct greeting){ .loop = loop, .self = self, .stream = stream, .server = server, .kind = kind,
	                        .on_done = on_done, .owner = owner };
	if (!server)
		write_hello(g, kind, CLUSTER_FINE, argument);
	ev_io_init(&g->io, on_io, take_fd, server ? EV_READ : EV_WRITE);
	ev_timer_init(&g->limit, on_limit, self->limit, 0.);
	g->io.data = g->limit.data = g;
	ev_io_start(loop, &g->io);
	ev_timer_start(loop, &g->limit);
	return g;
}

void greeting_free(struct greeting *g)
{
	if (g == NULL)
		return;
	ev_io_stop(g->loop, &g->io);
	ev_timer_stop(g->loop, &g->limit);
	tls_stream_free(g->stream);
	buffer_fini(&g->out);
	buffer_fini(&g->in);
	free(g);
}

struct tls_stream *greeting_take_stream(struct greeting *g)
{
	struct tls_stream *s = g->stream;

	g->stream = NULL;
	return s;
}
