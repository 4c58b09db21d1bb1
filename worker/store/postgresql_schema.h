/* The tables of a database that Stage made itself, and their version. */
#ifndef WORKER_STORE_POSTGRESQL_SCHEMA_H
#define WORKER_STORE_POSTGRESQL_SCHEMA_H

#include "worker/store/postgresql_connection.h"

/* Of a session that has just begun: makes the tables, or brings them to this program's
 * version, alone in the whole cluster. ENGINE_REFUSED: they are of a newer version, another
 * cluster's, or of another number of shards. */
enum engine_result postgresql_schema(struct postgresql_connection *c, const struct engine_settings *settings,
                                     struct buffer *error);

#endif
