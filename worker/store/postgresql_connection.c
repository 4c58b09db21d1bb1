/* libpq without its waiting: every step has a deadline. */
#include "worker/store/postgresql_connection.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/store/postgresql_error.h"

#define CONNECT_MS 5000
#define ANSWER_MS 25000 /* above the server's own limit on a statement */
#define TRIES 5         /* of what the server wants to be asked again */

/* What a url need not say: a peer that is gone without a word is noticed within ten seconds,
 * and of several servers the one that writes is taken. */
static const char *const keywords[] = {
	"connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
	"tcp_user_timeout", "target_session_attrs", "application_name", "dbname", NULL,
};
static const char *const defaults[] = { "5", "1", "5", "2", "3", "10000", "read-write", "stage", NULL, NULL };

/* Row locks are taken again once they are had (EvalPlanQual): that is what the fence relies
 * on, and what `read committed` does. Plans are made once, for arrays of any length. */
static const char session[] =
	"SET default_transaction_isolation = 'read committed';"
	"SET plan_cache_mode = force_generic_plan;"
	"SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
	"SELECT set_config('statement_timeout', '20s', false) WHERE current_setting('statement_timeout') = '0';"
	"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

static void take_note(void *owner, const PGresult *result)
{
	(void)owner, (void)result; /* notices are for people at a terminal */
}

/* One line of what libpq says. */
static void say(struct buffer *error, const char *text)
{
	size_t begin = buffer_length(error);

	for (; *text; text++)
		if (*text == '\n' && text[1])
			buffer_append_text(error, "; ");
		else if ((unsigned char)*text >= ' ')
			buffer_append(error, text, 1);
	if (buffer_length(error) == begin)
		buffer_append_text(error, "the connection is lost");
}

bool postgresql_url_valid(const char *url, struct buffer *error)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);

	PQconninfoFree(options);
	if (options == NULL)
		buffer_append_text(error, "[store] url is neither a PostgreSQL URI nor a list of key=value");
	return options != NULL;
}

void postgresql_disconnect(struct postgresql_connection *c)
{
	PQfinish(c->handle);
	c->handle = NULL;
}

static enum engine_result away(struct postgresql_connection *c, const char *why, struct buffer *error)
{
	say(error, why ? why : PQerrorMessage(c->handle));
	postgresql_disconnect(c);
	return ENGINE_AWAY;
}

/* False where nothing happened until the deadline. */
static bool wait_for(struct postgresql_connection *c, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = PQsocket(c->handle), .events = events };
	uint64_t now;
	int n;

	do {
		now = clock_now_ms();
		n = now < deadline ? poll(&p, 1, (int)(deadline - now)) : 0;
	} while (n < 0 && errno == EINTR);
	return n != 0;
}

/* --- connecting --- */

static uint64_t time_to_connect(const struct postgresql_connection *c)
{
	PQconninfoOption *options = PQconninfo(c->handle);
	uint64_t limit = CONNECT_MS;

	for (const PQconninfoOption *o = options; o && o->keyword; o++)
		if (strcmp(o->keyword, "connect_timeout") == 0 && o->val && atoi(o->val) > 0)
			limit = (uint64_t)atoi(o->val) * 1000;
	PQconninfoFree(options);
	return limit;
}

static void place_url(const char *url, const char *ret_values[])
{
	memcpy(ret_values, defaults, sizeof(defaults));
	ret_values[sizeof(defaults) / sizeof(defaults[0]) - 2] = url;
}

static enum engine_result dial(struct postgresql_connection *c, const char *url, struct buffer *error)
{
	const char *values[sizeof(defaults) / sizeof(defaults[0])];
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;
	uint64_t deadline;

	place_url(url, values);
	c->handle = PQconnectStartParams(keywords, values, 1);
	if (c->handle == NULL)
		abort();
	if (PQstatus(c->handle) == CONNECTION_BAD)
		return away(c, NULL, error);
	PQsetNoticeReceiver(c->handle, take_note, NULL);
	deadline = clock_now_ms() + time_to_connect(c);
	while (step != PGRES_POLLING_OK && step != PGRES_POLLING_FAILED) {
		if (!wait_for(c, step == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
			return away(c, "no connection within the time limit", error);
		step = PQconnectPoll(c->handle);
	}
	if (step == PGRES_POLLING_FAILED)
		return away(c, NULL, error);
	PQsetnonblocking(c->handle, 1);
	return ENGINE_OK;
}

/* libpq does not tell a server that says no from one that is not there. */
static bool is_there(const char *url)
{
	const char *values[sizeof(defaults) / sizeof(defaults[0])];

	place_url(url, values);
	return PQpingParams(keywords, values, 1) == PQPING_OK;
}

enum engine_result postgresql_connect(struct postgresql_connection *c, const char *url, struct buffer *error)
{
	enum engine_result result = dial(c, url, error);

	/* Twice: it may have come up between the two questions. */
	for (int i = 0; i < 2 && result != ENGINE_OK; i++) {
		if (!is_there(url))
			return result;
		buffer_clear(error);
		result = dial(c, url, error);
	}
	if (result != ENGINE_OK)
		return ENGINE_REFUSED;
	return postgresql_query(c, session, NULL, error);
}

void postgresql_place(const struct postgresql_connection *c, struct buffer *out)
{
	const char *host = PQhost(c->handle);

	buffer_printf(out, "%s:%s/%s", host ? host : "", PQport(c->handle), PQdb(c->handle));
}

/* --- results --- */

/* Sends what is left, reads what comes, until a result is whole. NULL with *ret_away: the
 * connection is of no more use. */
static PGresult *next_result(struct postgresql_connection *c, uint64_t deadline, bool *ret_away)
{
	int unsent = PQflush(c->handle);

	while (unsent > 0 || PQisBusy(c->handle)) {
		if (unsent < 0 || !wait_for(c, (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN), deadline))
			break;
		if (!PQconsumeInput(c->handle))
			break; /* what it said before it went may be there all the same */
		unsent = PQflush(c->handle);
	}
	*ret_away = PQstatus(c->handle) == CONNECTION_OK && (unsent != 0 || PQisBusy(c->handle));
	return *ret_away ? NULL : PQgetResult(c->handle);
}

static bool is_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* What a bad result means; the first of an exchange is the one that says why. Of what a server
 * says the first sentence: others may repeat what is in a row. */
static enum engine_result judge(const PGresult *result, bool *ret_again, struct buffer *error)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	say(error, state && primary ? primary : PQresultErrorMessage(result));
	if (state && primary)
		buffer_printf(error, " (%s)", state);
	return postgresql_classify(state, ret_again);
}

enum engine_result postgresql_query(struct postgresql_connection *c, const char *sql, PGresult **ret_result,
                                    struct buffer *error)
{
	uint64_t deadline = clock_now_ms() + ANSWER_MS;
	enum engine_result verdict = ENGINE_OK;
	PGresult *result, *last = NULL;
	bool lost = false, again;

