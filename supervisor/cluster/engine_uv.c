/* Owns libuv's loop inside libev's: libev waits for libuv's descriptor and its next timer,
 * and before it sleeps libuv runs once without waiting. libuv registers new descriptors with
 * its epoll only while it runs, so that it runs in every turn. */
#include "supervisor/cluster/engine_parts.h"

static void on_wake(struct ev_loop *loop, struct ev_io *w, int events)
{
	(void)loop, (void)w, (void)events; /* the pump does it */
}

static void on_time(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop, (void)w, (void)events; /* the same */
}

static void on_prepare(struct ev_loop *loop, struct ev_prepare *w, int events)
{
	struct uv_inside *u = w->data;
	int timeout;

	(void)events;
	uv_update_time(&u->uv);
	uv_run(&u->uv, UV_RUN_NOWAIT);
	timeout = uv_backend_timeout(&u->uv);
	ev_timer_stop(loop, &u->timer);
	if (timeout >= 0) {
		ev_timer_set(&u->timer, timeout / 1000., 0.);
		ev_timer_start(loop, &u->timer);
	}
	u->after(u->owner);
}

int uv_inside_init(struct uv_inside *u, struct ev_loop *loop, void (*after)(void *owner), void *owner)
{
	int error = uv_loop_init(&u->uv);

	if (error < 0)
		return error;
	u->loop = loop;
	u->after = after;
	u->owner = owner;
	ev_io_init(&u->watcher, on_wake, uv_backend_fd(&u->uv), EV_READ);
	ev_io_start(loop, &u->watcher);
	ev_init(&u->timer, on_time);
	ev_prepare_init(&u->pump, on_prepare);
	u->pump.data = u;
	ev_prepare_start(loop, &u->pump);
	return 0;
}

void uv_inside_fini(struct uv_inside *u)
{
	ev_prepare_stop(u->loop, &u->pump);
	ev_timer_stop(u->loop, &u->timer);
	ev_io_stop(u->loop, &u->watcher);
	uv_run(&u->uv, UV_RUN_NOWAIT); /* what was closed in this turn */
	uv_loop_close(&u->uv);
}
