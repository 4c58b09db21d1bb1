/* Owns the connection to a server's admin listener. */
#include "stagectl/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/config.h"
#include "common/ini.h"

#define TOKEN_MAX 256
#define LINE_MAX_BYTES (64u << 20)

static int connect_to(const struct sockaddr *address, socklen_t size, int timeout)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t error_size = sizeof(error);

	if (fd < 0)
		return -errno;
	if (connect(fd, address, size) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };
		if (poll(&ready, 1, timeout) == 0)
			error = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0)
			error = errno;
	}
	if (error == 0)
		return fd;
	close(fd);
	return -error;
}

static int connect_unix(const char *directory, int timeout)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(directory) + sizeof("/admin.sock") > sizeof(address.sun_path))
		return -ENAMETOOLONG;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/admin.sock", directory);
	return connect_to((struct sockaddr *)&address, sizeof(address), timeout);
}

/* A file with a mistake in it must not keep anybody from asking the server that was
 * started before the mistake was made. */
enum admin_exit server_open_local(struct server *s, const char *config_file, int timeout, struct buffer *error)
{
	const struct config_row *row = config_find(BYTES_LITERAL("node"), BYTES_LITERAL("runtime"));
	struct buffer problems = { 0 };
	struct config config;
	enum admin_exit exit = ADMIN_DONE;
	int fd, result;

	config_init(&config);
	result = ini_load(&config, config_file, &problems);
	if (result < 0 && result != -EINVAL) {
		buffer_printf(error, "%s cannot be read: %s", config_file, strerror(-result));
		exit = ADMIN_CONFIGURATION;
		goto out;
	}
	fd = connect_unix(config.node.runtime, timeout);
	/* The system's server is found by users who may not write its directories. */
	if ((fd == -ENOENT || fd == -ECONNREFUSED) && config.origin[row - config_rows] == CONFIG_DEFAULT) {
		int system = connect_unix("/run/stage", timeout);
		fd = system >= 0 || system == -EACCES ? system : fd;
	}
	if (fd == -EACCES) {
		buffer_printf(error, "the server in %s lets only its own user, its group and root ask", config.node.runtime);
		exit = ADMIN_DENIED;
	} else if (fd < 0) {
		buffer_printf(error, "no server answers at %s/admin.sock: %s", config.node.runtime, strerror(-fd));
		exit = ADMIN_UNREACHABLE;
	} else {
		*s = (struct server){ .fd = fd, .timeout = timeout };
	}
out:
	buffer_fini(&problems);
	config_fini(&config);
	return exit;
}

static enum admin_exit read_token(const char *file, char token[TOKEN_MAX], struct buffer *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, token, TOKEN_MAX - 1) : -1;

	if (n < 0) {
		buffer_printf(error, "%s cannot be read: %s", file, strerror(errno));
		if (fd >= 0)
			close(fd);
		return ADMIN_CONFIGURATION;
	}
	close(fd);
	token[n] = '\0';
	token[strcspn(token, " \t\r\n")] = '\0';
	if (token[0] != '\0')
		return ADMIN_DONE;
	buffer_printf(error, "%s holds no token", file);
	return ADMIN_CONFIGURATION;
}

static int connect_tcp(const char *host, uint16_t port, int timeout, const char **ret_why)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found;
	char service[8];
	int fd = -EHOSTUNREACH, error;

	snprintf(service, sizeof(service), "%u", port);
	error = getaddrinfo(host[0] != '\0' ? host : "localhost", service, &hints, &found);
	if (error != 0) {
		*ret_why = gai_strerror(error);
		return -EHOSTUNREACH;
	}
	for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next)
		fd = connect_to(at->ai_addr, at->ai_addrlen, timeout);
	freeaddrinfo(found);
	*ret_why = fd < 0 ? strerror(-fd) : NULL;
	return fd;
}

static enum admin_exit show_token(struct server *s, const char *token, struct buffer *error)
{
	struct buffer line = { 0 };
	struct admin_output out;
	enum admin_exit exit;

