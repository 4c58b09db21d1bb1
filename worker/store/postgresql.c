/* The shared engine: a PostgreSQL database whose rows say who owns which shard.
 *
 * Every statement that writes locks the rows of its shards against a change of owner, and
 * changes nothing unless all of them still show the epoch and the generation of this claim.
 * A claim raises the generation. So a statement of a former owner, or of a former connection
 * of this very process, that is still on its way somewhere finds another generation when it
 * comes through, whenever that is: nothing newer is overwritten by it. */
#include <errno.h>
#include <stdlib.h>

#include "common/memory.h"
#include "worker/store/postgresql_array.h"
#include "worker/store/postgresql_schema.h"

#define PREFIX 2 /* bytes of a key before the address, see commit_key() */

struct shard {
	uint64_t epoch;      /* 0: never claimed */
	uint64_t generation; /* 0: not held: another owner has it, or it is to be claimed again */
	uint64_t above;      /* the database's epoch as the last claim found it, where it was in vain */
	bool own;            /* and whether its owner there has this node's name */
	uint64_t group;      /* number of the last write that named it */
};

struct db {
	struct postgresql_connection connection;
	struct engine_settings settings; /* its texts are ours */
	char *url, *node;
	struct shard *shards;
	uint32_t shard_count;
	uint64_t group;
	struct buffer arrays[8]; /* of the statement being made */
};

static const struct {
	const char *name, *sql;
} statements[] = {
	/* An epoch is never taken back, and in the same one only by who has it. */
	{ "stage_claim", /* and only while the database is this cluster's: it may be taken over meanwhile */
	  "WITH ours AS MATERIALIZED (SELECT FROM stage.meta WHERE $4::bytea = '' OR cluster = $4::bytea FOR SHARE),"
	  " wanted AS (SELECT * FROM unnest($1::int[], $2::bigint[]) AS w(shard, epoch) WHERE EXISTS (SELECT FROM ours)),"
	  " taken AS (INSERT INTO stage.shard AS s (shard, epoch, generation, owner)"
	  "  SELECT shard, epoch, 1, $3::text FROM wanted ORDER BY 1"
	  "  ON CONFLICT (shard) DO UPDATE"
	  "  SET epoch = excluded.epoch, generation = s.generation + 1, owner = excluded.owner"
	  "  WHERE s.epoch < excluded.epoch OR (s.epoch = excluded.epoch AND s.owner = excluded.owner)"
	  "  RETURNING shard, epoch, generation)"
	  " SELECT shard, epoch, generation, 1 FROM taken UNION ALL"
	  " SELECT s.shard, s.epoch, 0, (s.owner = $3::text)::int FROM stage.shard AS s JOIN wanted AS w ON w.shard = s.shard"
	  "  WHERE NOT EXISTS (SELECT FROM taken AS t WHERE t.shard = s.shard)" },
	{ "stage_whose", "SELECT count(*) FROM stage.meta WHERE $1::bytea = '' OR cluster = $1::bytea" },
	{ "stage_write",
	  "WITH fence AS MATERIALIZED (SELECT s.shard FROM stage.shard AS s"
	  "  JOIN unnest($1::int[], $2::bigint[], $3::bigint[]) AS e(shard, epoch, generation)"
	  "  ON s.shard = e.shard AND s.epoch = e.epoch AND s.generation = e.generation FOR SHARE OF s),"
	  " put AS (INSERT INTO stage.actor (shard, address, record)"
	  "  SELECT * FROM unnest($4::int[], $5::bytea[], $6::bytea[])"
	  "  WHERE (SELECT count(*) FROM fence) = cardinality($1::int[])"
	  "  ON CONFLICT (shard, address) DO UPDATE SET record = excluded.record),"
	  " removed AS (DELETE FROM stage.actor AS a"
	  "  USING unnest($7::int[], $8::bytea[]) AS r(shard, address)"
	  "  WHERE a.shard = r.shard AND a.address = r.address"
	  "  AND (SELECT count(*) FROM fence) = cardinality($1::int[]))"
	  " SELECT shard FROM fence" },
	{ "stage_load",
	  "SELECT l.at, s.shard IS NOT NULL, a.record"
	  " FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bytea[])"
	  "  WITH ORDINALITY AS l(shard, epoch, generation, address, at)"
	  " LEFT JOIN stage.shard AS s"
	  "  ON s.shard = l.shard AND s.epoch = l.epoch AND s.generation = l.generation"
	  " LEFT JOIN stage.actor AS a ON a.shard = l.shard AND a.address = l.address" },
	/* A row of no shard, of a size that wants room, and gone with the same transaction. */
	{ "stage_probe",
	  "INSERT INTO stage.actor VALUES (-1, $1::bytea, decode(repeat('70726f6265', 200), 'hex'))"
	  " ON CONFLICT (shard, address) DO UPDATE SET record = excluded.record" },
	{ "stage_forget", "DELETE FROM stage.actor WHERE shard = -1 AND address = $1::bytea" },
};

