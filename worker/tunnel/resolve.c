/* Owns the threads that look names up, and the way of their answers to the loop. */
#include "worker/tunnel/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/config.h"
#include "common/memory.h"
#include "proto/cluster.h"

struct resolve {
	struct resolve *next;
	char *host, *port;
	struct addrinfo *found;
	int error;
	resolve_done *on_done; /* NULL: cancelled; the loop's alone, as all but found and error */
	void *owner;
};

static struct {
	struct ev_async signal;
	pthread_mutex_t lock;
	struct ev_loop *loop; /* this and the next behind lock; NULL: it has gone */
	struct resolve *done;
	uint32_t count;       /* under way */
} resolver = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool resolve_split(struct bytes text, char host[256], char port[8])
{
	const char *colon = text.len ? memchr(text.data, ':', text.len) : NULL;
	bool several = colon && memchr(colon + 1, ':', text.len - (size_t)(colon + 1 - text.data));
	bool bracketed = text.len > 2 && text.data[0] == '[';
	char whole[CLUSTER_ADDRESS_MAX + 16];
	uint16_t number;

	if (text.len == 0 || text.len > CLUSTER_ADDRESS_MAX || memchr(text.data, '\0', text.len))
		return false;
	if (several && !bracketed)
		snprintf(whole, sizeof(whole), "[%.*s]:%d", (int)text.len, text.data, CLUSTER_PORT);
	else if (bracketed ? text.data[text.len - 1] == ']' : colon == NULL)
		snprintf(whole, sizeof(whole), "%.*s:%d", (int)text.len, text.data, CLUSTER_PORT);
	else
		snprintf(whole, sizeof(whole), "%.*s", (int)text.len, text.data);
	if (!config_split_address(bytes_of(whole), host, &number) || host[0] == '\0' || number == 0)
		return false;
	snprintf(port, 8, "%u", number);
	return true;
}

static int look_up(struct resolve *r, int flags)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
	                                .ai_flags = flags | AI_NUMERICSERV };

	return getaddrinfo(r->host, r->port, &hints, &r->found);
}

static void hand_in(struct resolve *r)
{
	pthread_mutex_lock(&resolver.lock);
	r->next = resolver.done;
	resolver.done = r;
	if (resolver.loop)
		ev_async_send(resolver.loop, &resolver.signal);
	pthread_mutex_unlock(&resolver.lock);
}

static void *work(void *argument)
{
	struct resolve *r = argument;

	r->error = look_up(r, AI_ADDRCONFIG);
	hand_in(r);
	return NULL;
}

static void resolve_free(struct resolve *r)
{
	if (r->found)
		freeaddrinfo(r->found);
	free(r->host);
	free(r->port);
	free(r);
}

static void on_signal(struct ev_loop *loop, struct ev_async *w, int events)
{
	struct resolve *r;

	(void)loop, (void)w, (void)events;
	pthread_mutex_lock(&resolver.lock);
	r = resolver.done;
	resolver.done = NULL;
	pthread_mutex_unlock(&resolver.lock);
	while (r != NULL) {
		struct resolve *next = r->next;
		struct addrinfo *found = r->error == 0 ? r->found : NULL;

		resolver.count--;
		if (r->on_done) {
			r->found = NULL;
			r->on_done(r->owner, found, found ? NULL : gai_strerror(r->error));
		}
		resolve_free(r);
		r = next;
	}
}

void resolve_init(struct ev_loop *loop)
{
	resolver.loop = loop;
	ev_async_init(&resolver.signal, on_signal);
	ev_async_start(loop, &resolver.signal);
}

void resolve_fini(void)
{
	struct resolve *r;

	pthread_mutex_lock(&resolver.lock);
	if (resolver.loop)
		ev_async_stop(resolver.loop, &resolver.signal);
	resolver.loop = NULL;
	while ((r = resolver.done) != NULL) {
		resolver.done = r->next;
		resolve_free(r);
	}
	pthread_mutex_unlock(&resolver.lock);
}

static bool start_thread(struct resolve *r)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	bool started;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	started = pthread_create(&thread, &attributes, work, r) == 0;
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

struct resolve *resolve_start(const char *host, const char *port, resolve_done *on_done, void *owner)
{
	struct resolve *r;

	if (resolver.count == RESOLVE_MOST)
		return NULL;
	r = memory_new(sizeof(*r));
	*r = (struct resolve){ .host = memory_text(host), .port = memory_text(port), .on_done = on_done, .owner = owner };
	r->error = look_up(r, AI_NUMERICHOST);
	resolver.count++;
	if (r->error == 0) { /* an address as it stands: no thread, and the same way back */
		hand_in(r);
	} else if (!start_thread(r)) {
		resolver.count--;
		resolve_free(r);
		return NULL;
	}
	return r;
}

void resolve_cancel(struct resolve *r)
{
	if (r != NULL)
		r->on_done = NULL;
}
