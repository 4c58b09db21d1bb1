/* Owns the choice between sockets handed over, sockets kept, and binding. */
#include "supervisor/node_listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "proto/admin.h"

#define ADMIN_SOCKET "admin.sock"

enum source { BIND, DONE, FAILED };

/* The descriptor of a socket unit, where there is one: it wins over the configuration. */
static enum source take_lent(struct node *n, struct listener *l, const char *name,
                             enum activation_family family, struct buffer *error)
{
	int fd = activation_claim(&n->manager.activation, name, family);

	if (fd < 0)
		return BIND;
	if (listener_adopt(l, fd, name, error) < 0)
		return FAILED;
	l->lent = true;
	log_info("a listener was handed over", F_TEXT("name", name), F_TEXT("address", l->address));
	return DONE;
}

/* What the former run has left in the store, if it still is what the configuration asks
 * for; address NULL: the admin socket. */
static enum source take_kept(struct node *n, struct listener *l, const char *name, const char *address)
{
	struct buffer error = { 0 };
	int fd = activation_claim(&n->manager.activation, name, ACTIVATION_ANY);
	bool same;

	if (fd < 0)
		return BIND;
	same = address != NULL ? listener_is_tcp(fd, address)
	                       : listener_is_unix(fd, n->config.node.runtime, ADMIN_SOCKET);
	if (!same || listener_adopt(l, fd, name, &error) < 0) {
		log_info("a kept listener is given up, its address has changed", F_TEXT("name", name));
		if (!same)
			close(fd);
		manager_forget(&n->manager, name);
		buffer_fini(&error);
		return BIND;
	}
	l->kept = name;
	log_info("a kept listener goes on", F_TEXT("name", name), F_TEXT("address", l->address));
	return DONE;
}

static int status_of(int error)
{
	return error == 0 ? 0 : error == -EADDRINUSE ? ADMIN_UNREACHABLE : ADMIN_CONFIGURATION;
}

static int init_client(struct node *n, struct buffer *error)
{
	static const char kept[] = "kept-client";
	enum source source = take_lent(n, &n->client, "client", ACTIVATION_ANY, error);
	int result;

	if (source == BIND)
		source = take_kept(n, &n->client, kept, n->config.client.listen);
	if (source != BIND)
		return source == DONE ? 0 : ADMIN_CONFIGURATION;
	result = listener_tcp(&n->client, n->config.client.listen, "client", error);
	if (result == 0)
		manager_keep(&n->manager, kept, &n->client);
	return status_of(result);
}

static int init_admin_unix(struct node *n, struct buffer *error)
{
	static const char kept[] = "kept-socket";
	enum source source = take_lent(n, &n->admin_unix, "admin", ACTIVATION_UNIX, error);
	int result;

	if (source == BIND)
		source = take_kept(n, &n->admin_unix, kept, NULL);
	if (source != BIND)
		return source == DONE ? 0 : ADMIN_CONFIGURATION;
	result = listener_unix(&n->admin_unix, n->config.node.runtime, ADMIN_SOCKET, error);
	if (result == 0)
		manager_keep(&n->manager, kept, &n->admin_unix);
	return status_of(result);
}

/* Two servers of one user differ in their directories; that they share the default
 * admin port must not keep the second from running. Its true port is in `status`. */
static int bind_admin_tcp(struct node *n, const char *address, struct buffer *error)
{
	char host[256], *any;
	uint16_t port;
	int result = listener_tcp(&n->admin_tcp, address, "admin", error);

	if (result != -EADDRINUSE || node_configured(n, "admin", "listen") ||
	    !config_split_address(bytes_of(address), host, &port))
		return result;
	buffer_clear(error);
	if (asprintf(&any, "%s:0", host) < 0)
		abort();
	result = listener_tcp(&n->admin_tcp, any, "admin", error);
	free(any);
	if (result == 0)
		log_warnx("the default admin port is taken, another one is used", F_TEXT("taken", address),
		          F_TEXT("admin", n->admin_tcp.address));
	return result;
}