/* --- shards --- */

static struct shard *shard_at(struct db *db, uint32_t shard)
{
	if (shard >= db->shard_count) {
		db->shards = memory_grow(db->shards, shard + 1, sizeof(*db->shards));
		memset(db->shards + db->shard_count, 0, (shard + 1 - db->shard_count) * sizeof(*db->shards));
		db->shard_count = shard + 1;
	}
	return &db->shards[shard];
}

static bool holds(const void *at, uint32_t shard, uint64_t epoch)
{
	const struct db *db = at;

	return shard < db->shard_count && db->shards[shard].epoch == epoch && db->shards[shard].generation > 0;
}

static struct bytes array(const struct db *db, int index)
{
	return buffer_bytes(&db->arrays[index]);
}

static void begin_arrays(struct db *db, const uint32_t types[], int count)
{
	for (int i = 0; i < count; i++)
		postgresql_array_begin(&db->arrays[i], types[i]);
}

/* Its id; empty: not known. */
static struct bytes cluster_of(const struct db *db)
{
	static const unsigned char unknown[ENGINE_CLUSTER_SIZE];
	bool known = memcmp(db->settings.cluster, unknown, sizeof(unknown)) != 0;

	return (struct bytes){ (const char *)db->settings.cluster, known ? sizeof(unknown) : 0 };
}

/* Where somebody else has a shard it may be because the whole database is another cluster's by now:
 * then nothing is answered any more, and the next session says why. */
static enum engine_result look_whose(struct db *db, enum engine_result otherwise, struct buffer *error)
{
	struct postgresql_call call = { .statement = "stage_whose", .count = 1, .parameters = { cluster_of(db) } };
	enum engine_result result = postgresql_exchange(&db->connection, &call, 1, error);

	if (result == ENGINE_OK && postgresql_integer(postgresql_value(call.result, 0, 0)) == 0) {
		buffer_append_text(error, "another cluster has taken it over");
		postgresql_disconnect(&db->connection);
		result = ENGINE_AWAY;
	}
	postgresql_call_fini(&call);
	return result == ENGINE_OK ? otherwise : result;
}

/* Of those in the arrays 0 and 1, which are count: whatever is told back without a generation is
 * another's. */
static enum engine_result claim_arrays(struct db *db, uint32_t count, struct buffer *error)
{
	struct postgresql_call call = {
		.statement = "stage_claim", .count = 4,
		.parameters = { array(db, 0), array(db, 1), bytes_of(db->node), cluster_of(db) },
	};
	enum engine_result result;
	uint32_t taken = 0;

	if (count == 0)
		return ENGINE_OK;
	result = postgresql_exchange(&db->connection, &call, 1, error);
	for (int i = 0; result == ENGINE_OK && i < PQntuples(call.result); i++) {
		struct shard *s = shard_at(db, (uint32_t)postgresql_integer(postgresql_value(call.result, i, 0)));

		s->generation = postgresql_integer(postgresql_value(call.result, i, 2));
		taken += s->generation > 0;
		s->above = s->generation > 0 ? 0 : postgresql_integer(postgresql_value(call.result, i, 1));
		s->own = postgresql_integer(postgresql_value(call.result, i, 3)) == 1;
	}
	postgresql_call_fini(&call);
	return result == ENGINE_OK && taken < count ? look_whose(db, ENGINE_OK, error) : result;
}

