/* The closed list of error codes: each says whether the request was executed. */
#ifndef PROTO_ERROR_H
#define PROTO_ERROR_H

#include "common/bytes.h"

/* Values travel in frames (proto/ipc.h): append, never renumber. */
enum error_code {
	ERROR_NONE,
	/* not executed */
	ERROR_BAD_LINE, ERROR_TOO_LONG, ERROR_BAD_VERB, ERROR_BAD_ARG, ERROR_DUP_ID, ERROR_NO_AUTH,
	ERROR_DENIED, ERROR_NO_ACTOR, ERROR_NO_MEMBER, ERROR_READ_ONLY, ERROR_CONFLICT, ERROR_DEADLOCK,
	ERROR_LIMIT, ERROR_BUSY, ERROR_EXPIRED, ERROR_UNREACHABLE, ERROR_DRAINING, ERROR_NO_SESSION,
	ERROR_QUARANTINED,
	/* executed, and it said no */
	ERROR_APP,
	/* may have been executed */
	ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_LOST, ERROR_CRASHED, ERROR_INTERNAL,
	/* only in `end` and `bye` */
	ERROR_GONE, ERROR_SLOW, ERROR_IDLE, ERROR_PROTOCOL, ERROR_SHUTDOWN,
	/* inside the server only: the receiver does not own the shard in this epoch; re-route */
	ERROR_MOVED,
	ERROR_COUNT
};

enum error_executed { EXECUTED_NO, EXECUTED_YES, EXECUTED_MAYBE, EXECUTED_NOTICE };

struct error_row {
	enum error_code code;
	const char *name; /* on the wire */
	enum error_executed executed;
	const char *help;
};

/* Indexed by code. */
extern const struct error_row error_rows[ERROR_COUNT];

/* ERROR_NONE where no code has this name. */
enum error_code error_find(struct bytes name);

#endif
