/* What a SQLSTATE means for a store. Pure. */
#ifndef WORKER_STORE_POSTGRESQL_ERROR_H
#define WORKER_STORE_POSTGRESQL_ERROR_H

#include "worker/store/engine.h"

/* ret_again: nothing was changed, and the same may succeed at once. state NULL: the connection
 * ended without one. */
enum engine_result postgresql_classify(const char *state, bool *ret_again);

#endif