/* What was held is claimed anew: the former connection's statements are void from here on. */
static enum engine_result claim_again(struct db *db, struct buffer *error)
{
	uint32_t count = 0;

	begin_arrays(db, (const uint32_t[]){ POSTGRESQL_INT4, POSTGRESQL_INT8 }, 2);
	for (uint32_t i = 0; i < db->shard_count; i++) {
		if (db->shards[i].epoch == 0)
			continue;
		db->shards[i].generation = 0;
		postgresql_array_int4(&db->arrays[0], i);
		postgresql_array_int8(&db->arrays[1], db->shards[i].epoch);
		count++;
	}
	postgresql_array_end(&db->arrays[0], count);
	postgresql_array_end(&db->arrays[1], count);
	return claim_arrays(db, count, error);
}

/* --- the connection --- */

static enum engine_result begin_session(struct db *db, struct buffer *error)
{
	struct postgresql_connection *c = &db->connection;
	enum engine_result result = postgresql_connect(c, db->url, error);

	if (result == ENGINE_OK)
		result = postgresql_schema(c, &db->settings, error);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && result == ENGINE_OK; i++)
		result = postgresql_prepare(c, statements[i].name, statements[i].sql, error);
	if (result == ENGINE_OK)
		result = postgresql_begin_pipeline(c, error);
	if (result == ENGINE_OK)
		result = claim_again(db, error);
	if (result != ENGINE_OK)
		postgresql_disconnect(c);
	return result;
}

/* Later on nothing is final: whatever keeps us out may be mended while we wait. */
static enum engine_result be_connected(struct db *db, struct buffer *error)
{
	if (db->connection.handle)
		return ENGINE_OK;
	return begin_session(db, error) == ENGINE_OK ? ENGINE_OK : ENGINE_AWAY;
}

static void close_db(void *at)
{
	struct db *db = at;

	if (db == NULL)
		return;
	postgresql_disconnect(&db->connection);
	for (size_t i = 0; i < sizeof(db->arrays) / sizeof(db->arrays[0]); i++)
		buffer_fini(&db->arrays[i]);
	free(db->shards);
	free(db->url);
	free(db->node);
	free(db);
}

static enum engine_result open_db(const struct engine_settings *settings, void **ret_db, struct buffer *error)
{
	struct db *db;
	enum engine_result result;

	if (!postgresql_url_valid(settings->url, error))
		return ENGINE_REFUSED;
	db = memory_new(sizeof(*db));
	db->settings = *settings;
	db->url = memory_text(settings->url);
	db->node = memory_text(settings->node);
	result = begin_session(db, error);
	db->settings.foreign = NULL; /* the caller's, for this call */
	if (result == ENGINE_OK)
		*ret_db = db;
	else
		close_db(db);
	/* That it may not make its tables, or use them, is for the operator to mend. */
	return result == ENGINE_FAILED ? ENGINE_REFUSED : result;
}

static void place(const void *at, struct buffer *out)
{
	const struct db *db = at;

	postgresql_place(&db->connection, out);
}

static enum engine_result look(void *at, struct buffer *error)
{
	struct db *db = at;

	return db->connection.handle ? postgresql_look(&db->connection, error) : be_connected(db, error);
}

static enum engine_result probe(void *at, struct buffer *error)
{
	struct db *db = at;
	struct postgresql_call calls[] = {
		{ .statement = "stage_probe", .count = 1, .parameters = { bytes_of(db->node) } },
		{ .statement = "stage_forget", .count = 1, .parameters = { bytes_of(db->node) } },
	};
	enum engine_result result = be_connected(db, error);

	if (result == ENGINE_OK)
		result = postgresql_exchange(&db->connection, calls, 2, error);
	postgresql_call_fini(&calls[0]);
	postgresql_call_fini(&calls[1]);
	if (result == ENGINE_FAILED)
		postgresql_disconnect(&db->connection); /* whatever it is, a new session may be free of it */
	return result;
}

/* --- claims --- */

static enum engine_result claim(void *at, struct engine_claim *claims, size_t count, struct buffer *error)
{
	struct db *db = at;
	enum engine_result result = be_connected(db, error);
	uint32_t wanted = 0;

