/* Making, upgrading and refusing the schema `stage`. */
#include "worker/store/postgresql_schema.h"

#include <stdlib.h>

/* steps[n] makes version n + 1 of version n. Room is left on pages, so that the new version of
 * a row stays on its page and no index has to hear of it. */
static const char *const steps[] = {
	"CREATE SCHEMA stage;"
	"CREATE TABLE stage.meta (version int NOT NULL, cluster bytea NOT NULL, shards int NOT NULL);"
	"CREATE TABLE stage.shard (shard int PRIMARY KEY, epoch bigint NOT NULL, generation bigint NOT NULL,"
	"  owner text NOT NULL) WITH (fillfactor = 50);"
	"CREATE TABLE stage.actor (shard int NOT NULL, address bytea NOT NULL, record bytea NOT NULL,"
	"  PRIMARY KEY (shard, address)) WITH (fillfactor = 80);"
	"INSERT INTO stage.meta VALUES (0, '', 0)",
};

#define VERSION ((int)(sizeof(steps) / sizeof(steps[0])))
#define LOCK "5138016431640433" /* of this purpose in the whole database: any number that nobody else takes */
#define KNOWN_MAX (2 * ENGINE_CLUSTER_SIZE + 1)

struct meta {
	int version; /* 0: there is nothing */
	char cluster[KNOWN_MAX]; /* in hexadecimal; empty: not known */
	uint32_t shards;
};

/* From the catalogue itself: to_regclass() may go by what the session knew before it had the
 * lock, and not see what another node has made meanwhile. */
static const char exists[] =
	"SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
	" WHERE n.nspname = 'stage' AND c.relname = 'meta')";

static enum engine_result read_meta(struct postgresql_connection *c, struct meta *ret, struct buffer *error)
{
	PGresult *r = NULL;
	enum engine_result result;

	*ret = (struct meta){ 0 };
	result = postgresql_query(c, exists, &r, error);
	if (result != ENGINE_OK)
		return result;
	ret->version = strcmp(PQgetvalue(r, 0, 0), "t") == 0;
	PQclear(r);
	r = NULL;
	if (ret->version == 0)
		return ENGINE_OK;
	result = postgresql_query(c, "SELECT version, encode(cluster, 'hex'), shards FROM stage.meta", &r, error);
	if (result == ENGINE_OK && PQntuples(r) != 1) {
		buffer_append_text(error, "stage.meta does not have its one row");
		result = ENGINE_REFUSED;
	}
	if (result == ENGINE_OK) {
		ret->version = atoi(PQgetvalue(r, 0, 0));
		strncpy(ret->cluster, PQgetvalue(r, 0, 1), KNOWN_MAX - 1);
		ret->shards = (uint32_t)strtoul(PQgetvalue(r, 0, 2), NULL, 10);
	}
	PQclear(r);
	return result;
}

/* The cluster's id as meta has it; empty where it is not known. */
static void name_cluster(const struct engine_settings *settings, char ret_text[KNOWN_MAX])
{
	static const unsigned char unknown[ENGINE_CLUSTER_SIZE];
	static const char digits[] = "0123456789abcdef";
	size_t n = memcmp(settings->cluster, unknown, sizeof(unknown)) ? sizeof(unknown) : 0;

	for (size_t i = 0; i < n; i++) {
		ret_text[2 * i] = digits[settings->cluster[i] >> 4];
		ret_text[2 * i + 1] = digits[settings->cluster[i] & 15];
	}
	ret_text[2 * n] = '\0';
}

static enum engine_result compare(const struct meta *meta, const struct engine_settings *settings,
                                  const char *cluster, struct buffer *error)
{
	if (meta->version > VERSION)
		buffer_printf(error, "its schema is of version %d, and this program knows versions up to %d: "
		              "a newer Stage uses this database", meta->version, VERSION);
	else if (meta->shards && settings->shards && meta->shards != settings->shards)
		buffer_printf(error, "it holds a cluster of %u shards, and this one has %u", meta->shards, settings->shards);
	else if (cluster[0] && meta->cluster[0] && strcmp(cluster, meta->cluster) != 0) {
		buffer_printf(error, "it holds the state of another cluster (%s, this one is %s)", meta->cluster, cluster);
		return ENGINE_FOREIGN;
	} else {
		return ENGINE_OK;
	}
	return ENGINE_REFUSED;
}

static bool is_complete(const struct meta *meta, const struct engine_settings *settings, const char *cluster)
{
	return meta->version == VERSION && (meta->cluster[0] || !cluster[0]) && (meta->shards || !settings->shards);
}

/* Under the lock: what is missing. */
static enum engine_result complete(struct postgresql_connection *c, const struct meta *meta,
                                   const struct engine_settings *settings, const char *cluster, struct buffer *error)
{
	struct buffer sql = { 0 };
	enum engine_result result = ENGINE_OK;

	for (int i = meta->version; i < VERSION && result == ENGINE_OK; i++)
		result = postgresql_query(c, steps[i], NULL, error);
	if (result == ENGINE_OK) {
		buffer_printf(&sql, "UPDATE stage.meta SET version = %d, "
		              "cluster = CASE WHEN cluster = '' THEN '\\x%s'::bytea ELSE cluster END, "
		              "shards = CASE WHEN shards = 0 THEN %u ELSE shards END", VERSION, cluster, settings->shards);
		buffer_append(&sql, "", 1);
		result = postgresql_query(c, sql.data, NULL, error);
	}
	buffer_fini(&sql);
	return result;
}

enum engine_result postgresql_schema(struct postgresql_connection *c, const struct engine_settings *settings,
                                     struct buffer *error)
{
	char cluster[KNOWN_MAX];
	struct meta meta;
	enum engine_result result = read_meta(c, &meta, error);

	name_cluster(settings, cluster);
	if (result == ENGINE_OK)
		result = compare(&meta, settings, cluster, error);
	if (result != ENGINE_OK || is_complete(&meta, settings, cluster))
		return result;
	result = postgresql_query(c, "BEGIN; SELECT pg_advisory_xact_lock(" LOCK ")", NULL, error);
	if (result == ENGINE_OK)
		result = read_meta(c, &meta, error); /* another node may have been first */
	if (result == ENGINE_OK)
		result = compare(&meta, settings, cluster, error);
	if (result == ENGINE_OK && !is_complete(&meta, settings, cluster))
		result = complete(c, &meta, settings, cluster, error);
	if (result == ENGINE_OK)
		return postgresql_query(c, "COMMIT", NULL, error);
	if (result != ENGINE_AWAY) {
		struct buffer unheard = { 0 };

		postgresql_query(c, "ROLLBACK", NULL, &unheard);
		buffer_fini(&unheard);
	}
	return result;
}
