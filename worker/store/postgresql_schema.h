/* The tables of a database that Stage made itself, and their version. */
#ifndef WORKER_STORE_POSTGRESQL_SCHEMA_H
#define WORKER_STORE_POSTGRESQL_SCHEMA_H

#include "worker/store/postgresql_connection.h"

/* Of a session that has just begun: makes the tables, or brings them to this program's
 * version, alone in the whole cluster. ENGINE_REFUSED: they are of a newer version or
 * of another number of shards. ENGINE_FOREIGN: they are another cluster's, which is not to be taken
 * over. */
enum engine_result postgresql_schema(struct postgresql_connection *c, const struct engine_settings *settings,
                                     struct buffer *error);

#endif
