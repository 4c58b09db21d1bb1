/* The server that stagectl talks to: found, connected to, and known to it. */
#ifndef STAGECTL_SERVER_H
#define STAGECTL_SERVER_H

#include "common/buffer.h"
#include "proto/admin.h"

struct server {
	int fd;
	int timeout; /* milliseconds of silence that end the waiting */
	struct buffer in;
	struct bytes line; /* the last line read, inside `in` */
	size_t line_size;  /* with its end */
};

/* The local server, whose admin socket is where `stage` puts it with this file of
 * settings (NULL: the default one). ADMIN_DONE, or the exit status with a sentence. */
enum admin_exit server_open_local(struct server *s, const char *config_file, int timeout, struct buffer *error);

/* The server at an address, with the token from a file. */
enum admin_exit server_open_remote(struct server *s, const char *address, const char *token_file,
                                   int timeout, struct buffer *error);
void server_close(struct server *s);

enum admin_exit server_send(struct server *s, struct bytes line, struct buffer *error);

/* Reads the next line into s->line, without its end. */
enum admin_exit server_read(struct server *s, struct buffer *error);

#endif