	if (!PQsendQuery(c->handle, sql))
		return away(c, NULL, error);
	while ((result = next_result(c, deadline, &lost)) != NULL) {
		if (!is_good(result) && verdict == ENGINE_OK)
			verdict = judge(result, &again, error);
		PQclear(last);
		last = result;
	}
	if (lost || verdict == ENGINE_AWAY) {
		PQclear(last);
		if (verdict != ENGINE_AWAY)
			return away(c, "no answer within the time limit", error);
		postgresql_disconnect(c);
		return ENGINE_AWAY;
	}
	if (ret_result && verdict == ENGINE_OK)
		*ret_result = last;
	else
		PQclear(last);
	return verdict;
}

enum engine_result postgresql_prepare(struct postgresql_connection *c, const char *name, const char *sql,
                                      struct buffer *error)
{
	struct buffer text = { 0 };
	enum engine_result result;

	buffer_printf(&text, "PREPARE %s AS %s", name, sql);
	buffer_append(&text, "", 1);
	result = postgresql_query(c, text.data, NULL, error);
	buffer_fini(&text);
	return result;
}

/* --- the pipeline --- */

enum engine_result postgresql_begin_pipeline(struct postgresql_connection *c, struct buffer *error)
{
	return PQenterPipelineMode(c->handle) ? ENGINE_OK : away(c, NULL, error);
}

static bool send_call(struct postgresql_connection *c, const struct postgresql_call *call)
{
	const char *values[POSTGRESQL_PARAMETERS_MAX];
	int lengths[POSTGRESQL_PARAMETERS_MAX], formats[POSTGRESQL_PARAMETERS_MAX];

	assert(call->count <= POSTGRESQL_PARAMETERS_MAX);
	for (int i = 0; i < call->count; i++) {
		values[i] = call->parameters[i].data ? call->parameters[i].data : "";
		lengths[i] = (int)call->parameters[i].len;
		formats[i] = 1;
	}
	return PQsendQueryPrepared(c->handle, call->statement, call->count, values, lengths, formats, 1);
}

void postgresql_call_fini(struct postgresql_call *call)
{
	PQclear(call->result);
	call->result = NULL;
}

/* Reads up to the sync; a connection without a sync is a lost one. */
static enum engine_result collect(struct postgresql_connection *c, struct postgresql_call *calls, size_t count,
                                  bool *ret_again, struct buffer *error)
{
	uint64_t deadline = clock_now_ms() + ANSWER_MS;
	enum engine_result verdict = ENGINE_OK;
	bool lost = false, synced = false;
	size_t at = 0;

	while (!synced && at <= count) {
		PGresult *result = next_result(c, deadline, &lost);

		if (result == NULL && (lost || PQstatus(c->handle) == CONNECTION_BAD))
			break;
		if (result == NULL) { /* the end of one call */
			at++;
			continue;
		}
		synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		if (is_good(result) && at < count) {
			postgresql_call_fini(&calls[at]);
			calls[at].result = result;
			continue;
		}
		if (!synced && verdict == ENGINE_OK)
			verdict = judge(result, ret_again, error);
		PQclear(result);
	}
	if (synced && verdict != ENGINE_AWAY)
		return verdict;
	if (verdict == ENGINE_OK)
		return away(c, lost ? "no answer within the time limit" : NULL, error);
	postgresql_disconnect(c);
	return ENGINE_AWAY;
}

enum engine_result postgresql_exchange(struct postgresql_connection *c, struct postgresql_call *calls, size_t count,
                                       struct buffer *error)
{
	enum engine_result result = ENGINE_OK;
	bool again = true;

	for (int tries = 0; again && tries < TRIES; tries++) {
		again = false;
		buffer_clear(error);
		for (size_t i = 0; i < count; i++)
			if (!send_call(c, &calls[i]))
				return away(c, NULL, error);
		if (!PQpipelineSync(c->handle))
			return away(c, NULL, error);
		result = collect(c, calls, count, &again, error);
	}
	return result;
}

struct bytes postgresql_value(const PGresult *result, int row, int column)
{
	if (PQgetisnull(result, row, column))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column) };
}

enum engine_result postgresql_look(struct postgresql_connection *c, struct buffer *error)
{
	if (PQconsumeInput(c->handle) && PQstatus(c->handle) == CONNECTION_OK)
		return ENGINE_OK;
	return away(c, NULL, error);
}
