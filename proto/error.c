/* The table of error codes. */
#include "proto/error.h"

#define ROW(code, name, executed, help) [code] = { code, name, executed, help }

const struct error_row error_rows[ERROR_COUNT] = {
	ROW(ERROR_NONE, "ok", EXECUTED_YES, "no error"),
	ROW(ERROR_BAD_LINE, "bad-line", EXECUTED_NO, "the line does not follow the grammar"),
	ROW(ERROR_TOO_LONG, "too-long", EXECUTED_NO, "the line is longer than the server takes"),
	ROW(ERROR_BAD_VERB, "bad-verb", EXECUTED_NO, "there is no such verb"),
	ROW(ERROR_BAD_ARG, "bad-arg", EXECUTED_NO, "an argument, option or value is not acceptable"),
	ROW(ERROR_DUP_ID, "dup-id", EXECUTED_NO, "the ID is in flight or names a live watch"),
	ROW(ERROR_NO_AUTH, "no-auth", EXECUTED_NO, "the connection is not authenticated"),
	ROW(ERROR_DENIED, "denied", EXECUTED_NO, "the client may not do that"),
	ROW(ERROR_NO_ACTOR, "no-actor", EXECUTED_NO, "no class matches the address"),
	ROW(ERROR_NO_MEMBER, "no-member", EXECUTED_NO, "the actor has no such public property or method"),
	ROW(ERROR_READ_ONLY, "read-only", EXECUTED_NO, "the property is not writable by clients"),
	ROW(ERROR_CONFLICT, "conflict", EXECUTED_NO, "it has changed since the version given with if="),
	ROW(ERROR_DEADLOCK, "deadlock", EXECUTED_NO, "the call chain would wait for itself"),
	ROW(ERROR_LIMIT, "limit", EXECUTED_NO, "a limit of the connection or the server is reached"),
	ROW(ERROR_BUSY, "busy", EXECUTED_NO, "the mailbox or the worker is full"),
	ROW(ERROR_EXPIRED, "expired", EXECUTED_NO, "the deadline passed before the work started"),
	ROW(ERROR_UNREACHABLE, "unreachable", EXECUTED_NO, "the owner cannot be reached, nothing was sent"),
	ROW(ERROR_DRAINING, "draining", EXECUTED_NO, "the server is stopping"),
	ROW(ERROR_NO_SESSION, "no-session", EXECUTED_NO, "the request needs a session"),
	ROW(ERROR_QUARANTINED, "quarantined", EXECUTED_NO, "the message or actor is held after crashes"),
	ROW(ERROR_APP, "app", EXECUTED_YES, "the actor said no; its changes are rolled back"),
	ROW(ERROR_TIMEOUT, "timeout", EXECUTED_MAYBE, "it started and did not finish in time"),
	ROW(ERROR_CANCELLED, "cancelled", EXECUTED_MAYBE, "the client gave it up"),
	ROW(ERROR_LOST, "lost", EXECUTED_MAYBE, "the owner was lost after it was sent, or after a step of it"),
	ROW(ERROR_CRASHED, "crashed", EXECUTED_MAYBE, "the worker died while it held the request"),
	ROW(ERROR_INTERNAL, "internal", EXECUTED_MAYBE, "a fault of the server; see its log"),
	ROW(ERROR_GONE, "gone", EXECUTED_NOTICE, "the actor was destroyed"),
	ROW(ERROR_SLOW, "slow", EXECUTED_NOTICE, "the client does not read"),
	ROW(ERROR_IDLE, "idle", EXECUTED_NOTICE, "the connection was idle for too long"),
	ROW(ERROR_PROTOCOL, "protocol", EXECUTED_NOTICE, "the peer does not speak this protocol"),
	ROW(ERROR_SHUTDOWN, "shutdown", EXECUTED_NOTICE, "the server stops"),
	ROW(ERROR_MOVED, "moved", EXECUTED_NO, "inside the server: another epoch owns the shard"),
};

enum error_code error_find(struct bytes name)
{
	for (int i = 1; i < ERROR_COUNT; i++)
		if (bytes_equal(name, bytes_of(error_rows[i].name)))
			return error_rows[i].code;
	return ERROR_NONE;
}