	buffer_printf(&line, "auth %s", token);
	exit = server_send(s, buffer_bytes(&line), error);
	explicit_bzero(line.data, line.capacity);
	buffer_fini(&line);
	if (exit == ADMIN_DONE)
		exit = server_read(s, error);
	if (exit != ADMIN_DONE)
		return exit;
	if (!admin_parse_output(s->line, &out)) {
		buffer_append_text(error, "what answers there is no Stage server");
		return ADMIN_DATA;
	}
	if (out.kind == ADMIN_OUT_OK)
		return ADMIN_DONE;
	buffer_append_bytes(error, out.text);
	return out.kind == ADMIN_OUT_ERROR ? out.exit : ADMIN_DATA;
}

enum admin_exit server_open_remote(struct server *s, const char *address, const char *token_file,
                                   int timeout, struct buffer *error)
{
	char host[256], token[TOKEN_MAX];
	const char *why;
	enum admin_exit exit;
	uint16_t port;
	int fd;

	if (!config_split_address(bytes_of(address), host, &port)) {
		buffer_printf(error, "--node needs HOST:PORT, and %s is none", address);
		return ADMIN_USAGE;
	}
	exit = read_token(token_file, token, error);
	if (exit != ADMIN_DONE)
		return exit;
	fd = connect_tcp(host, port, timeout, &why);
	if (fd < 0) {
		buffer_printf(error, "no server answers at %s: %s", address, why);
		exit = ADMIN_UNREACHABLE;
	} else {
		*s = (struct server){ .fd = fd, .timeout = timeout };
		exit = show_token(s, token, error);
		if (exit != ADMIN_DONE)
			server_close(s);
	}
	explicit_bzero(token, sizeof(token));
	return exit;
}

void server_close(struct server *s)
{
	close(s->fd);
	buffer_fini(&s->in);
}

/* Waits until the socket is ready. */
static enum admin_exit await(const struct server *s, short events, struct buffer *error)
{
	struct pollfd ready = { .fd = s->fd, .events = events };
	int n;

	do
		n = poll(&ready, 1, s->timeout);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return ADMIN_DONE;
	buffer_printf(error, "the server has been silent for %d ms", s->timeout);
	return ADMIN_TEMPORARY;
}

static enum admin_exit cut_off(struct buffer *error)
{
	buffer_append_text(error, "the server ended the connection early");
	return ADMIN_TEMPORARY;
}

enum admin_exit server_send(struct server *s, struct bytes line, struct buffer *error)
{
	struct buffer out = { 0 };
	enum admin_exit exit = ADMIN_DONE;

	buffer_append_bytes(&out, line);
	buffer_append_text(&out, "\n");
	while (exit == ADMIN_DONE && buffer_length(&out) > 0) {
		ssize_t n = send(s->fd, buffer_bytes(&out).data, buffer_length(&out), MSG_NOSIGNAL);
		if (n >= 0)
			buffer_consume(&out, (size_t)n);
		else if (errno == EAGAIN)
			exit = await(s, POLLOUT, error);
		else if (errno != EINTR)
			break; /* what it said before it closed is still to be read */
	}
	if (out.data != NULL)
		explicit_bzero(out.data, out.capacity);
	buffer_fini(&out);
	return exit;
}

enum admin_exit server_read(struct server *s, struct buffer *error)
{
	enum admin_exit exit = ADMIN_DONE;

	buffer_consume(&s->in, s->line_size);
	s->line_size = 0;
	for (size_t seen = 0; exit == ADMIN_DONE;) {
		struct bytes in = buffer_bytes(&s->in);
		const char *end = in.len > seen ? memchr(in.data + seen, '\n', in.len - seen) : NULL;
		ssize_t n;

		if (end != NULL) {
			s->line = (struct bytes){ in.data, (size_t)(end - in.data) };
			s->line_size = s->line.len + 1;
			return ADMIN_DONE;
		}
		seen = in.len;
		if (seen > LINE_MAX_BYTES)
			return cut_off(error);
		n = recv(s->fd, buffer_reserve(&s->in, 65536), 65536, 0);
		if (n > 0)
			buffer_commit(&s->in, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			exit = await(s, POLLIN, error);
		else if (n == 0 || errno != EINTR)
			return cut_off(error);
	}
	return exit;
}
