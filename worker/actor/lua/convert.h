/* Values between msgpack and Lua: integers and reals stay what they are, null is
 * stage.null, arrays remember that they are arrays. No metamethod is called, so
 * nothing of the user's runs. */
#ifndef WORKER_ACTOR_LUA_CONVERT_H
#define WORKER_ACTOR_LUA_CONVERT_H

#include <lua.h>

#include "common/buffer.h"
#include "worker/actor/value.h"

/* JSON null in tables, properties and arguments. */
#define CONVERT_NULL NULL

/* Bytes of one value: a table may hold another a thousand times, and each counts. */
#define CONVERT_SIZE_MAX (2u << 20)

/* Makes the mark of arrays in a new state. */
void convert_open(lua_State *L);

/* Pushes one msgpack value. Raises a Lua error where memory ends. */
void convert_push(lua_State *L, struct bytes msgpack);
void convert_push_value(lua_State *L, const struct value *v);

/* The same for null, a truth value or a number, which raises no error where the stack has room;
 * false: it is none of these, and nothing is pushed. */
bool convert_push_plain(lua_State *L, struct bytes msgpack);

/* Whether the value at index is such a one, so that writing it raises no error. */
bool convert_is_plain(lua_State *L, int index);

/* Appends the value at index as msgpack; nil is null; keys are sorted, so that equal
 * tables are written alike. Raises a Lua error that names the place where something
 * cannot be said in JSON: out is then undone by the caller. */
void convert_write(lua_State *L, int index, struct buffer *out);

/* The values from index `first` to the top, as one array; bounded as one value. */
void convert_write_list(lua_State *L, int first, struct buffer *out);

/* Marks the table at index as an array, even while it is empty. */
void convert_mark_array(lua_State *L, int index);

/* Whether it is marked so. */
bool convert_is_array(lua_State *L, int index);

#endif
