/* Owns the accepting of admin connections and the list of them. */
#include "supervisor/admin_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "supervisor/admin_access.h"
#include "supervisor/admin_connection.h"
#include "supervisor/node.h"

#define ACCEPT_PAUSE 0.2 /* seconds without accepting when descriptors are out */

struct admin_server {
	struct node *node;
	struct ev_io unix_acceptor, tcp_acceptor;
	struct ev_timer pause;
	struct ev_timer reaper; /* fed, never started */
	struct admin_connection *first;
	unsigned count;
};

static void on_reap(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct admin_server *s = w->data;

	(void)loop, (void)events;
	for (struct admin_connection **at = &s->first; *at != NULL;) {
		struct admin_connection *c = *at;
		if (!admin_connection_over(c)) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		s->count--;
		admin_connection_free(c);
	}
}

void admin_server_reap_soon(struct admin_server *s)
{
	ev_feed_event(s->node->loop, &s->reaper, EV_CUSTOM);
}

static void refuse(int fd, enum admin_exit exit, const char *code, const char *text)
{
	struct buffer out = { 0 };

	admin_format_error((struct bytes){ 0 }, exit, code, text, &out);
	(void)send(fd, buffer_bytes(&out).data, buffer_length(&out), MSG_NOSIGNAL | MSG_DONTWAIT);
	buffer_fini(&out);
	close(fd);
}

static void name_tcp_peer(int fd, char who[64])
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char text[INET6_ADDRSTRLEN] = "?";

	if (getpeername(fd, (struct sockaddr *)&address, &size) == 0)
		inet_ntop(address.ss_family,
		          address.ss_family == AF_INET6 ? (void *)&((struct sockaddr_in6 *)&address)->sin6_addr
		                                        : (void *)&((struct sockaddr_in *)&address)->sin_addr,
		          text, sizeof(text));
	snprintf(who, 64, "token from %s", text);
}

static void accept_one(struct admin_server *s, int fd, bool tcp)
{
	enum admin_access access = ADMIN_NOBODY;
	struct admin_connection *c;
	char who[64];

	if (tcp)
		name_tcp_peer(fd, who);
	else
		access = admin_access_of(fd, who);
	if (!tcp && access == ADMIN_NOBODY) {
		log_warnx("audit: denied", F_TEXT("who", who), F_TEXT("command", "connect"));
		refuse(fd, ADMIN_DENIED, "denied", "only this server's user, its group and root may ask");
		return;
	}
	if (s->count >= ADMIN_CONNECTIONS_MAX) {
		refuse(fd, ADMIN_TEMPORARY, "busy", "there are too many admin connections");
		return;
	}
	c = admin_connection_new(s, s->node, fd, !tcp, access, who);
	c->next = s->first;
	s->first = c;
	s->count++;
}

static void on_acceptable(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct admin_server *s = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		accept_one(s, fd, w == &s->tcp_acceptor);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		log_warn("no admin connection can be accepted", errno);
		ev_io_stop(loop, &s->unix_acceptor);
		ev_io_stop(loop, &s->tcp_acceptor);
		ev_timer_set(&s->pause, ACCEPT_PAUSE, 0.);
		ev_timer_start(loop, &s->pause);
	}
}

static void start_accepting(struct admin_server *s)
{
	ev_io_start(s->node->loop, &s->unix_acceptor);
	if (s->node->admin_tcp.open)
		ev_io_start(s->node->loop, &s->tcp_acceptor);
}

static void on_pause_over(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop, (void)events;
	start_accepting(w->data);
}

struct admin_server *admin_server_new(struct node *node)
{
	struct admin_server *s = memory_new(sizeof(*s));

	s->node = node;
	ev_io_init(&s->unix_acceptor, on_acceptable, node->admin_unix.fd, EV_READ);
	ev_io_init(&s->tcp_acceptor, on_acceptable, node->admin_tcp.fd, EV_READ);
	ev_init(&s->pause, on_pause_over);
	ev_init(&s->reaper, on_reap);
	s->unix_acceptor.data = s->tcp_acceptor.data = s->pause.data = s->reaper.data = s;
	start_accepting(s);
	return s;
}

void admin_server_free(struct admin_server *s)
{
	if (s == NULL)
		return;
	ev_io_stop(s->node->loop, &s->unix_acceptor);
	ev_io_stop(s->node->loop, &s->tcp_acceptor);
	ev_timer_stop(s->node->loop, &s->pause);
	while (s->first != NULL) {
		struct admin_connection *c = s->first;
		s->first = c->next;
		admin_connection_free(c);
	}
	ev_clear_pending(s->node->loop, &s->reaper);
	free(s);
}
