/* Owns the cluster's secret and everything that is OpenSSL's. */
#include "worker/tunnel/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

#define FILE_MOST 4096 /* bytes */
#define KEY_SIZE 32    /* SHA-256 */

static const char label[] = "stage cluster 1\n"; /* the same secret elsewhere makes another key */
static const unsigned char identity[] = "stage";
static const unsigned char suite[2] = { 0x13, 0x01 }; /* TLS_AES_128_GCM_SHA256: the hash is the key's */

struct tls {
	SSL_CTX *context;
	SSL_SESSION *key; /* an external key looks like a session that was resumed */
};

struct tls_stream {
	SSL *ssl;
	int fd;
	const char *failure;
	bool denied;
};

/* --- the secret ------------------------------------------------------------------- */

/* room is FILE_MOST + 1. The length, or -errno with a sentence. */
static ssize_t read_secret(const char *file, char *room, struct buffer *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), cause;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		goto unreadable;
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
		buffer_printf(error, "[cluster] secret_file: %s %s", file,
		              S_ISREG(st.st_mode) ? "may be read by others: chmod 600 it" : "is no plain file");
		close(fd);
		return -EPERM;
	}
	n = read(fd, room, FILE_MOST + 1);
	if (n < 0)
		goto unreadable;
	close(fd);
	if (n > 0 && room[n - 1] == '\n')
		n--;
	if (n > 0 && room[n - 1] == '\r')
		n--;
	if (n < TLS_SECRET_LEAST || n > FILE_MOST) {
		buffer_printf(error, "[cluster] secret_file: %s must hold %d to %d bytes, for instance of `openssl rand -hex 32`",
		              file, TLS_SECRET_LEAST, FILE_MOST);
		return -EINVAL;
	}
	return n;
unreadable:
	cause = errno;
	buffer_printf(error, "[cluster] secret_file: %s cannot be read: %s", file, strerror(cause));
	if (fd >= 0)
		close(fd);
	return -cause;
}

static bool derive(const char *secret, size_t n, unsigned char key[KEY_SIZE])
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool good = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
	            EVP_DigestUpdate(hash, label, sizeof(label) - 1) == 1 && EVP_DigestUpdate(hash, secret, n) == 1 &&
	            EVP_DigestFinal_ex(hash, key, NULL) == 1;

	EVP_MD_CTX_free(hash);
	return good;
}

static SSL_SESSION *key_session(SSL_CTX *context, const unsigned char key[KEY_SIZE])
{
	SSL_SESSION *session = SSL_SESSION_new();
	SSL *ssl = SSL_new(context);
	const SSL_CIPHER *cipher = ssl ? SSL_CIPHER_find(ssl, suite) : NULL;
	bool good = session != NULL && cipher != NULL && SSL_SESSION_set1_master_key(session, key, KEY_SIZE) == 1 &&
	            SSL_SESSION_set_cipher(session, cipher) == 1 &&
	            SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1;

	SSL_free(ssl);
	if (good)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* --- the key in a handshake ------------------------------------------------------- */

/* The dialler offers it. */
static int on_use_key(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len, SSL_SESSION **session)
{
	const struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	*session = NULL;
	if (md != NULL && !EVP_MD_is_a(md, "SHA256"))
		return 1; /* the peer has asked for another hash: no key fits */
	*session = SSL_SESSION_dup(tls->key);
	*id = identity;
	*id_len = sizeof(identity) - 1;
	return *session != NULL;
}

static int on_find_key(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **session)
{
	const struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	*session = NULL;
	if (id_len == sizeof(identity) - 1 && memcmp(id, identity, id_len) == 0)
		*session = SSL_SESSION_dup(tls->key);
	return 1;
}

static SSL_CTX *make_context(struct tls *tls)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());

	if (context == NULL)
		return NULL;
	SSL_CTX_set_app_data(context, tls);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                 SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_psk_use_session_callback(context, on_use_key);
	SSL_CTX_set_psk_find_session_callback(context, on_find_key);
	if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 || SSL_CTX_set_num_tickets(context, 0) != 1 ||
	    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

