/* TLS 1.3 with the cluster's secret as an external key: who does not know it gets
 * nothing, and no certificate is ever accepted in its place. The one file that knows
 * OpenSSL is tls.c. */
#ifndef WORKER_TUNNEL_TLS_H
#define WORKER_TUNNEL_TLS_H

#include "common/buffer.h"

#define TLS_SECRET_LEAST 16 /* bytes */

struct tls;        /* what all connections share */
struct tls_stream; /* one connection; owns its descriptor */

/* Reads the secret's file, which nobody but its owner may read. 0 or -errno with a
 * sentence in error. */
int tls_open(const char *secret_file, struct tls **ret, struct buffer *error);
void tls_close(struct tls *tls); /* wipes the key; NULL is fine */

/* take_fd is nonblocking and connected. NULL where there is no memory; it is closed then. */
struct tls_stream *tls_stream_new(struct tls *tls, int take_fd, bool server);
/* Closes the descriptor as it is; see tls_end(). NULL is fine. */
void tls_stream_free(struct tls_stream *s);
int tls_stream_fd(const struct tls_stream *s);

/* What an operation came to. */
enum tls_result {
	TLS_DONE,
	TLS_READ,  /* again once the descriptor can be read */
	TLS_WRITE, /* again once it can be written */
	TLS_ENDED, /* the peer has said that it sends no more */
	TLS_LOST,  /* the connection is over; tls_failure() says why */
};

/* Authenticates both ends. */
enum tls_result tls_handshake(struct tls_stream *s);

/* ret_n > 0 with TLS_DONE. Sending goes on after TLS_ENDED. */
enum tls_result tls_read(struct tls_stream *s, void *out, size_t room, size_t *ret_n);
/* May take less than all, and may be repeated with more bytes at another place. */
enum tls_result tls_write(struct tls_stream *s, const void *data, size_t n, size_t *ret_n);

/* Says that nothing more will be sent; reading goes on. */
enum tls_result tls_end(struct tls_stream *s);

/* Why it was lost: half a sentence for people, for the life of the program. denied: the
 * secrets differ. */
const char *tls_failure(const struct tls_stream *s, bool *ret_denied);

#endif
