/* Owns the binding of TCP and Unix listeners. */
#include "supervisor/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/config.h"

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static int bind_tcp(const struct sockaddr *address, socklen_t size, bool both, int *ret_fd)
{
	int fd = socket(address->sa_family, SOCKET_FLAGS, 0), one = 1, v6only = !both, error = 0;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address->sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) < 0)
		error = -errno;
	if (error == 0 && (bind(fd, address, size) < 0 || listen(fd, LISTENER_BACKLOG) < 0))
		error = -errno;
	if (error < 0)
		close(fd);
	else
		*ret_fd = fd;
	return error;
}

static int bind_any(uint16_t port, int *ret_fd)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	int error = bind_tcp((struct sockaddr *)&six, sizeof(six), true, ret_fd);

	if (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -ENOPROTOOPT)
		error = bind_tcp((struct sockaddr *)&four, sizeof(four), false, ret_fd);
	return error;
}

static int bind_host(const char *host, uint16_t port, int *ret_fd, const char **ret_text)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found;
	char service[8];
	int error;

	snprintf(service, sizeof(service), "%u", port);
	error = getaddrinfo(host, service, &hints, &found);
	if (error != 0) {
		*ret_text = gai_strerror(error);
		return -EINVAL;
	}
	error = -EADDRNOTAVAIL;
	for (struct addrinfo *at = found; at != NULL && error < 0 && error != -EADDRINUSE; at = at->ai_next)
		error = bind_tcp(at->ai_addr, at->ai_addrlen, false, ret_fd);
	freeaddrinfo(found);
	return error;
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int listener_tcp(struct listener *l, const char *address, const char *purpose, struct buffer *error)
{
	const char *why = NULL;
	char host[256];
	uint16_t port;
	int fd = -1, result;

	if (!config_split_address(bytes_of(address), host, &port)) {
		buffer_printf(error, "[%s] listen: %s is no address\n", purpose, address);
		return -EINVAL;
	}
	result = host[0] == '\0' ? bind_any(port, &fd) : bind_host(host, port, &fd, &why);
	if (result < 0) {
		buffer_printf(error, "[%s] listen: %s cannot be bound: %s\n", purpose, address,
		              why != NULL ? why : strerror(-result));
		return result;
	}
	l->open = true;
	l->fd = fd;
	snprintf(l->address, sizeof(l->address), strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u",
	         host[0] == '\0' ? "*" : host, bound_port(fd));
	return 0;
}

/* Somebody accepts there: EAGAIN is a living server with a full backlog. */
static bool living(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	bool yes;

	if (fd < 0)
		return true;
	yes = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
	close(fd);
	return yes;
}

static int bind_unix(const struct sockaddr_un *address, int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCKET_FLAGS, 0), error = 0;
	mode_t mask;

	if (fd < 0)
		return -errno;
	(void)unlink(address->sun_path);
	/* Closed to everybody from its first moment on; the group, which may operate (every
	 * peer's uid and groups are asked for again at accept), is let in once it listens. */
	mask = umask(0177);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		error = -errno;
	umask(mask);
	if (error == 0 && (listen(fd, LISTENER_BACKLOG) < 0 || chmod(address->sun_path, 0660) < 0))
		error = -errno;
	if (error < 0)
		close(fd);
	else
		*ret_fd = fd;
	return error;
}

int listener_unix(struct listener *l, const char *directory, const char *name, struct buffer *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = -1, result;

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", directory, name) >=
	    sizeof(address.sun_path)) {
		buffer_printf(error, "[node] runtime: %s is too long for a socket's name\n", directory);
		return -ENAMETOOLONG;
	}
	if (living(&address)) {
		buffer_printf(error, "%s: another server answers there\n", address.sun_path);
		return -EADDRINUSE;
	}
	result = bind_unix(&address, &fd);
	if (result < 0) {
		buffer_printf(error, "%s cannot be bound: %s\n", address.sun_path, strerror(-result));
		return result;
	}
	l->open = true;
	l->fd = fd;
	snprintf(l->address, sizeof(l->address), "%s", address.sun_path);
	return 0;
}