int tls_open(const char *secret_file, struct tls **ret, struct buffer *error)
{
	struct tls *tls = memory_new(sizeof(*tls));
	char secret[FILE_MOST + 1];
	unsigned char key[KEY_SIZE];
	ssize_t n = read_secret(secret_file, secret, error);
	int result = n < 0 ? (int)n : 0;

	if (result == 0) {
		tls->context = make_context(tls);
		if (tls->context != NULL && derive(secret, (size_t)n, key))
			tls->key = key_session(tls->context, key);
		if (tls->key == NULL) {
			buffer_append_text(error, "the TLS library cannot be used as this program needs it");
			result = -ENOSYS;
		}
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(key, sizeof(key));
	if (result == 0)
		*ret = tls;
	else
		tls_close(tls);
	return result;
}

void tls_close(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_SESSION_free(tls->key); /* which wipes it */
	SSL_CTX_free(tls->context);
	free(tls);
}

/* --- streams ---------------------------------------------------------------------- */

struct tls_stream *tls_stream_new(struct tls *tls, int take_fd, bool server)
{
	struct tls_stream *s = memory_new(sizeof(*s));

	s->fd = take_fd;
	s->ssl = SSL_new(tls->context);
	if (s->ssl == NULL || SSL_set_fd(s->ssl, take_fd) != 1) {
		tls_stream_free(s);
		return NULL;
	}
	if (server) {
		SSL_set_accept_state(s->ssl);
	} else {
		SSL_set_connect_state(s->ssl);
		SSL_set_verify(s->ssl, SSL_VERIFY_PEER, NULL); /* against no authority: no certificate is good */
	}
	return s;
}

void tls_stream_free(struct tls_stream *s)
{
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	ERR_clear_error();
	close(s->fd);
	free(s);
}

int tls_stream_fd(const struct tls_stream *s)
{
	return s->fd;
}

/* What OpenSSL's reasons mean here. The first group is what the two ends see where their
 * secrets differ, each in its own way. */
static const struct {
	int reason;
	bool denied;
	const char *text;
} reasons[] = {
	{ SSL_R_BINDER_DOES_NOT_VERIFY, true, "its secret is another one" },
	{ SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER, true, "its secret is another one" },
	{ SSL_R_TLSV1_ALERT_DECRYPT_ERROR, true, "its secret is another one" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY, true, "it does not know this secret" },
	{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, true, "it does not know this secret" },
	{ SSL_R_CERTIFICATE_VERIFY_FAILED, true, "it shows a certificate instead of knowing the secret" },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, true, "it speaks TLS without the secret" },
	{ SSL_R_NO_SHARED_CIPHER, true, "it speaks TLS without the secret" },
	{ SSL_R_UNSUPPORTED_PROTOCOL, false, "it speaks no TLS 1.3" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, false, "it speaks no TLS 1.3" },
	{ SSL_R_WRONG_VERSION_NUMBER, false, "it does not speak TLS" },
	{ SSL_R_HTTP_REQUEST, false, "it speaks HTTP" },
	{ SSL_R_HTTPS_PROXY_REQUEST, false, "it speaks HTTP" },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING, false, "the connection broke" },
};

static void explain(struct tls_stream *s, int error)
{
	unsigned long first = ERR_peek_error();

	s->failure = error == SSL_ERROR_SYSCALL ? "the connection broke" : "it does not speak TLS as it should";
	for (size_t i = 0; first != 0 && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == reasons[i].reason) {
			s->failure = reasons[i].text;
			s->denied = reasons[i].denied;
		}
	}
}

static enum tls_result result_of(struct tls_stream *s, int returned)
{
	int error = SSL_get_error(s->ssl, returned);

	switch (error) {
	case SSL_ERROR_NONE: return TLS_DONE;
	case SSL_ERROR_WANT_READ: return TLS_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WRITE;
	case SSL_ERROR_ZERO_RETURN: return TLS_ENDED;
	default:
		explain(s, error);
		ERR_clear_error();
		return TLS_LOST;
	}
}

enum tls_result tls_handshake(struct tls_stream *s)
{
	enum tls_result result;

	ERR_clear_error();
	result = result_of(s, SSL_do_handshake(s->ssl));
	if (result == TLS_DONE && !SSL_session_reused(s->ssl)) { /* authenticated by anything but the key */
		s->failure = "it does not use the secret";
		s->denied = true;
		return TLS_LOST;
	}
	if (result == TLS_ENDED) {
		s->failure = "the connection broke";
		return TLS_LOST;
	}
	return result;
}

enum tls_result tls_read(struct tls_stream *s, void *out, size_t room, size_t *ret_n)
{
	ERR_clear_error();
	return result_of(s, SSL_read_ex(s->ssl, out, room, ret_n));
}

/* Where the peer has ended its sending, OpenSSL says so of every later failure too. */
static enum tls_result sent(struct tls_stream *s, int returned)
{
	enum tls_result result = result_of(s, returned);

	return result == TLS_ENDED ? TLS_LOST : result;
}

enum tls_result tls_write(struct tls_stream *s, const void *data, size_t n, size_t *ret_n)
{
	ERR_clear_error();
	return sent(s, SSL_write_ex(s->ssl, data, n, ret_n));
}

enum tls_result tls_end(struct tls_stream *s)
{
	int returned;

	ERR_clear_error();
	returned = SSL_shutdown(s->ssl);
	return returned >= 0 ? TLS_DONE : sent(s, returned); /* 0: said, and not heard yet */
}

const char *tls_failure(const struct tls_stream *s, bool *ret_denied)
{
	*ret_denied = s->denied;
	return s->failure != NULL ? s->failure : "the connection broke";
}
