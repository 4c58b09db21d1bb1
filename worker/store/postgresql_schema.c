/* Making, upgrading and refusing the schema `stage`. */
#include "worker/store/postgresql_schema.h"

#include <stdio.h>
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
	/* Which shard an address is in follows from it: without it a new cluster would find nothing. */
	"ALTER TABLE stage.meta ADD COLUMN hash_key bytea NOT NULL DEFAULT ''",
};

#define VERSION ((int)(sizeof(steps) / sizeof(steps[0])))
#define LOCK "5138016431640433" /* of this purpose in the whole database: any number that nobody else takes */
#define KNOWN_MAX (2 * ENGINE_CLUSTER_SIZE + 1)
#define KEY_MAX (2 * HASH_KEY_SIZE + 1)

struct meta {
	int version; /* 0: there is nothing */
	char cluster[KNOWN_MAX], key[KEY_MAX]; /* in hexadecimal; empty: not known */
	uint32_t shards;
};

/* The same of this cluster. */
struct own {
	char cluster[KNOWN_MAX], key[KEY_MAX], former[KNOWN_MAX];
	uint32_t shards;
	struct engine_foreign *foreign;
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
	/* By way of jsonb, for an earlier version has no such column. */
	result = postgresql_query(c, "SELECT version, encode(cluster, 'hex'), shards,"
	                          " coalesce(substr(to_jsonb(m) ->> 'hash_key', 3), '') FROM stage.meta AS m", &r, error);
	if (result == ENGINE_OK && PQntuples(r) != 1) {
		buffer_append_text(error, "stage.meta does not have its one row");
		result = ENGINE_REFUSED;
	}
	if (result == ENGINE_OK) {
		ret->version = atoi(PQgetvalue(r, 0, 0));
		strncpy(ret->cluster, PQgetvalue(r, 0, 1), KNOWN_MAX - 1);
		ret->shards = (uint32_t)strtoul(PQgetvalue(r, 0, 2), NULL, 10);
		strncpy(ret->key, PQgetvalue(r, 0, 3), KEY_MAX - 1);
	}
	PQclear(r);
	return result;
}

/* As meta has it; empty where it is not known, which zeros say. */
static void write_hex(char *out, const unsigned char *data, size_t n)
{
	static const unsigned char unknown[HASH_KEY_SIZE];
	static const char digits[] = "0123456789abcdef";

	n = memcmp(data, unknown, n) ? n : 0;
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * n] = '\0';
}

static void read_hex(const char *text, unsigned char *ret, size_t n)
{
	unsigned v = 0;

	for (size_t i = 0; i < n && sscanf(text + 2 * i, "%2x", &v) == 1; i++)
		ret[i] = (unsigned char)v;
}

static struct own own_of(const struct engine_settings *settings)
{
	struct own own = { .shards = settings->shards, .foreign = settings->foreign };

	write_hex(own.cluster, settings->cluster, sizeof(settings->cluster));
	write_hex(own.key, settings->key, sizeof(settings->key));
	write_hex(own.former, settings->former, sizeof(settings->former));
	return own;
}

static bool is_foreign(const struct meta *meta, const struct own *own)
{
	return own->cluster[0] && meta->cluster[0] && strcmp(own->cluster, meta->cluster) != 0;
}

/* An operator says that the cluster it is of is gone, and this one finds its actors by the same key. */
static bool may_take_over(const struct meta *meta, const struct own *own)
{
	return own->former[0] && strcmp(own->former, meta->cluster) == 0 && meta->key[0] &&
	       strcmp(own->key, meta->key) == 0 && meta->shards == own->shards;
}

static void describe(const struct meta *meta, struct engine_foreign *ret)
{
	if (ret == NULL)
		return;
	*ret = (struct engine_foreign){ .has_key = meta->key[0] != '\0', .shards = meta->shards };
	read_hex(meta->cluster, ret->cluster, sizeof(ret->cluster));
	read_hex(meta->key, ret->key, sizeof(ret->key));
}

static enum engine_result compare(const struct meta *meta, const struct own *own, struct buffer *error)
{
	if (meta->version > VERSION) {
		buffer_printf(error, "its schema is of version %d, and this program knows versions up to %d: "
		              "a newer Stage uses this database", meta->version, VERSION);
	} else if (is_foreign(meta, own) && !may_take_over(meta, own)) {
		buffer_printf(error, "it holds the state of another cluster (%s, this one is %s)", meta->cluster, own->cluster);
		if (own->shards && meta->shards != own->shards)
			buffer_printf(error, ": it holds a cluster of %u shards, and this one has %u", meta->shards, own->shards);
		describe(meta, own->foreign);
		return ENGINE_FOREIGN;
	} else if (meta->shards && own->shards && meta->shards != own->shards) {
		buffer_printf(error, "it holds a cluster of %u shards, and this one has %u", meta->shards, own->shards);
	} else {
		return ENGINE_OK;
	}
	return ENGINE_REFUSED;
}

static bool is_complete(const struct meta *meta, const struct own *own)
{
	return meta->version == VERSION && (!own->cluster[0] || strcmp(meta->cluster, own->cluster) == 0) &&
	       (meta->key[0] || !own->key[0]) && (meta->shards || !own->shards);
}

/* Under the lock: what is missing. */
static enum engine_result complete(struct postgresql_connection *c, const struct meta *meta, const struct own *own,
                                   struct buffer *error)
{
	struct buffer sql = { 0 };
	enum engine_result result = ENGINE_OK;

	for (int i = meta->version; i < VERSION && result == ENGINE_OK; i++)
		result = postgresql_query(c, steps[i], NULL, error);
	if (result == ENGINE_OK) {
		buffer_printf(&sql, "UPDATE stage.meta SET version = %d, "
		              "cluster = CASE WHEN '%s' = '' THEN cluster ELSE '\\x%s'::bytea END, "
		              "hash_key = CASE WHEN hash_key = '' THEN '\\x%s'::bytea ELSE hash_key END, "
		              "shards = CASE WHEN shards = 0 THEN %u ELSE shards END",
		              VERSION, own->cluster, own->cluster, own->key, own->shards);
		buffer_append(&sql, "", 1);
		result = postgresql_query(c, sql.data, NULL, error);
	}
	buffer_fini(&sql);
	return result;
}

enum engine_result postgresql_schema(struct postgresql_connection *c, const struct engine_settings *settings,
                                     struct buffer *error)
{
	const struct own own = own_of(settings);
	struct meta meta;
	enum engine_result result = read_meta(c, &meta, error);

	if (result == ENGINE_OK)
		result = compare(&meta, &own, error);
	if (result != ENGINE_OK || is_complete(&meta, &own))
		return result;
	result = postgresql_query(c, "BEGIN; SELECT pg_advisory_xact_lock(" LOCK ")", NULL, error);
	if (result == ENGINE_OK)
		result = read_meta(c, &meta, error); /* another node may have been first */
	if (result == ENGINE_OK)
		result = compare(&meta, &own, error);
	if (result == ENGINE_OK && !is_complete(&meta, &own))
		result = complete(c, &meta, &own, error);
	if (result == ENGINE_OK)
		return postgresql_query(c, "COMMIT", NULL, error);
	if (result != ENGINE_AWAY) {
		struct buffer unheard = { 0 };

		postgresql_query(c, "ROLLBACK", NULL, &unheard);
		buffer_fini(&unheard);
	}
	return result;
}
