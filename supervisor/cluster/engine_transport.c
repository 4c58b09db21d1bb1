/* Owns the engine's connections: streams that others have made and authenticated become
 * libuv pipes. */
#include <stdlib.h>
#include <unistd.h>

#include "common/memory.h"
#include "supervisor/cluster/engine_parts.h"

struct engine_dial {
	TAILQ_ENTRY(engine_dial) next;
	struct engine *engine; /* NULL: given up, the answer is for nobody */
	struct raft_uv_connect *request;
};

/* libraft frees the stream with raft_free() once it has closed it. NULL: fd is closed. */
static struct uv_stream_s *stream_of(struct engine *e, int take_fd)
{
	uv_pipe_t *pipe = raft_malloc(sizeof(*pipe));

	if (pipe == NULL)
		abort();
	if (uv_pipe_init(&e->uv.uv, pipe, 0) != 0 || uv_pipe_open(pipe, take_fd) != 0) {
		close(take_fd);
		raft_free(pipe);
		return NULL;
	}
	return (struct uv_stream_s *)pipe;
}

static int start(struct raft_uv_transport *t, raft_id id, const char *address)
{
	(void)t, (void)id, (void)address;
	return 0;
}

static int listen_for(struct raft_uv_transport *t, raft_uv_accept_cb on_accept)
{
	struct engine *e = t->impl; /* libraft takes t->data for itself */

	e->on_accept = on_accept;
	return 0;
}

static int connect_to(struct raft_uv_transport *t, struct raft_uv_connect *request, raft_id id, const char *address,
                      raft_uv_connect_cb on_connect)
{
	struct engine *e = t->impl; /* libraft takes t->data for itself */
	struct engine_dial *d = memory_new(sizeof(*d));

	request->cb = on_connect;
	*d = (struct engine_dial){ .engine = e, .request = request };
	TAILQ_INSERT_TAIL(&e->dials, d, next);
	e->handlers.dial(e->owner, id, address, d);
	return 0;
}

void engine_dialed(struct engine_dial *d, int take_fd)
{
	struct engine *e = d->engine;
	struct raft_uv_connect *request = d->request;
	struct uv_stream_s *stream = NULL;

	if (e != NULL)
		TAILQ_REMOVE(&e->dials, d, next);
	free(d);
	if (e == NULL) {
		if (take_fd >= 0)
			close(take_fd);
		return;
	}
	if (take_fd >= 0)
		stream = stream_of(e, take_fd);
	uv_update_time(&e->uv.uv);
	request->cb(request, stream, stream != NULL ? 0 : RAFT_NOCONNECTION);
}

void engine_accept(struct engine *e, uint64_t id, const char *address, int take_fd)
{
	struct uv_stream_s *stream;

	if (e->closing || e->on_accept == NULL) {
		close(take_fd);
		return;
	}
	stream = stream_of(e, take_fd);
	if (stream == NULL)
		return;
	uv_update_time(&e->uv.uv);
	e->on_accept(&e->transport, id, address, stream);
}

static void stop(struct raft_uv_transport *t, raft_uv_transport_close_cb on_close)
{
	struct engine *e = t->impl; /* libraft takes t->data for itself */
	struct engine_dial *d;

	e->on_accept = NULL;
	while ((d = TAILQ_FIRST(&e->dials)) != NULL) {
		struct raft_uv_connect *request = d->request;

		TAILQ_REMOVE(&e->dials, d, next);
		d->engine = NULL;
		request->cb(request, NULL, RAFT_CANCELED);
	}
	if (on_close != NULL)
		on_close(t);
}

void engine_transport_init(struct engine *e)
{
	TAILQ_INIT(&e->dials);
	e->transport = (struct raft_uv_transport){
		.version = 1, .impl = e, .init = start, .listen = listen_for, .connect = connect_to, .close = stop,
	};
}
