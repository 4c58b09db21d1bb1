/* One connection to a PostgreSQL server, used from one thread: calls block, but never longer
 * than a limit, and what went wrong comes back as an engine_result. */
#ifndef WORKER_STORE_POSTGRESQL_CONNECTION_H
#define WORKER_STORE_POSTGRESQL_CONNECTION_H

#include <libpq-fe.h>

#include "worker/store/engine.h"

#define POSTGRESQL_PARAMETERS_MAX 8

/* Zeroed: not connected. After ENGINE_AWAY it is not connected either. */
struct postgresql_connection {
	PGconn *handle;
};

/* A prepared statement's name and its parameters, all in binary. result is filled with rows in
 * binary; postgresql_call_fini() frees it. */
struct postgresql_call {
	const char *statement;
	int count;
	struct bytes parameters[POSTGRESQL_PARAMETERS_MAX];
	PGresult *result;
};

/* Whether url is a URI or a list of `key=value` that libpq understands. error never repeats
 * it: there may be a password in it. */
bool postgresql_url_valid(const char *url, struct buffer *error);

/* url with defaults below it: whatever it does not say of time limits and keepalives. The
 * session waits for its own locks and statements no longer than a limit, and commits
 * synchronously. ENGINE_AWAY, or ENGINE_REFUSED where a server is there and does not let us in. */
enum engine_result postgresql_connect(struct postgresql_connection *c, const char *url, struct buffer *error);
void postgresql_disconnect(struct postgresql_connection *c);

/* `HOST:PORT/DATABASE` */
void postgresql_place(const struct postgresql_connection *c, struct buffer *out);

/* Statements in text, one after the other, outside of the pipeline: for the start of a
 * session. The last one's rows, in text, in ret_result where it is not NULL. */
enum engine_result postgresql_query(struct postgresql_connection *c, const char *sql, PGresult **ret_result,
                                    struct buffer *error);
enum engine_result postgresql_prepare(struct postgresql_connection *c, const char *name, const char *sql,
                                      struct buffer *error);

/* From here on postgresql_exchange() only. */
enum engine_result postgresql_begin_pipeline(struct postgresql_connection *c, struct buffer *error);

/* All calls in one transaction and one round trip. Where the server asks for it (40001,
 * 40P01) they are made again, a few times. */
enum engine_result postgresql_exchange(struct postgresql_connection *c, struct postgresql_call *calls, size_t count,
                                       struct buffer *error);
void postgresql_call_fini(struct postgresql_call *call);

/* A value of a row; data NULL where it is null. */
struct bytes postgresql_value(const PGresult *result, int row, int column);

/* Whether the server is still at the other end; takes what it may have said. */
enum engine_result postgresql_look(struct postgresql_connection *c, struct buffer *error);

#endif