	if (result != ENGINE_OK)
		return result;
	begin_arrays(db, (const uint32_t[]){ POSTGRESQL_INT4, POSTGRESQL_INT8 }, 2);
	for (size_t i = 0; i < count; i++) {
		struct shard *s = shard_at(db, claims[i].shard);

		if (holds(db, claims[i].shard, claims[i].epoch))
			continue;
		s->epoch = claims[i].epoch;
		s->generation = 0;
		postgresql_array_int4(&db->arrays[0], claims[i].shard);
		postgresql_array_int8(&db->arrays[1], claims[i].epoch);
		wanted++;
	}
	postgresql_array_end(&db->arrays[0], wanted);
	postgresql_array_end(&db->arrays[1], wanted);
	result = claim_arrays(db, wanted, error);
	for (size_t i = 0; i < count; i++) {
		const struct shard *s = shard_at(db, claims[i].shard);

		claims[i].above = holds(db, claims[i].shard, claims[i].epoch) ? 0 : s->above;
		claims[i].own = s->own;
	}
	return result;
}

/* --- writing --- */

/* In the order of keys, of which each is there once: the last change of it counts. */
static int by_key(const void *left, const void *right, void *changes)
{
	uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;
	struct bytes a = ((const struct engine_change *)changes)[l].key, b = ((const struct engine_change *)changes)[r].key;
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	if (order == 0)
		order = (a.len > b.len) - (a.len < b.len);
	return order ? order : (l > r) - (l < r);
}

static uint32_t *sort_changes(const struct engine_change *changes, size_t count)
{
	uint32_t *order = memory_grow(NULL, count, sizeof(*order));

	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, count, sizeof(*order), by_key, (void *)changes);
	return order;
}

static struct bytes address_of(struct bytes key)
{
	return (struct bytes){ key.data + PREFIX, key.len - PREFIX };
}

/* Arrays 3 to 5: what is put; 6 and 7: what is removed. */
static void place_changes(struct db *db, const struct engine_change *changes, size_t count)
{
	uint32_t *order = sort_changes(changes, count), put = 0, removed = 0;

	for (size_t i = 0; i < count; i++) {
		const struct engine_change *c = &changes[order[i]];

		if (i + 1 < count && bytes_equal(c->key, changes[order[i + 1]].key))
			continue;
		postgresql_array_int4(&db->arrays[c->remove ? 6 : 3], c->shard);
		postgresql_array_bytes(&db->arrays[c->remove ? 7 : 4], address_of(c->key));
		if (!c->remove)
			postgresql_array_bytes(&db->arrays[5], c->record);
		*(c->remove ? &removed : &put) += 1;
	}
	for (int i = 3; i < 6; i++)
		postgresql_array_end(&db->arrays[i], put);
	for (int i = 6; i < 8; i++)
		postgresql_array_end(&db->arrays[i], removed);
	free(order);
}

/* Arrays 0 to 2: the shards of the group, each once. How many; 0: one is not held. */
static uint32_t place_fence(struct db *db, const struct engine_change *changes, size_t count)
{
	uint32_t named = 0;

	db->group++;
	for (size_t i = 0; i < count; i++) {
		struct shard *s;

		if (!holds(db, changes[i].shard, changes[i].epoch))
			return 0;
		s = &db->shards[changes[i].shard];
		if (s->group == db->group)
			continue;
		s->group = db->group;
		postgresql_array_int4(&db->arrays[0], changes[i].shard);
		postgresql_array_int8(&db->arrays[1], s->epoch);
		postgresql_array_int8(&db->arrays[2], s->generation);
		named++;
	}
	for (int i = 0; i < 3; i++)
		postgresql_array_end(&db->arrays[i], named);
	return named;
}

/* What the fence has let through keeps its generation; the rest of the group is lost. */
static enum engine_result read_fence(struct db *db, const struct engine_change *changes, size_t count,
                                     const PGresult *held, uint32_t named)
{
	if ((uint32_t)PQntuples(held) == named)
		return ENGINE_OK;
	db->group++;
	for (int i = 0; i < PQntuples(held); i++)
		shard_at(db, (uint32_t)postgresql_integer(postgresql_value(held, i, 0)))->group = db->group;
	for (size_t i = 0; i < count; i++)
		if (db->shards[changes[i].shard].group != db->group)
			db->shards[changes[i].shard].generation = 0;
	return ENGINE_FENCED;
}

