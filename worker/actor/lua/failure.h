/* Error objects: what stage.error() and failed calls raise, and what any error is to the
 * outside. No code of the user's runs here, whatever its objects are. */
#ifndef WORKER_ACTOR_LUA_FAILURE_H
#define WORKER_ACTOR_LUA_FAILURE_H

#include <lua.h>
#include <stdnoreturn.h>

#include "common/buffer.h"
#include "proto/error.h"

#define FAILURE_TEXT_MAX 1000 /* bytes of an error's text */
#define FAILURE_CODE_MAX 64   /* bytes of a code */

void failure_open(lua_State *L);

/* stage.error(code [, details or message]): a lua_CFunction. */
int failure_on_error(lua_State *L);

/* Raises what a call answered: an actor's own error is the object it made, any other has
 * code and message; payload: its details, a map or empty. why: the message, or NULL. */
noreturn void failure_raise(lua_State *L, enum error_code code, struct bytes payload, const char *why);

/* Where the value at index is such an object: appends it as a map with its code, and
 * true. Raises a Lua error where its fields cannot be sent: out is then to be cleared. */
bool failure_write(lua_State *L, int index, struct buffer *out);

/* Appends what any error says: cut where it is long, UTF-8 whatever it was. */
void failure_text(lua_State *L, int index, struct buffer *out);

#endif