static int init_admin_tcp(struct node *n, struct buffer *error)
{
	static const char kept[] = "kept-admin";
	const char *address = n->config.admin.listen;
	enum source source = take_lent(n, &n->admin_tcp, "admin", ACTIVATION_TCP, error);
	int result;

	if (source == BIND && (address == NULL || strcmp(address, "none") == 0))
		return 0;
	if (source == BIND)
		source = take_kept(n, &n->admin_tcp, kept, address);
	if (source != BIND)
		return source == DONE ? 0 : ADMIN_CONFIGURATION;
	result = bind_admin_tcp(n, address, error);
	if (result == 0)
		manager_keep(&n->manager, kept, &n->admin_tcp);
	return status_of(result);
}

/* Only where the cluster has a secret: nothing unauthenticated listens. */
static int init_cluster(struct node *n, struct buffer *error)
{
	static const char kept[] = "kept-cluster";
	enum source source;
	int result;

	if (!tunnel_configured(n))
		return 0;
	source = take_lent(n, &n->cluster_listener, "cluster", ACTIVATION_TCP, error);
	if (source == BIND)
		source = take_kept(n, &n->cluster_listener, kept, n->config.cluster.listen);
	if (source != BIND)
		return source == DONE ? 0 : ADMIN_CONFIGURATION;
	result = listener_tcp(&n->cluster_listener, n->config.cluster.listen, "cluster", error);
	if (result == 0)
		manager_keep(&n->manager, kept, &n->cluster_listener);
	return status_of(result);
}

/* Only TCP peers need one. */
static int init_token(struct node *n, struct buffer *error)
{
	char *file = NULL;
	int result;

	if (!n->admin_tcp.open)
		return 0;
	if (n->config.admin.token_file != NULL && n->config.admin.token_file[0] != '\0')
		file = memory_text(n->config.admin.token_file);
	else if (asprintf(&file, "%s/admin.token", n->config.node.state) < 0)
		abort();
	result = identity_token(file, n->admin_token, error);
	free(file);
	return result < 0 ? ADMIN_CONFIGURATION : 0;
}

/* The manager keeps its own descriptor of a socket unit's socket: who connects there
 * waits for nothing, so the log says so. */
static void close_others(struct node *n)
{
	const struct {
		const char *name, *why;
	} known[] = {
		{ "client", "there is one already; one listener takes clients" },
		{ "admin", "there is one of its kind already" },
		{ "cluster", n->cluster_listener.open ? "there is one already" : "[cluster] secret_file is not set" },
		{ "web", "the web listener is not in this version" },
		{ "kept-client", NULL }, { "kept-admin", NULL }, { "kept-socket", NULL },
		{ "kept-cluster", NULL },
	};

	for (uint32_t i = 0; i < n->manager.activation.count; i++) {
		struct activation_entry *e = &n->manager.activation.entries[i];
		const char *why = "nobody knows the name";
		size_t k = 0;

		if (e->fd < 0)
			continue;
		while (k < sizeof(known) / sizeof(known[0]) && strcmp(known[k].name, e->name) != 0)
			k++;
		if (k < sizeof(known) / sizeof(known[0]))
			why = known[k].why;
		close(e->fd);
		e->fd = -1;
		if (why == NULL)
			manager_forget(&n->manager, e->name);
		else
			log_warnx("a descriptor that was handed over is not used", F_TEXT("name", e->name), F_TEXT("why", why));
	}
}

int node_listeners_init(struct node *n, struct buffer *error)
{
	int status = init_client(n, error);

	if (status == 0)
		status = init_admin_unix(n, error);
	if (status == 0)
		status = init_admin_tcp(n, error);
	if (status == 0)
		status = init_cluster(n, error);
	if (status == 0)
		status = init_token(n, error);
	if (status == 0)
		close_others(n);
	return status;
}