static enum engine_result write_db(void *at, const struct engine_change *changes, size_t count, struct buffer *error)
{
	static const uint32_t types[] = {
		POSTGRESQL_INT4, POSTGRESQL_INT8, POSTGRESQL_INT8,
		POSTGRESQL_INT4, POSTGRESQL_BYTEA, POSTGRESQL_BYTEA, POSTGRESQL_INT4, POSTGRESQL_BYTEA,
	};
	struct db *db = at;
	struct postgresql_call call = { .statement = "stage_write", .count = 8 };
	enum engine_result result = be_connected(db, error);
	uint32_t named;

	if (result != ENGINE_OK || count == 0)
		return result;
	begin_arrays(db, types, 8);
	named = place_fence(db, changes, count);
	if (named == 0)
		return ENGINE_FENCED;
	place_changes(db, changes, count);
	for (int i = 0; i < 8; i++)
		call.parameters[i] = array(db, i);
	result = postgresql_exchange(&db->connection, &call, 1, error);
	if (result == ENGINE_OK)
		result = read_fence(db, changes, count, call.result, named);
	postgresql_call_fini(&call);
	return result == ENGINE_FENCED ? look_whose(db, ENGINE_FENCED, error) : result;
}

/* --- reading --- */

/* How many are asked for; those of shards that are not held are not. order: which load is
 * the n-th of the arrays. */
static uint32_t place_loads(struct db *db, struct engine_load *loads, size_t count, uint32_t *order)
{
	static const uint32_t types[] = { POSTGRESQL_INT4, POSTGRESQL_INT8, POSTGRESQL_INT8, POSTGRESQL_BYTEA };
	uint32_t asked = 0;

	begin_arrays(db, types, 4);
	for (size_t i = 0; i < count; i++) {
		struct engine_load *l = &loads[i];

		l->found = false;
		l->fenced = !holds(db, l->shard, l->epoch);
		if (l->fenced)
			continue;
		postgresql_array_int4(&db->arrays[0], l->shard);
		postgresql_array_int8(&db->arrays[1], l->epoch);
		postgresql_array_int8(&db->arrays[2], db->shards[l->shard].generation);
		postgresql_array_bytes(&db->arrays[3], address_of(l->key));
		order[asked++] = (uint32_t)i;
	}
	for (int i = 0; i < 4; i++)
		postgresql_array_end(&db->arrays[i], asked);
	return asked;
}

static void take_load(struct db *db, struct engine_load *load, const PGresult *rows, int row)
{
	struct bytes held = postgresql_value(rows, row, 1), record = postgresql_value(rows, row, 2);

	load->fenced = held.len != 1 || held.data[0] == 0;
	if (load->fenced)
		db->shards[load->shard].generation = 0;
	load->found = !load->fenced && record.data != NULL;
	if (load->found)
		buffer_append_bytes(load->record, record);
}

static enum engine_result load_db(void *at, struct engine_load *loads, size_t count, struct buffer *error)
{
	struct db *db = at;
	struct postgresql_call call = { .statement = "stage_load", .count = 4 };
	enum engine_result result = be_connected(db, error);
	uint32_t *order, asked;

	if (result != ENGINE_OK || count == 0)
		return result;
	order = memory_grow(NULL, count, sizeof(*order));
	asked = place_loads(db, loads, count, order);
	for (int i = 0; i < 4; i++)
		call.parameters[i] = array(db, i);
	if (asked > 0)
		result = postgresql_exchange(&db->connection, &call, 1, error);
	for (int i = 0; asked > 0 && result == ENGINE_OK && i < PQntuples(call.result); i++) {
		uint64_t number = postgresql_integer(postgresql_value(call.result, i, 0));

		if (number > 0 && number <= asked)
			take_load(db, &loads[order[number - 1]], call.result, i);
	}
	postgresql_call_fini(&call);
	free(order);
	return result;
}

const struct engine_ops engine_postgresql = {
	.name = "postgresql", .open = open_db, .close = close_db, .write = write_db, .load = load_db,
	.claim = claim, .holds = holds, .probe = probe, .look = look, .place = place,
};
