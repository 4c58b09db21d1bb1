/* The table of SQLSTATEs, by class or whole. */
#include "worker/store/postgresql_error.h"

static const struct {
	const char *state; /* or its beginning; the first that fits */
	enum engine_result result;
	bool again;
} states[] = {
	{ "40001", ENGINE_FAILED, true },  /* serialization failure */
	{ "40P01", ENGINE_FAILED, true },  /* deadlock */
	{ "53100", ENGINE_FULL, false },   /* disk full */
	{ "53300", ENGINE_AWAY, false },   /* too many connections */
	{ "08", ENGINE_AWAY, false },      /* connection exceptions */
	{ "57014", ENGINE_AWAY, false },   /* cancelled: the statement's time limit */
	{ "57P", ENGINE_AWAY, false },     /* shut down, crashed, not yet there, idle for too long */
	{ "55P03", ENGINE_AWAY, false },   /* a lock's time limit */
	{ "25006", ENGINE_AWAY, false },   /* read-only: this is a standby now */
	{ "25P03", ENGINE_AWAY, false },   /* idle in a transaction */
	{ "", ENGINE_FAILED, false },
};

enum engine_result postgresql_classify(const char *state, bool *ret_again)
{
	size_t i = 0;

	*ret_again = false;
	if (state == NULL || state[0] == '\0')
		return ENGINE_AWAY;
	while (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
		i++;
	*ret_again = states[i].again;
	return states[i].result;
}