/* --- sockets that are bound already ----------------------------------------------- */

static bool listens(int fd)
{
	int type = 0, listening = 0;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

/* `*` is written for any address, as in the configuration. */
static void write_address(const struct sockaddr_storage *bound, socklen_t size, char *out, size_t room)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (bound->ss_family == AF_UNIX) {
		const struct sockaddr_un *local = (const void *)bound;
		size_t length = size - offsetof(struct sockaddr_un, sun_path);
		bool abstract = length > 0 && local->sun_path[0] == '\0';

		snprintf(out, room, "%s%.*s", abstract ? "@" : "", (int)(length - abstract), local->sun_path + abstract);
	} else if (bound->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const void *)bound;

		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		if (IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
			snprintf(out, room, "*:%u", ntohs(six->sin6_port));
		else
			snprintf(out, room, "[%s]:%u", host, ntohs(six->sin6_port));
	} else {
		const struct sockaddr_in *four = (const void *)bound;

		inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
		snprintf(out, room, "%s:%u", four->sin_addr.s_addr == INADDR_ANY ? "*" : host, ntohs(four->sin_port));
	}
}

int listener_adopt(struct listener *l, int take_fd, const char *purpose, struct buffer *error)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t size = sizeof(bound);

	if (!listens(take_fd) || getsockname(take_fd, (struct sockaddr *)&bound, &size) < 0 ||
	    fcntl(take_fd, F_SETFL, fcntl(take_fd, F_GETFL) | O_NONBLOCK) < 0) {
		buffer_printf(error, "the descriptor handed over as %s is no listening stream socket\n", purpose);
		close(take_fd);
		return -EINVAL;
	}
	*l = (struct listener){ .open = true, .fd = take_fd };
	write_address(&bound, size, l->address, sizeof(l->address));
	return 0;
}

static bool same_host(const struct sockaddr_storage *bound, const struct sockaddr *wanted)
{
	if (bound->ss_family != wanted->sa_family)
		return false;
	if (wanted->sa_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)bound)->sin6_addr,
		              &((const struct sockaddr_in6 *)(const void *)wanted)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)bound)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)(const void *)wanted)->sin_addr.s_addr;
}

bool listener_is_tcp(int fd, const char *address)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct sockaddr_storage bound = { 0 };
	struct addrinfo *found;
	socklen_t size = sizeof(bound);
	char host[256], text[320];
	uint16_t port;
	bool same = false;

	if (!listens(fd) || getsockname(fd, (struct sockaddr *)&bound, &size) < 0 || bound.ss_family == AF_UNIX ||
	    !config_split_address(bytes_of(address), host, &port) || (port != 0 && port != bound_port(fd)))
		return false;
	write_address(&bound, size, text, sizeof(text));
	if (host[0] == '\0' || text[0] == '*')
		return host[0] == '\0' && text[0] == '*';
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	for (struct addrinfo *at = found; at != NULL && !same; at = at->ai_next)
		same = same_host(&bound, at->ai_addr);
	freeaddrinfo(found);
	return same;
}

bool listener_is_unix(int fd, const char *directory, const char *name)
{
	struct sockaddr_un bound = { 0 };
	socklen_t size = sizeof(bound);
	char path[sizeof(bound.sun_path) + 1];

	if (!listens(fd) || getsockname(fd, (struct sockaddr *)&bound, &size) < 0 || bound.sun_family != AF_UNIX ||
	    (size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(bound.sun_path))
		return false;
	return strcmp(bound.sun_path, path) == 0 && living(&bound);
}

void listener_fini(struct listener *l)
{
	if (l->open) {
		if (l->address[0] == '/' && !l->lent && l->kept == NULL)
			(void)unlink(l->address);
		close(l->fd);
	}
	*l = (struct listener){ 0 };
}
