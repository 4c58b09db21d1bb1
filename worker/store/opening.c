/* Which engine, and how long its database may keep us waiting. */
#include "worker/store/opening.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

#include "common/log.h"

#define PATIENCE 60.0 /* seconds */
#define AGAIN 0.5

static const struct engine_ops *const engines[] = {
	[CONFIG_ENGINE_ROCKSDB] = &engine_rocksdb,
	[CONFIG_ENGINE_MEMORY] = &engine_memory,
	[CONFIG_ENGINE_POSTGRESQL] = &engine_postgresql,
};

/* The setting's form has been looked at; empty: zeros. */
static void read_id(const char *text, unsigned char ret[ENGINE_CLUSTER_SIZE])
{
	unsigned v = 0;

	for (size_t i = 0; i < ENGINE_CLUSTER_SIZE && sscanf(text + 2 * i, "%2x", &v) == 1; i++)
		ret[i] = (unsigned char)v;
}

static void tell_whose(struct child *c, const struct engine_foreign *f)
{
	child_foreign(c, &(struct control_foreign){
		.cluster = { (const char *)f->cluster, sizeof(f->cluster) },
		.key = { (const char *)f->key, f->has_key ? sizeof(f->key) : 0 }, .shards = f->shards });
}

/* As commit_init(); a sentence in text where it is not 0. */
static int open_store(struct opening *o, struct buffer *text)
{
	struct child *c = o->child;
	const struct engine_ops *engine = engines[c->config.store.engine];
	struct buffer directory = { 0 }, error = { 0 };
	struct engine_foreign foreign;
	struct engine_settings settings = { .url = c->config.store.url, .node = c->config.node.name,
		                            .shards = c->shard_count, .foreign = &foreign,
		                            .gather = c->config.store.gather };
	int r;

	buffer_printf(&directory, "%s/store", c->config.node.state);
	buffer_append(&directory, "", 1);
	settings.directory = directory.data;
	memcpy(settings.cluster, o->cluster, sizeof(settings.cluster));
	memcpy(settings.key, o->key, sizeof(settings.key));
	read_id(c->config.store.takeover, settings.former);
	r = commit_init(o->commit, engine, &settings, c->loop, o->done_signal, &error);
	if (r < 0 && engine->claim)
		buffer_printf(text, "the store's database cannot be used: %.*s", (int)buffer_length(&error),
		              buffer_bytes(&error).data);
	else if (r < 0)
		buffer_printf(text, "the store in %s cannot be opened: %.*s", directory.data, (int)buffer_length(&error),
		              buffer_bytes(&error).data);
	if (r == -EXDEV)
		tell_whose(c, &foreign);
	buffer_append(text, "", 1);
	buffer_fini(&directory);
	buffer_fini(&error);
	return r;
}

static int status_of(int error)
{
	return error == -EAGAIN ? EX_UNAVAILABLE : error == -EINVAL ? EX_CONFIG : error == -EXDEV ? EX_NOPERM : EX_IOERR;
}

static void wait_for_it(struct opening *o, const char *why)
{
	if (!o->away) {
		log_warnx("the store waits for its database", F_TEXT("reason", why));
		child_alarm(o->child, true, "store", why);
	}
	o->away = true;
	ev_timer_set(&o->timer, AGAIN, 0.0);
	ev_timer_start(o->child->loop, &o->timer);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct opening *o = timer->data;
	struct buffer text = { 0 };
	int r = open_store(o, &text);

	(void)events;
	if (r == -EAGAIN && ev_now(loop) < o->until) {
		wait_for_it(o, text.data);
	} else if (r < 0) {
		child_fail(o->child, status_of(r), text.data);
	} else {
		if (o->away)
			child_alarm(o->child, false, "store", "the store is open");
		o->on_open();
	}
	buffer_fini(&text);
}

void opening_init(struct opening *o, struct child *child, struct commit *commit, struct ev_async *done_signal,
                  void (*on_open)(void))
{
	*o = (struct opening){ .child = child, .commit = commit, .done_signal = done_signal, .on_open = on_open };
	ev_timer_init(&o->timer, on_timer, 0.0, 0.0);
	o->timer.data = o;
}

void opening_begin(struct opening *o, const unsigned char *cluster, const unsigned char *key)
{
	if (o->until > 0)
		return;
	memcpy(o->cluster, cluster, sizeof(o->cluster));
	memcpy(o->key, key, sizeof(o->key));
	o->until = ev_now(o->child->loop) + PATIENCE;
	ev_timer_start(o->child->loop, &o->timer);
}
